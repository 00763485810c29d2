#!/bin/sh
# bytes.sh PROGRAM: files that no editor should have to open: NUL, bad UTF-8, Windows line ends,
# lines and files without end, directories, absent files. Each is told clearly and exits 78.
set -eu
program=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
file=$work/tlsrpt.conf
required='organization_name = Example Ltd\ncontact_info = tls@example.com\n'
failed=0

# check MESSAGE [PATH]: --check-config of PATH tells MESSAGE alone.
check() {
  path=${2-$file}
  status=0
  "$program" -c "$path" --check-config >"$work/out" 2>"$work/err" || status=$?
  echo "$path$1" >"$work/expected"
  if [ "$status" -ne 78 ] || ! diff -u --label expected "$work/expected" --label told "$work/err"; then
    echo "status $status for: $1"
    failed=1
  fi
}

# shellcheck disable=SC2059 # The format is the text.
{
  printf "${required}bcc = a\\000b@example.com\n" >"$file"
  check ":3: line holds a NUL byte"
  printf "${required}relay_name = \\377\\376\n" >"$file"
  check ":3: line is not valid UTF-8"
  printf "${required}relay_name = \\033[31mred\n" >"$file"
  check ":3: line holds a control character"
  printf 'organization_name = Example Ltd\r\ncontact_info = tls@example.com\r\n' >"$file"
  check ":1: line ends in CR LF: convert the file to Unix line ends"
  printf "# comment\n${required}\\342\\200\\256txt\n" >"$file"
  check ':4: expected "name = value", found "\u{202e}txt"'
  printf "${required}" >"$file"
  head -c 9000 /dev/zero | tr '\0' x >>"$file"
  check ":3: line is longer than 8192 bytes"
  head -c 2000000 /dev/zero | tr '\0' '\n' >"$file"
}
check ": is larger than 1048576 bytes"
check ": is larger than 1048576 bytes" /dev/zero
check ": cannot read: Is a directory" "$work"
check ": cannot open: No such file or directory" "$work/absent"
exit "$failed"
