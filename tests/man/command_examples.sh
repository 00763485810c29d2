#!/bin/sh
# command_examples.sh REPORTER MILTER FILE...: the programs accept every command line of ours that a
# page, a crontab or a systemd unit shows. Each is run with a configuration file that does not
# exist: a good command line gets past the switches and fails there (78, --bounce 75), a bad one is
# a usage error (64).
set -eu
reporter=$1
milter=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for file in "$@"; do
  awk '
    # Pages are read where they show literal text, other files line by line.
    NR == 1 { inside = ($1 != ".Dd") }
    /^\.Bd -literal/ { inside = 1; next }
    /^\.Ed/ { inside = 0 }
    /^\.Dl / { print; next }
    inside { print }
  ' "$file"
done | sed -e 's/^\.Dl //' -e 's/^ExecStart[A-Za-z]*=//' -e 's/^[#$] //' \
  -e 's/^\*[^ ]* \* \* \* \* [a-z]* //' |
  sed -n 's#^\(/usr/sbin/\)\{0,1\}\(tlsrpt-\(reporter\|milter\) -.*\)#\2#p' |
  sort -u >"$work/commands"
if [ "$(wc -l <"$work/commands")" -lt 8 ]; then
  echo "found too few commands"
  cat "$work/commands"
  exit 1
fi
failed=0
set -f
while read -r program arguments; do
  binary=$reporter
  [ "$program" = tlsrpt-reporter ] || binary=$milter
  status=0
  # shellcheck disable=SC2086 # The words of the example are the arguments.
  "$binary" -c "$work/absent.conf" $arguments </dev/null >"$work/out" 2>&1 || status=$?
  case "$status:$arguments" in
    0:* | 65:* | 66:* | 78:* | 75:--bounce) ;;
    *) failed=1; echo "$program $arguments: status $status"; cat "$work/out" ;;
  esac
done <"$work/commands"
exit "$failed"
