#!/bin/sh
# exit_status.sh HEADER PAGE...: the pages describe every status of enum ExitStatus and no other.
set -eu
header=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sed -n 's/^  exit_[a-z_]* = \([0-9]*\),.*/\1/p' "$header" | sort -n >"$work/code"
[ -s "$work/code" ] || { echo "no exit status found in $header"; exit 1; }
for page in "$@"; do
  awk '/^\.Sh / { inside = ($0 == ".Sh EXIT STATUS") } inside && /^\.It [0-9]+$/ { print $2 }' \
    "$page"
done | sort -nu >"$work/pages"
diff -u --label code "$work/code" --label pages "$work/pages"
