"""Everything that a collector has counted in a SQLite store, as comparable values."""

import sqlite3

# Columns of `fact` whose numbers stand for texts.
TEXTS = ("domain", "mx_host", "mx_ip", "helo", "service", "relay", "sending_ip", "reason")


def rows(database, table):
    cursor = database.execute(f"SELECT * FROM {table}")
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row)) for row in cursor]


def resolve(found, texts, names):
    for row in found:
        for name in names:
            row[name] = texts[row[name]]
    return found


def stored_counts(path):
    """{table: sorted rows}; numbers that the store chose are replaced by what they stand for."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        texts = {row["id"]: row["value"] for row in rows(database, "text")}
        policies = {row.pop("id"): row for row in resolve(
            rows(database, "policy"), texts,
            ("policy_domain", "policy_string", "mx_host"))}
        facts = resolve(rows(database, "fact"), texts, TEXTS)
        for fact in facts:
            fact["policy"] = policies[fact["policy"]]
        found = {
            "fact": facts,
            "ignored": rows(database, "ignored"),
            "not_understood": rows(database, "not_understood"),
            "tls_logged": resolve(rows(database, "tls_logged"), texts, ("relay", "service")),
            "mx_handshake": resolve(rows(database, "mx_handshake"), texts, ("mx_host", "mx_ip")),
            "domain_day": resolve(rows(database, "domain_day"), texts, ("domain", "record")),
        }
    return {table: sorted(map(repr, rows_)) for table, rows_ in found.items()}


def sessions(path):
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        return database.execute("SELECT coalesce(sum(sessions), 0) FROM fact").fetchone()[0]
