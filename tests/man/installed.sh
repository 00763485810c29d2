#!/bin/sh
# installed.sh CMAKE_INSTALL PAGE...: every page is installed, below the folder of its section.
set -eu
script=$1
shift
failed=0
for page in "$@"; do
  section=${page##*.}
  # The list of files follows the folder that it goes to.
  awk -v folder="/man/man$section\"" -v page="/${page##*/}\"" '
    /file\(INSTALL DESTINATION/ { inside = index($0, folder) > 0 }
    inside && index($0, page) { found = 1 }
    END { exit !found }
  ' "$script" || { echo "not installed: $page"; failed=1; }
done
exit "$failed"
