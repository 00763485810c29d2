#!/bin/sh
# groff.sh PAGE: man(1) and groff, as Debian has them, format the page without a warning.
set -eu
for tool in man groff; do
  command -v "$tool" >/dev/null || { echo "$tool is not installed"; exit 77; }
done
warnings=$(LC_ALL=C.UTF-8 man --warnings -E UTF-8 -l -Tutf8 -Z "$1" 2>&1 >/dev/null) || {
  echo "man failed: $warnings"
  exit 1
}
[ -z "$warnings" ] || { echo "$warnings"; exit 1; }
