#!/bin/sh
# options_used.sh PROGRAM TOP: every option is read somewhere beside the option table: none is
# parsed and then ignored.
set -eu
"$1" --print-options | cut -f 1 | {
  failed=0
  while read -r option; do
    grep -rEq --include=*.cpp --exclude=option_table.cpp --exclude=common_command.cpp \
      "ettings(\(\))?_?(\.|->)$option\>" "$2/reporter" "$2/milter" || {
      echo "parsed, but used nowhere: $option"
      failed=1
    }
  done
  exit "$failed"
}
