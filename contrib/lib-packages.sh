# shellcheck shell=bash disable=SC2034
# Sourced by quickstart and run-tests: the Debian packages they need, and how to install them.

# What compiling the two programs takes.
packages_build=(
  ca-certificates cmake g++ libabsl-dev libc-ares-dev libcurl4-openssl-dev libidn2-dev
  libmilter-dev libsimdjson-dev libsqlite3-dev libssl-dev libsystemd-dev ninja-build
  nlohmann-json3-dev pkg-config tzdata zlib1g-dev
)
# What the tests take besides; knot, nginx, openssl and unbound play the Internet, opendkim and
# python3-dkim verify signatures, systemd keeps journals.
packages_tests=(
  clang-format-14 clang-tidy-14 git knot libgmock-dev libgtest-dev man-db mandoc nginx-light
  opendkim openssl procps python3 python3-dkim python3-dnspython shellcheck systemd
  systemd-journal-remote unbound
)
# What the long suites take besides: the second compiler with its sanitizers, the benchmark.
packages_all=(clang-14 libclang-rt-14-dev pflogsumm)

exit_unavailable=69

say() { printf '%s\n' "$*"; }

die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit "$exit_unavailable"
}

# Shows a command as it can be pasted into a shell, then runs it.
run() {
  printf '+'
  printf ' %q' "$@"
  printf '\n'
  "$@"
}

on_debian() { command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; }

# Prints those of the named packages that are not installed.
missing_packages() {
  local package
  for package in "$@"; do
    if [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then
      say "$package"
    fi
  done
}

# Debian starts the service of a package when it installs it. That is not for us to do on somebody
# else's machine, so for the time of the installation all starts are refused.
refuse_services() {
  [ -e /usr/sbin/policy-rc.d ] && return
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
  chmod 755 /usr/sbin/policy-rc.d
  trap allow_services EXIT
}

allow_services() {
  rm -f /usr/sbin/policy-rc.d
  trap - EXIT
}

# Makes sure that the named packages are installed: as root by apt-get, else says what is missing.
need_packages() {
  if ! on_debian; then
    say "This is no Debian: its packages ${*} are needed here under whatever name they have."
    return
  fi
  local missing
  mapfile -t missing < <(missing_packages "$@")
  [ "${#missing[@]}" -eq 0 ] && return
  if [ "$(id -u)" -ne 0 ]; then
    die "not installed: ${missing[*]}. As root: apt-get install ${missing[*]}"
  fi
  export DEBIAN_FRONTEND=noninteractive
  refuse_services
  # A source that is not for us may fail; what counts is whether the packages can be had.
  run apt-get -q update </dev/null || say "apt-get update failed in part, going on"
  run apt-get -q -y --no-install-recommends install "${missing[@]}" </dev/null ||
    die "cannot install: ${missing[*]}"
  allow_services
}

# Prints the installed package of a mail server other than Postfix; nothing where there is none.
other_mta() {
  if on_debian; then
    dpkg-query -W -f '${db:Status-Status} ${Package} ${Provides}\n' |
      awk '$1 == "installed" && $2 != "postfix" && /[ ,]mail-transport-agent([ ,(]|$)/ {print $2}'
  elif [ -x /usr/sbin/sendmail ] && ! [ -x /usr/sbin/postfix ]; then
    say /usr/sbin/sendmail
  fi
}

# Installs Postfix without configuring or starting it, only where there is no mail server at all.
need_postfix() {
  on_debian || return 0
  [ -z "$(missing_packages postfix)" ] && return
  if [ "$(id -u)" -eq 0 ]; then
    say "postfix postfix/main_mailer_type select No configuration" | debconf-set-selections
  fi
  need_packages postfix
}
