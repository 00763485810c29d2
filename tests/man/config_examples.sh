#!/bin/sh
# config_examples.sh PROGRAM PAGE: every example of a configuration, and the example of a record
# map, passes --check-config.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
awk -v work="$work" '
  /^\.Sh / { section = substr($0, 5) }
  /^\.Bd -literal/ { file = ""
    if (section == "EXAMPLES") file = work "/example" ++count ".conf"
    if (section == "RECORD MAP") file = work "/record_map"
    inside = 1; next }
  /^\.Ed/ { inside = 0 }
  inside && file != "" { print >file }
' "$2"
if [ ! -s "$work/example1.conf" ] || [ ! -s "$work/record_map" ]; then
  echo "no examples found"
  exit 1
fi
{
  cat "$work/example1.conf"
  echo "record_map = $work/record_map"
} >"$work/with_map.conf"
failed=0
for file in "$work"/*.conf; do
  "$1" -c "$file" --check-config >"$work/out" 2>&1 || {
    failed=1
    cat "$work/out" "$file"
  }
done
exit "$failed"
