#!/bin/sh
# lint.sh PAGE: mandoc finds nothing to warn about.
set -eu
command -v mandoc >/dev/null || { echo "mandoc is not installed"; exit 77; }
mandoc -T lint -W warning "$1"
