// Every statement of the SQLite engine, beside the tables in sqlite_schema.cpp.
//
// Parameters are numbered; the comment of a statement names those that its text does not.
#pragma once

#include <string_view>

namespace tlsrpt::reporter::sql {

// Texts and policies.
inline constexpr std::string_view data_version = "PRAGMA data_version";
inline constexpr std::string_view find_text = "SELECT id FROM text WHERE value = ?1";
inline constexpr std::string_view add_text = "INSERT INTO text (value) VALUES (?1)";
inline constexpr std::string_view find_policy =
    "SELECT id FROM policy WHERE type = ?1 AND policy_domain = ?2 AND policy_string = ?3 "
    "AND mx_host = ?4";
inline constexpr std::string_view add_policy =
    "INSERT INTO policy (type, policy_domain, policy_string, mx_host) VALUES (?1, ?2, ?3, ?4)";

// Facts, written. ?1 to ?15 are the key in the table's order, ?16 sessions, ?17 messages.
inline constexpr std::string_view add_to_fact =
    "UPDATE fact SET sessions = sessions + ?16, messages = messages + ?17 "
    "WHERE day = ?1 AND domain = ?2 AND revision = ?3 AND mx_host = ?4 AND mx_ip = ?5 "
    "AND outcome = ?6 AND helo = ?7 AND policy = ?8 AND service = ?9 AND relay = ?10 "
    "AND sending_ip = ?11 AND source = ?12 AND reason = ?13 AND epoch = ?14 AND minute = ?15";
inline constexpr std::string_view counts_of_fact =
    "SELECT sessions, messages FROM fact "
    "WHERE day = ?1 AND domain = ?2 AND revision = ?3 AND mx_host = ?4 AND mx_ip = ?5 "
    "AND outcome = ?6 AND helo = ?7 AND policy = ?8 AND service = ?9 AND relay = ?10 "
    "AND sending_ip = ?11 AND source = ?12 AND reason = ?13 AND epoch = ?14 AND minute = ?15";
inline constexpr std::string_view delete_empty_facts =
    "DELETE FROM fact WHERE day = ?1 AND domain = ?2 AND revision = 0 "
    "AND sessions = 0 AND messages = 0";
inline constexpr std::string_view close_empty_domain_day =
    "UPDATE domain_day SET open = 0 WHERE day = ?1 AND domain = ?2 AND NOT EXISTS "
    "(SELECT 1 FROM fact AS f WHERE f.day = ?1 AND f.domain = ?2 AND f.revision = 0 "
    "AND f.sessions > 0)";
inline constexpr std::string_view add_fact =
    "INSERT INTO fact (day, domain, revision, mx_host, mx_ip, outcome, helo, policy, service, "
    "relay, sending_ip, source, reason, epoch, minute, sessions, messages) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)";
inline constexpr std::string_view open_rows_by_policy =
    "SELECT policy, count(*) FROM fact WHERE day = ?1 AND domain = ?2 AND revision = 0 "
    "GROUP BY policy";
inline constexpr std::string_view find_domain_day =
    "SELECT open, record FROM domain_day WHERE day = ?1 AND domain = ?2";
inline constexpr std::string_view add_domain_day =
    "INSERT INTO domain_day (day, domain, open, last_revision, record) "
    "VALUES (?1, ?2, ?3, 0, 0)";
inline constexpr std::string_view set_domain_day_open =
    "UPDATE domain_day SET open = ?3 WHERE day = ?1 AND domain = ?2";
inline constexpr std::string_view set_seen_record =
    "UPDATE domain_day SET record = ?3 WHERE day = ?1 AND domain = ?2";
inline constexpr std::string_view day_domains = "SELECT domains FROM day WHERE day = ?1";
inline constexpr std::string_view set_day_domains =
    "INSERT INTO day (day, domains) VALUES (?1, ?2) ON CONFLICT (day) DO UPDATE SET domains = ?2";

// The rest of a collector's commit.
inline constexpr std::string_view add_ignored =
    "INSERT INTO ignored (day, kind, sessions) VALUES (?1, ?2, ?3) "
    "ON CONFLICT (day, kind) DO UPDATE SET sessions = sessions + ?3";
inline constexpr std::string_view take_from_ignored =
    "UPDATE ignored SET sessions = max(sessions - ?3, 0) WHERE day = ?1 AND kind = ?2";
inline constexpr std::string_view add_lost_datagrams =
    "INSERT INTO lost_datagram (day, kind, count, last) VALUES (?1, ?2, ?3, ?4) "
    "ON CONFLICT (day, kind) DO UPDATE SET count = count + ?3, last = max(last, ?4)";
inline constexpr std::string_view add_forgotten_queue_ids =
    "INSERT INTO forgotten_queue_ids (day, ours, doubtful, last) VALUES (?1, ?2, ?3, ?4) "
    "ON CONFLICT (day) DO UPDATE SET ours = ours + ?2, doubtful = doubtful + ?3, "
    "last = max(last, ?4)";
// ?3: how many are kept a day.
inline constexpr std::string_view add_not_understood =
    "INSERT INTO not_understood (day, number, line) SELECT ?1, n.count, ?2 "
    "FROM (SELECT count(*) AS count FROM not_understood WHERE day = ?1) AS n WHERE n.count < ?3";
inline constexpr std::string_view add_tls_logged =
    "INSERT INTO tls_logged (relay, service, day, first, last) VALUES (?1, ?2, ?3, ?4, ?5) "
    "ON CONFLICT (relay, service, day) DO UPDATE SET first = min(first, ?4), last = max(last, ?5)";
// Both: ?1 MX host, ?2 address, ?3 day. The first never goes back in time, but touches the row.
inline constexpr std::string_view renew_mx_handshake =
    "UPDATE mx_handshake SET day = max(day, ?3) WHERE mx_host = ?1 AND mx_ip = ?2";
inline constexpr std::string_view add_mx_handshake =
    "INSERT INTO mx_handshake (mx_host, mx_ip, day) VALUES (?1, ?2, ?3)";
inline constexpr std::string_view count_mx_handshakes = "SELECT count(*) FROM mx_handshake";
inline constexpr std::string_view set_collector =
    "INSERT INTO collector (relay, source, read_until, committed_at, position, pending) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (relay, source) DO UPDATE SET "
    "read_until = ?3, committed_at = ?4, position = ?5, pending = ?6";

// Read by the collector.
inline constexpr std::string_view collector_state =
    "SELECT position, pending, read_until FROM collector WHERE relay = ?1 AND source = ?2";
inline constexpr std::string_view is_report_message =
    "SELECT 1 FROM delivery WHERE message_id = ?1 AND message_id <> '' AND created_at >= ?2 LIMIT "
    "1";
inline constexpr std::string_view last_handshake =
    "SELECT h.day FROM mx_handshake AS h JOIN text AS m ON m.id = h.mx_host "
    "JOIN text AS i ON i.id = h.mx_ip WHERE m.value = ?1 AND i.value = ?2";

// Looking.
inline constexpr std::string_view domains_of_day =
    "SELECT t.value FROM domain_day AS d LEFT JOIN text AS t ON t.id = d.domain WHERE d.day = ?1 "
    "ORDER BY t.value";
// ?3: the revision, NULL for all of them.
inline constexpr std::string_view facts =
    "SELECT f.revision, relay.value, service.value, f.source, mx_host.value AS mx, "
    "mx_ip.value AS ip, sending_ip.value AS sending, helo.value, f.outcome, reason.value, "
    "p.type, p_domain.value, p_string.value, p_mx.value, f.epoch, f.minute, f.sessions, "
    "f.messages FROM fact AS f "
    "LEFT JOIN text AS relay ON relay.id = f.relay "
    "LEFT JOIN text AS service ON service.id = f.service "
    "LEFT JOIN text AS mx_host ON mx_host.id = f.mx_host "
    "LEFT JOIN text AS mx_ip ON mx_ip.id = f.mx_ip "
    "LEFT JOIN text AS sending_ip ON sending_ip.id = f.sending_ip "
    "LEFT JOIN text AS helo ON helo.id = f.helo "
    "LEFT JOIN text AS reason ON reason.id = f.reason "
    "LEFT JOIN policy AS p ON p.id = f.policy "
    "LEFT JOIN text AS p_domain ON p_domain.id = p.policy_domain "
    "LEFT JOIN text AS p_string ON p_string.id = p.policy_string "
    "LEFT JOIN text AS p_mx ON p_mx.id = p.mx_host "
    "WHERE f.day = ?1 AND f.domain = (SELECT id FROM text WHERE value = ?2) "
    "AND (?3 IS NULL OR f.revision = ?3) "
    "ORDER BY f.revision, p.type, p_domain.value, p_string.value, p_mx.value, f.outcome, mx, ip, "
    "helo.value, reason.value, sending, relay.value, service.value, f.source, f.epoch, f.minute";
inline constexpr std::string_view ignored_of_day =
    "SELECT kind, sessions FROM ignored WHERE day = ?1";
inline constexpr std::string_view lost_datagrams_of_day =
    "SELECT kind, count, last FROM lost_datagram WHERE day = ?1";
inline constexpr std::string_view forgotten_queue_ids_of_day =
    "SELECT ours, doubtful, last FROM forgotten_queue_ids WHERE day = ?1";
// ?3 and ?4 are the first and the last instant of the window.
inline constexpr std::string_view tls_logged =
    "SELECT 1 FROM tls_logged AS l JOIN text AS r ON r.id = l.relay "
    "JOIN text AS s ON s.id = l.service WHERE r.value = ?1 AND s.value = ?2 "
    "AND l.first <= ?4 AND l.last >= ?3 LIMIT 1";
inline constexpr std::string_view collectors =
    "SELECT relay, source, read_until, committed_at FROM collector ORDER BY relay, source";
inline constexpr std::string_view set_collector_trouble =
    "INSERT INTO collector_trouble (relay, name, trouble, since, until) "
    "VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (relay, name) DO UPDATE SET "
    "trouble = ?3, since = ?4, until = ?5";
inline constexpr std::string_view collector_troubles =
    "SELECT relay, name, trouble, since, until FROM collector_trouble ORDER BY relay, name";
inline constexpr std::string_view not_understood_of_day =
    "SELECT line FROM not_understood WHERE day = ?1 ORDER BY number";
// Both: ?1 and ?2 the least and the most day that there may be.
inline constexpr std::string_view days =
    "SELECT day FROM day WHERE day BETWEEN ?1 AND ?2 ORDER BY day";
inline constexpr std::string_view damaged_days =
    "SELECT day FROM day WHERE day NOT BETWEEN ?1 AND ?2";

// Closing a day. ?1 day, ?2 domain (its number), ?3 revision, ?4 Outcome::no_tls_seen throughout.
// Here ?1 is the day before which, ?2 the domain after which.
inline constexpr std::string_view open_days =
    "SELECT d.domain, d.day, t.value, d.last_revision, r.created_at, n.note, n.first_failure "
    "FROM domain_day AS d LEFT JOIN text AS t ON t.id = d.domain "
    "LEFT JOIN report AS r "
    "ON r.day = d.day AND r.domain = d.domain AND r.revision = d.last_revision "
    "LEFT JOIN lookup_note AS n ON n.day = d.day AND n.domain = d.domain "
    "WHERE d.open = 1 AND d.day < ?1 AND d.domain > ?2 ORDER BY d.domain, d.day";
inline constexpr std::string_view open_domains =
    "SELECT count(DISTINCT domain) FROM domain_day WHERE open = 1 AND day < ?1";
// The same columns. ?2 is the domain's name.
inline constexpr std::string_view settled_days =
    "SELECT d.domain, d.day, t.value, d.last_revision, r.created_at, n.note, n.first_failure "
    "FROM text AS t CROSS JOIN day AS y "
    "CROSS JOIN domain_day AS d ON d.day = y.day AND d.domain = t.id "
    "JOIN lookup_note AS n ON n.day = d.day AND n.domain = d.domain "
    "LEFT JOIN report AS r "
    "ON r.day = d.day AND r.domain = d.domain AND r.revision = d.last_revision "
    "WHERE t.value = ?2 AND y.day < ?1 AND d.open = 0 AND EXISTS (SELECT 1 FROM fact AS f "
    "WHERE f.day = d.day AND f.domain = d.domain AND f.revision = 0) ORDER BY d.day";
inline constexpr std::string_view seen_record =
    "SELECT r.value FROM domain_day AS d JOIN text AS t ON t.id = d.domain "
    "LEFT JOIN text AS r ON r.id = d.record WHERE d.day = ?1 AND t.value = ?2";
inline constexpr std::string_view domain_day_of =
    "SELECT d.domain, d.open, d.last_revision FROM domain_day AS d "
    "JOIN text AS t ON t.id = d.domain WHERE d.day = ?1 AND t.value = ?2";
inline constexpr std::string_view decided_sessions =
    "SELECT coalesce(sum(sessions), 0) FROM fact WHERE day = ?1 AND domain = ?2 "
    "AND revision = 0 AND (outcome <> ?4 OR minute < 0)";
inline constexpr std::string_view close_decided =
    "INSERT INTO fact (day, domain, revision, mx_host, mx_ip, outcome, helo, policy, service, "
    "relay, sending_ip, source, reason, epoch, minute, sessions, messages) "
    "SELECT day, domain, ?3, mx_host, mx_ip, outcome, helo, policy, service, relay, sending_ip, "
    "source, reason, epoch, minute, sessions, messages FROM fact "
    "WHERE day = ?1 AND domain = ?2 AND revision = 0 AND (outcome <> ?4 OR minute < 0)";
inline constexpr std::string_view delete_decided =
    "DELETE FROM fact WHERE day = ?1 AND domain = ?2 AND revision = 0 "
    "AND (outcome <> ?4 OR minute < 0)";
// ?5 relay, ?6 service, ?7 minute. Without their minute these rows may equal others.
inline constexpr std::string_view proven_sessions =
    "SELECT coalesce(sum(sessions), 0) FROM fact WHERE day = ?1 AND domain = ?2 "
    "AND revision = 0 AND outcome = ?4 AND minute = ?7 "
    "AND relay = (SELECT id FROM text WHERE value = ?5) "
    "AND service = (SELECT id FROM text WHERE value = ?6)";
inline constexpr std::string_view close_proven =
    "INSERT INTO fact (day, domain, revision, mx_host, mx_ip, outcome, helo, policy, service, "
    "relay, sending_ip, source, reason, epoch, minute, sessions, messages) "
    "SELECT day, domain, ?3, mx_host, mx_ip, outcome, helo, policy, service, relay, sending_ip, "
    "source, reason, epoch, -1, sessions, messages FROM fact "
    "WHERE day = ?1 AND domain = ?2 AND revision = 0 AND outcome = ?4 AND minute = ?7 "
    "AND relay = (SELECT id FROM text WHERE value = ?5) "
    "AND service = (SELECT id FROM text WHERE value = ?6) "
    "ON CONFLICT DO UPDATE SET sessions = sessions + excluded.sessions, "
    "messages = messages + excluded.messages";
inline constexpr std::string_view delete_proven =
    "DELETE FROM fact WHERE day = ?1 AND domain = ?2 AND revision = 0 AND outcome = ?4 "
    "AND minute = ?7 AND relay = (SELECT id FROM text WHERE value = ?5) "
    "AND service = (SELECT id FROM text WHERE value = ?6)";
// Open stays what has undecided sessions left.
inline constexpr std::string_view set_closed =
    "UPDATE domain_day SET last_revision = ?3, open = EXISTS (SELECT 1 FROM fact AS f "
    "WHERE f.day = ?1 AND f.domain = ?2 AND f.revision = 0 AND f.sessions > 0) "
    "WHERE day = ?1 AND domain = ?2";
// Opens a settled day again, if it has sessions that no report holds. ?1 day, ?2 domain.
inline constexpr std::string_view reopen_domain_day =
    "UPDATE domain_day SET open = EXISTS (SELECT 1 FROM fact AS f "
    "WHERE f.day = ?1 AND f.domain = ?2 AND f.revision = 0 AND f.sessions > 0) "
    "WHERE day = ?1 AND domain = ?2";
inline constexpr std::string_view add_report =
    "INSERT INTO report (day, domain, revision, report_id, file_name, boundary, created_at, "
    "json_gz, by_seen_record) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
inline constexpr std::string_view add_delivery =
    "INSERT INTO delivery (report, destination, message_id, state, attempts, created_at, "
    "not_before, last_error, set_aside_by, is_smallest) "
    "VALUES (?1, ?2, ?3, 1, 0, ?4, ?5, '', '', 0)";

// Look-ups.
inline constexpr std::string_view set_lookup_note =
    "INSERT INTO lookup_note (day, domain, note, first_failure) VALUES (?1, ?2, ?3, ?4) "
    "ON CONFLICT (day, domain) DO UPDATE SET note = ?3, first_failure = ?4";
inline constexpr std::string_view delete_lookup_note =
    "DELETE FROM lookup_note WHERE day = ?1 AND domain = ?2";
inline constexpr std::string_view lookup_note =
    "SELECT n.note, n.first_failure, d.open FROM lookup_note AS n "
    "JOIN text AS t ON t.id = n.domain "
    "JOIN domain_day AS d ON d.day = n.day AND d.domain = n.domain "
    "WHERE n.day = ?1 AND t.value = ?2";
inline constexpr std::string_view lookup_notes =
    "SELECT n.day, t.value, n.note, n.first_failure FROM domain_day AS d "
    "JOIN lookup_note AS n ON n.day = d.day AND n.domain = d.domain "
    "LEFT JOIN text AS t ON t.id = d.domain WHERE d.open = 1 ORDER BY n.day, t.value";

// Reports. ?1: the day, NULL for all of them.
inline constexpr std::string_view report =
    "SELECT r.id, r.day, t.value, r.revision, r.report_id, r.file_name, r.boundary, "
    "r.created_at, r.by_seen_record, r.json_gz FROM report AS r LEFT JOIN text AS t ON t.id = "
    "r.domain "
    "WHERE r.id = ?1";
inline constexpr std::string_view reports =
    "SELECT r.id, r.day, t.value, r.revision, r.report_id, r.file_name, r.boundary, "
    "r.created_at, r.by_seen_record, r.json_gz FROM report AS r LEFT JOIN text AS t ON t.id = "
    "r.domain "
    "WHERE ?1 IS NULL OR r.day = ?1 ORDER BY r.day, t.value, r.revision";
inline constexpr std::string_view list_reports =
    "SELECT r.id, r.day, t.value, r.revision, r.report_id, r.file_name, r.boundary, "
    "r.created_at, r.by_seen_record FROM report AS r LEFT JOIN text AS t ON t.id = r.domain "
    "WHERE ?1 IS NULL OR r.day = ?1 ORDER BY r.day, t.value, r.revision";

// Deliveries; state 1 is pending. A filter is ?4 day and ?5 domain, NULL for all of them; ?3 is 0
// where both are NULL, which spares the look at the reports.
inline constexpr std::string_view deliveries_of_report =
    "SELECT id, report, destination, message_id, state, attempts, not_before, first_attempt, "
    "last_attempt, last_error, set_aside_by, created_at, lease_until, is_smallest FROM delivery "
    "WHERE report = "
    "?1 ORDER BY "
    "id";
// ?1 now, ?2 how many, ?6 and ?7 the cursor, ?8 our version.
inline constexpr std::string_view due_deliveries =
    "SELECT id, not_before, destination FROM delivery WHERE state = 1 AND not_before <= ?1 "
    "AND (not_before, id) > (?6, ?7) AND (lease_until IS NULL OR lease_until <= ?1) "
    "AND set_aside_by <> ?8 "
    "AND (?3 = 0 OR EXISTS (SELECT 1 FROM report AS r WHERE r.id = report "
    "AND (?4 IS NULL OR r.day = ?4) "
    "AND (?5 IS NULL OR r.domain = (SELECT id FROM text WHERE value = ?5)))) "
    "ORDER BY not_before, id LIMIT ?2";
inline constexpr std::string_view due_or_new_deliveries =
    "SELECT id, not_before, destination FROM delivery WHERE state = 1 "
    "AND (not_before <= ?1 OR attempts = 0) AND (not_before, id) > (?6, ?7) "
    "AND (lease_until IS NULL OR lease_until <= ?1) AND set_aside_by <> ?8 "
    "AND (?3 = 0 OR EXISTS (SELECT 1 FROM report AS r WHERE r.id = report "
    "AND (?4 IS NULL OR r.day = ?4) "
    "AND (?5 IS NULL OR r.domain = (SELECT id FROM text WHERE value = ?5)))) "
    "ORDER BY not_before, id LIMIT ?2";
// ?1 id, ?2 now. Whoever tried it since it was read has put it off.
inline constexpr std::string_view free_delivery =
    "SELECT id, report, destination, message_id, state, attempts, not_before, first_attempt, "
    "last_attempt, last_error, set_aside_by, created_at, lease_until, is_smallest FROM delivery "
    "WHERE id = ?1 "
    "AND state = 1 "
    "AND (lease_until IS NULL OR lease_until <= ?2) AND (not_before <= ?2 OR attempts = 0)";
// ?1: the last id of the page before, ?2 how many.
inline constexpr std::string_view pending_deliveries =
    "SELECT id, report, destination, message_id, state, attempts, not_before, first_attempt, "
    "last_attempt, last_error, set_aside_by, created_at, lease_until, is_smallest FROM delivery "
    "WHERE state = 1 "
    "AND id > ?1 "
    "AND (?3 = 0 OR EXISTS (SELECT 1 FROM report AS r WHERE r.id = report "
    "AND (?4 IS NULL OR r.day = ?4) "
    "AND (?5 IS NULL OR r.domain = (SELECT id FROM text WHERE value = ?5)))) "
    "ORDER BY id LIMIT ?2";
// The earliest of those that nobody has claimed, and of those claimed, once their lease has ended.
// ?8 our version.
inline constexpr std::string_view next_due =
    "SELECT min(due) FROM (SELECT min(not_before) AS due FROM delivery WHERE state = 1 "
    "AND lease_until IS NULL AND set_aside_by <> ?8 "
    "AND (?3 = 0 OR EXISTS (SELECT 1 FROM report AS r WHERE r.id = report "
    "AND (?4 IS NULL OR r.day = ?4) "
    "AND (?5 IS NULL OR r.domain = (SELECT id FROM text WHERE value = ?5)))) "
    "UNION ALL SELECT min(max(not_before, lease_until)) FROM delivery WHERE state = 1 "
    "AND lease_until IS NOT NULL AND set_aside_by <> ?8 "
    "AND (?3 = 0 OR EXISTS (SELECT 1 FROM report AS r WHERE r.id = report "
    "AND (?4 IS NULL OR r.day = ?4) "
    "AND (?5 IS NULL OR r.domain = (SELECT id FROM text WHERE value = ?5)))))";
// ?8 our version.
inline constexpr std::string_view delivery_counts =
    "SELECT r.day, d.state, d.state = 1 AND d.set_aside_by = ?8 AS aside, count(*), "
    "min(d.created_at) FROM delivery AS d JOIN report AS r ON r.id = d.report "
    "WHERE d.destination NOT LIKE 'bcc:%' GROUP BY r.day, d.state, aside ORDER BY r.day, d.state, "
    "aside";
inline constexpr std::string_view report_counts =
    "SELECT day, count(*), sum(by_seen_record) FROM report GROUP BY day ORDER BY day";
// By way of the notes: most settled days have a report and none, and their facts are not read.
inline constexpr std::string_view unreported =
    "SELECT day, note, count(*), sum(sessions) AS all_sessions FROM ("
    "SELECT n.day, n.note, sum(f.sessions) AS sessions FROM lookup_note AS n "
    "CROSS JOIN domain_day AS d ON d.day = n.day AND d.domain = n.domain "
    "CROSS JOIN fact AS f ON f.day = n.day AND f.domain = n.domain AND f.revision = 0 "
    "AND f.sessions > 0 WHERE d.open = 0 GROUP BY n.day, n.domain) "
    "GROUP BY day, note ORDER BY day, all_sessions DESC, note";
// last_error is that of the row with the latest attempt: SQLite takes a column beside max() from
// the row that max() found. ?8 our version.
inline constexpr std::string_view troubled_destinations =
    "SELECT destination, last_error, max(last_attempt) AS latest, "
    "count(*) FILTER (WHERE state = 1 AND set_aside_by <> ?8), "
    "count(*) FILTER (WHERE state = 1 AND set_aside_by = ?8), "
    "count(*) FILTER (WHERE state <> 1) FROM delivery "
    "WHERE (state = 1 AND (last_error <> '' OR set_aside_by <> '')) OR state IN (3, 4) "
    "GROUP BY destination ORDER BY latest DESC, destination";
// Both: ?1 the instant since which. Of a damaged destination nobody knows.
inline constexpr std::string_view has_sent_mail =
    "SELECT 1 FROM delivery WHERE state = 2 AND last_attempt >= ?1 "
    "AND destination NOT LIKE 'https:%' LIMIT 1";
inline constexpr std::string_view mail_failures =
    "SELECT id, report, destination, message_id, state, attempts, not_before, first_attempt, "
    "last_attempt, last_error, set_aside_by, created_at, lease_until, is_smallest FROM delivery "
    "WHERE state <> 2 AND attempts > 0 AND last_attempt >= ?1 AND destination NOT LIKE 'https:%' "
    "ORDER BY last_attempt DESC, id LIMIT 200";
inline constexpr std::string_view lease_delivery =
    "UPDATE delivery SET lease_owner = ?2, lease_until = ?3 WHERE id = ?1";
// ?2 state, ?8 our name as lease owner; state 2 is sent.
inline constexpr std::string_view record_attempt =
    "UPDATE delivery SET state = ?2, attempts = ?3, not_before = ?4, first_attempt = ?5, "
    "last_attempt = ?6, last_error = ?7, set_aside_by = ?9, is_smallest = ?10, lease_owner = NULL, "
    "lease_until = NULL "
    "WHERE id = ?1 AND state = 1 AND (lease_owner IS NULL OR lease_owner = ?8 OR ?2 = 2)";
inline constexpr std::string_view has_delivery = "SELECT 1 FROM delivery WHERE id = ?1";

// Bounces. States: 1 pending, 2 sent, 3 failed.
inline constexpr std::string_view delivery =
    "SELECT id, report, destination, message_id, state, attempts, not_before, first_attempt, "
    "last_attempt, last_error, set_aside_by, created_at, lease_until, is_smallest FROM delivery "
    "WHERE id = ?1";
inline constexpr std::string_view deliveries_of_message =
    "SELECT id, report, destination, message_id, state, attempts, not_before, first_attempt, "
    "last_attempt, last_error, set_aside_by, created_at, lease_until, is_smallest FROM delivery "
    "WHERE message_id = ?1 AND message_id <> '' ORDER BY id LIMIT 10";
inline constexpr std::string_view record_bounce =
    "UPDATE delivery SET state = 3, last_error = ?2, lease_owner = NULL, lease_until = NULL "
    "WHERE id = ?1 AND state IN (1, 2)";
// ?2 the reason, ?3 now.
inline constexpr std::string_view send_smallest =
    "UPDATE delivery SET state = 1, last_error = ?2, is_smallest = 1, not_before = ?3, "
    "attempts = 0, first_attempt = NULL, last_attempt = NULL WHERE id = ?1 AND state = 2 AND "
    "is_smallest = 0";
inline constexpr std::string_view suppress =
    "INSERT INTO suppression (destination, reason, since, until) VALUES (?1, ?2, ?3, ?4) "
    "ON CONFLICT (destination) DO UPDATE SET reason = ?2, since = ?3, until = ?4";
// ?1 now, ?2 how far ahead of it one can begin: what was written by a clock that was ahead is not
// obeyed for as long.
inline constexpr std::string_view suppressions =
    "SELECT destination, reason, since, until FROM suppression WHERE until > ?1 AND since <= ?2 "
    "ORDER BY destination";
inline constexpr std::string_view lift_suppression =
    "DELETE FROM suppression WHERE destination = ?1";

// Clocks that jumped.
inline constexpr std::string_view flush_time =
    "SELECT seen, believed, doubted_since FROM flush_time";
inline constexpr std::string_view set_flush_time =
    "INSERT INTO flush_time (id, seen, believed, doubted_since) VALUES (1, ?1, ?2, ?3) "
    "ON CONFLICT (id) DO UPDATE SET seen = ?1, believed = ?2, doubted_since = ?3";
// ?1 now, ?2 the last instant that can be right.
inline constexpr std::string_view mend_not_before =
    "UPDATE delivery SET not_before = ?1 WHERE state = 1 AND not_before > ?2";
inline constexpr std::string_view mend_first_attempt =
    "UPDATE delivery SET first_attempt = NULL WHERE state = 1 AND first_attempt > ?1";
// ?1 the end that leases shall have. The owner of an extended lease may still record a success.
inline constexpr std::string_view shorten_leases =
    "UPDATE delivery SET lease_until = ?1 WHERE lease_until > ?1";
inline constexpr std::string_view extend_leases =
    "UPDATE delivery SET lease_until = ?1 WHERE state = 1 AND lease_until <= ?2";

// What a flush leaves for later ones. ?1 name, ?2 instant.
inline constexpr std::string_view remembered = "SELECT at FROM remembered WHERE name = ?1";
inline constexpr std::string_view remember =
    "INSERT INTO remembered (name, at) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET at = ?2";

// Pruning. ?1 is a day.
inline constexpr std::string_view oldest_day = "SELECT min(day) FROM day WHERE day < ?1";
inline constexpr std::string_view delete_facts = "DELETE FROM fact WHERE day = ?1";
inline constexpr std::string_view delete_domain_days = "DELETE FROM domain_day WHERE day = ?1";
inline constexpr std::string_view delete_ignored = "DELETE FROM ignored WHERE day = ?1";
inline constexpr std::string_view delete_lost_datagrams =
    "DELETE FROM lost_datagram WHERE day = ?1";
inline constexpr std::string_view delete_forgotten_queue_ids =
    "DELETE FROM forgotten_queue_ids WHERE day = ?1";
inline constexpr std::string_view delete_lookup_notes = "DELETE FROM lookup_note WHERE day = ?1";
inline constexpr std::string_view delete_day = "DELETE FROM day WHERE day = ?1";
inline constexpr std::string_view delete_not_understood =
    "DELETE FROM not_understood WHERE day < ?1";
inline constexpr std::string_view delete_tls_logged = "DELETE FROM tls_logged WHERE day < ?1";
inline constexpr std::string_view delete_remembered =
    "DELETE FROM remembered WHERE at < ?1 * 86400";
inline constexpr std::string_view delete_mx_handshakes = "DELETE FROM mx_handshake WHERE day < ?1";
inline constexpr std::string_view delete_suppressions =
    "DELETE FROM suppression WHERE until < ?1 * 86400";
// A report stays as long as one of its deliveries is pending and can be tried. ?8 our version.
inline constexpr std::string_view delete_deliveries =
    "DELETE FROM delivery WHERE report IN (SELECT r.id FROM report AS r WHERE r.day < ?1 "
    "AND NOT EXISTS (SELECT 1 FROM delivery AS d WHERE d.report = r.id AND d.state = 1 "
    "AND d.set_aside_by <> ?8))";
inline constexpr std::string_view delete_reports =
    "DELETE FROM report WHERE day < ?1 "
    "AND NOT EXISTS (SELECT 1 FROM delivery AS d WHERE d.report = report.id)";
inline constexpr std::string_view delete_policies =
    "DELETE FROM policy WHERE id NOT IN (SELECT policy FROM fact)";
inline constexpr std::string_view delete_texts =
    "DELETE FROM text WHERE id <> 0 AND id NOT IN ("
    "SELECT domain FROM domain_day UNION ALL SELECT record FROM domain_day "
    "UNION ALL SELECT domain FROM fact "
    "UNION ALL SELECT mx_host FROM fact UNION ALL SELECT mx_ip FROM fact "
    "UNION ALL SELECT helo FROM fact UNION ALL SELECT service FROM fact "
    "UNION ALL SELECT relay FROM fact UNION ALL SELECT sending_ip FROM fact "
    "UNION ALL SELECT reason FROM fact UNION ALL SELECT policy_domain FROM policy "
    "UNION ALL SELECT policy_string FROM policy UNION ALL SELECT mx_host FROM policy "
    "UNION ALL SELECT relay FROM tls_logged UNION ALL SELECT service FROM tls_logged "
    "UNION ALL SELECT mx_host FROM mx_handshake UNION ALL SELECT mx_ip FROM mx_handshake "
    "UNION ALL SELECT domain FROM lookup_note UNION ALL SELECT domain FROM report)";

}  // namespace tlsrpt::reporter::sql
