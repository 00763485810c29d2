#!/bin/sh
# options.sh PROGRAM PAGE: the page describes every option of --print-options and no other, in the
# same order, with the same type, default and reload flag.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$1" --print-options >"$work/program"
awk '
  function finish() {
    if (name != "") printf "%s\t%s\t%s\t%s\n", name, type, value, takes
    name = ""
  }
  /^\.Sh / { finish(); inside = ($0 == ".Sh OPTIONS") }
  !inside { next }
  /^\.It Cm [a-z_]+ No = Ar [^ ]+$/ {
    finish()
    name = $3; type = $7; value = "(the page has no default)"; takes = "(the page does not say)"
  }
  /^Default: none, the option is required\.$/ { value = "(required)" }
  /^Default: none\.$/ { value = "-" }
  /^Default:$/ { getline; sub(/^\.Ql /, ""); sub(/ \.$/, ""); value = $0 }
  /^Takes effect: (reload|restart)\.$/ {
    takes = $3; sub(/\.$/, "", takes)
    getline
    if ($0 !~ /^Since [0-9]+\.[0-9]+\.$/) takes = takes " (the page does not say since when)"
  }
' "$2" >"$work/page"
[ -s "$work/program" ] || { echo "--print-options printed nothing"; exit 1; }
# < what the program has, > what the page has
diff -u --label program "$work/program" --label page "$work/page"
