#!/bin/sh
# installed_files.sh CMAKE BUILD LIST VERSION: the build installs exactly the files in LIST, and the
# programs among them start from there and are of that version.
set -eu
cmake=$1
build=$2
list=$3
version=$4
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT

DESTDIR=$stage "$cmake" --install "$build" --prefix /usr >/dev/null
(cd "$stage" && find . ! -type d | sed 's|^\./||' | LC_ALL=C sort) >"$stage/found"
sed '/^found$/d' "$stage/found" | diff -u "$list" - || {
  echo "FAIL: not what $list says"
  exit 1
}
for program in tlsrpt-milter tlsrpt-reporter; do
  said=$("$stage/usr/sbin/$program" --version)
  case $said in
    "$program $version"*) ;;
    *) echo "FAIL: $program --version says \"$said\""; exit 1 ;;
  esac
done
if find "$stage/usr" -type f ! -path '*/sbin/*' -perm /111 | grep .; then
  echo "FAIL: executable, but no program"
  exit 1
fi
