#!/bin/sh
# check.sh PROGRAM FILE: --check-config of good.* says that there is no fault; of bad.* it exits 78
# and tells exactly the faults that stand, as `# LINE: REASON`, at the top of the file.
set -eu
program=$1
file=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
"$program" -c "$file" --check-config >"$work/out" 2>"$work/err" || status=$?
case "${file##*/}" in
  good.*)
    cat "$work/err"
    [ "$status" -eq 0 ] || { echo "status $status"; exit 1; }
    # Logs and programs of other machines are warnings.
    if grep -qv ': warning: ' "$work/err"; then exit 1; fi
    ;;
  bad.*)
    sed -n "s,^# \([0-9][0-9]*: .*\),\1,p" "$file" | sed "s,^,$file:," >"$work/expected"
    [ -s "$work/expected" ] || { echo "the file does not say what is wrong"; exit 1; }
    diff -u --label expected "$work/expected" --label told "$work/err"
    [ "$status" -eq 78 ] || { echo "status $status, not 78"; exit 1; }
    [ ! -s "$work/out" ] || { echo "a fault was told on standard output"; exit 1; }
    ;;
  *) echo "neither good.* nor bad.*: $file"; exit 1 ;;
esac
