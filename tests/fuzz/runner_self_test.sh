#!/bin/sh
# runner_self_test.sh PROGRAM: the runner passes what is good, finds a fault by truncation of a
# seed, and leaves the input that showed it.
set -eu
program=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

fail() {
  echo "FAIL: $*"
  exit 1
}

printf 'good' >seed
"$program" seed || fail "a good seed does not pass"
if ls crash-* 2>/dev/null; then fail "a crash file without a crash"; fi

printf 'about' >seed
if "$program" seed; then fail "an abort was not seen"; fi
[ "$(cat crash-*)" = abo ] || fail "the input that aborts was not kept"
if "$program" crash-*; then fail "what was kept does not abort again"; fi
rm crash-*

if "$program" --help >/dev/null 2>&1; then fail "a file that is not there passes"; fi

# Without the address sanitizer, reading one octet too far goes unnoticed.
if nm "$program" | grep -q __asan_init; then
  printf 'over' >seed
  if "$program" seed 2>/dev/null; then fail "reading behind the input was not seen"; fi
  [ "$(cat crash-*)" = ove ] || fail "the input that reads too far was not kept"
fi
