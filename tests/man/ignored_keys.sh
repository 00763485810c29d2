#!/bin/sh
# ignored_keys.sh HEADER PAGE: the page describes every kind of enum Ignored and no other, in the
# order of their numbers.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
awk '/^enum class Ignored/ { inside = 1; next } /^};/ { inside = 0 } inside { print $1 }' "$1" |
  tr _ - >"$work/code"
[ -s "$work/code" ] || { echo "no kinds found in $1"; exit 1; }
awk '
  /^\.S[hs] / { inside = ($0 == ".Ss What is not reported") }
  inside && /^\.It Cm / { print $3 }
' "$2" >"$work/page"
diff -u --label code "$work/code" --label page "$work/page"
