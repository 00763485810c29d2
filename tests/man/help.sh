#!/bin/sh
# help.sh PROGRAM: --help goes to standard output and fits 80 columns; an unknown switch is told on
# standard error, with exit status 64.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$1" --help >"$work/out" 2>"$work/err"
[ -s "$work/out" ] || { echo "--help wrote nothing to standard output"; exit 1; }
[ ! -s "$work/err" ] || { echo "--help wrote to standard error:"; cat "$work/err"; exit 1; }
awk 'length > 80 { print "more than 80 columns: " $0; bad = 1 } END { exit bad }' "$work/out"
"$1" --version | grep -Eq "^$(basename "$1") [0-9]+\.[0-9]+" || { echo "--version is odd"; exit 1; }
status=0
"$1" --no-such-switch >"$work/out" 2>"$work/err" || status=$?
[ "$status" -eq 64 ] || { echo "an unknown switch gives $status, not 64"; exit 1; }
[ ! -s "$work/out" ] || { echo "a usage error wrote to standard output"; exit 1; }
grep -q -- '--no-such-switch' "$work/err" || { echo "the message does not name it"; exit 1; }
