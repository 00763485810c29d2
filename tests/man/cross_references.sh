#!/bin/sh
# cross_references.sh DIRECTORY: pages of ours that a page refers to are there, and each page is
# referred to by every other.
set -eu
cd "$1"
failed=0
sed -n 's/^\.Xr \(tlsrpt[-a-z.]*\) \([0-9]\).*/\1.\2/p' ./* | sort -u | {
  while read -r target; do
    [ -f "$target" ] || { echo "referred to, but not there: $target"; failed=1; }
  done
  exit "$failed"
} || failed=1
for page in *.[1-9]; do
  for other in *.[1-9]; do
    [ "$page" != "$other" ] || continue
    grep -q "^\.Xr ${page%.*} ${page##*.}" "$other" || {
      echo "$other does not refer to $page"
      failed=1
    }
  done
done
exit "$failed"
