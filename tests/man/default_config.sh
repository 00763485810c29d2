#!/bin/sh
# default_config.sh PROGRAM FILE: the file is what --print-default-config prints. To renew it after
# a change of the option table: tlsrpt-reporter --print-default-config >contrib/tlsrpt.conf
set -eu
"$1" --print-default-config | diff -u --label "$2" "$2" --label program -
