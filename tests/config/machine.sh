#!/bin/sh
# machine.sh PROGRAM: --check-config also tells what a good file names and this machine lacks, and
# in which line.
set -eu
program=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/map" <<END
a.example discard
b.example
END
mkfifo "$work/pipe"
mkdir "$work/folder" "$work/store" "$work/milter"
cp "$work/map" "$work/file"
cat >"$work/tlsrpt.conf" <<END
organization_name = Example Ltd
contact_info = tls@example.com
log_timezone = Mars/Olympus
run_as = no-such-user-here
record_map = $work/map
https_ca_file = $work
log_source = file:$work/absent.log file:$work/folder file:$work/pipe journal:$work/map journal:$work/none
mail_transport = sendmail:$work/absent
store = sqlite:$work/store
milter_socket = unix:$work/milter
tlsrpt_socket = $work/file
postfix_config = $work/absent $work/map
milter_socket_group = root
tlsrpt_socket_group = root
END
cat >"$work/expected" <<END
$work/tlsrpt.conf:3: log_timezone: /usr/share/zoneinfo/Mars/Olympus: No such file or directory
$work/tlsrpt.conf:4: run_as: there is no user no-such-user-here
$work/tlsrpt.conf:5: record_map: $work/map:2: expected "DOMAIN TXT-RECORD" or "DOMAIN discard"
$work/tlsrpt.conf:7: log_source: $work/folder: is a directory
$work/tlsrpt.conf:7: log_source: $work/pipe: is no plain file
$work/tlsrpt.conf:7: log_source: $work/map: is no directory
$work/tlsrpt.conf:9: store: $work/store: is a directory
$work/tlsrpt.conf:10: milter_socket: $work/milter: is a directory
$work/tlsrpt.conf:11: tlsrpt_socket: $work/file: is no socket
$work/tlsrpt.conf:12: postfix_config: $work/map: is no directory
$work/tlsrpt.conf:6: https_ca_file: $work: is a directory
$work/tlsrpt.conf:7: log_source: warning: $work/absent.log: No such file or directory; tlsrpt-milter waits for it
$work/tlsrpt.conf:7: log_source: warning: $work/none: No such file or directory; tlsrpt-milter waits for it
$work/tlsrpt.conf:12: postfix_config: warning: $work/absent: No such file or directory; tlsrpt-milter does not start before it is there
$work/tlsrpt.conf:8: mail_transport: warning: $work/absent: No such file or directory; no report is mailed before it is there
END
status=0
"$program" -c "$work/tlsrpt.conf" --check-config >"$work/out" 2>"$work/err" || status=$?
diff -u --label expected "$work/expected" --label told "$work/err"
[ "$status" -eq 78 ]

# A program is one that can be executed.
sed -i '/^mail_transport/d' "$work/tlsrpt.conf"
echo "mail_transport = sendmail:$work/map" >>"$work/tlsrpt.conf"
"$program" -c "$work/tlsrpt.conf" --check-config 2>&1 |
  grep -q -F "mail_transport: $work/map: cannot be executed"
