#!/bin/sh
# switches.sh PROGRAM PAGE: the page describes every switch of --help and no other, each with an
# argument where it takes one, and the synopsis shows each.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$1" --help | awk '
  /^  -/ { print $1 ($2 ~ /^\[?[A-Z][A-Z]+/ || $2 ~ /^[a-z]+\|[a-z0-9]+$/ ? " ARGUMENT" : "") }
' | sort -u >"$work/program"
[ -s "$work/program" ] || { echo "--help names no switch"; exit 1; }
awk '
  /^\.It Fl / { print "-" $3 (NF > 3 ? " ARGUMENT" : "") }
' "$2" | sort -u >"$work/page"
diff -u --label program "$work/program" --label page "$work/page"
awk '
  /^\.Sh / { inside = ($0 == ".Sh SYNOPSIS") }
  inside {
    flag = 0
    for (i = 1; i <= NF; ++i) {
      if ($i == "Fl" || $i == ".Fl") { flag = 1; continue }
      if ($i == "|") continue
      if (flag && $i ~ /^(-?[a-z][-a-z]*)$/) print "-" $i
      if ($i == "Ar" || $i == "Cm" || $i == "Op") flag = 0
    }
  }
' "$2" | sort -u >"$work/synopsis"
cut -d ' ' -f 1 "$work/program" | sort -u |
  diff -u --label program - --label synopsis "$work/synopsis"
