"""Session counts: what the servers' truth says they must be, and what a document says they are.

Both sides become the same plain value, so that comparing is `==`:
    {domain: {(policy-type, policy-domain): {"success": n, (result-type, mx, ip): n}}}
"""

import collections

import postfix_chroot

NO_POLICY = "no-policy-found"


def rule(domain, session):
    """(policy-type, outcome) that RFC 8460 and Postfix's log give this session, or None."""
    if not session.ehlo_answered:
        return None  # Greeting or EHLO not answered: no session of TLS.
    # From 3.11 on the log tells that DANE was applied (`tls=dane`), also where nothing failed.
    knows_dane = domain.tlsa == "good" and postfix_chroot.version() == "3.11"
    if not session.starttls_offered or session.starttls_reply == "454":
        return "tlsa" if knows_dane else NO_POLICY, "starttls-not-supported"
    if session.starttls_reply is None:
        return None  # Retry in the clear: one session with the handshake that failed before it.
    if knows_dane:
        return "tlsa", "validation-failure" if session.tls == "failed" else "success"
    if session.tls == "failed":
        return NO_POLICY, "validation-failure"
    if domain.tlsa == "mismatch":
        return "tlsa", "certificate-not-trusted"
    if domain.tlsa == "unusable":
        return "tlsa", "tlsa-invalid"
    if domain.policy in ("secure", "sts"):
        return NO_POLICY, judged(domain, session)
    return NO_POLICY, "success"


def judged(domain, session):
    """The outcome of a completed handshake where the certificate has to be right.

    Postfix gives no reason for a resumed TLS session; the one it resumes had the same.
    """
    host = next(host for host in domain.hosts if host.name == session.mx)
    if host.certificate == "good":
        return "success"
    return {
        "expired": "certificate-expired",
        "wrong-host": "certificate-host-mismatch",
        "self-signed": "certificate-not-trusted",
        "hostile-issuer": "certificate-not-trusted",
    }[host.certificate]


def domain_of(domains, session):
    """The domain whose mail opened the session, or None; each host serves one domain only."""
    return next((domain for domain in domains
                 if any(host.name == session.mx for host in domain.hosts)), None)


def expected(domains, sessions, attempts_without_connection=None, the_rule=rule):
    """The counts for these sessions, of those domains that are among `domains`.

    `attempts_without_connection`: {domain name: n}, deliveries that the lack of TLSA records
    stopped before a connection. `the_rule`: what a session is, as rule().
    """
    result = {}
    for session in sessions:
        domain = domain_of(domains, session)
        found = domain and the_rule(domain, session)
        if found is None:
            continue
        policy_type, outcome = found
        policy_domain = session.mx if policy_type == "tlsa" else domain.name
        key = "success" if outcome == "success" else (outcome, session.mx, session.address)
        add(result, domain.name, (policy_type, policy_domain), key, 1)
    for name, number in (attempts_without_connection or {}).items():
        host = next(domain for domain in domains if domain.name == name).hosts[0].name
        add(result, name, ("tlsa", host), ("dnssec-invalid", host, None), number)
    return result


def add(result, domain, policy, key, number):
    policies = result.setdefault(domain, {})
    policies.setdefault(policy, collections.Counter())[key] += number


def of_policies(policies):
    """The counts in the `policies` array of a report or summary, its sums checked."""
    result = collections.defaultdict(collections.Counter)
    seen = set()
    for entry in policies:
        policy = entry["policy"]
        counter = collections.Counter()
        success = entry["summary"]["total-successful-session-count"]
        failure = entry["summary"]["total-failure-session-count"]
        details = entry.get("failure-details", [])
        if success:
            counter["success"] = success
        for detail in details:
            key = (detail["result-type"], detail.get("receiving-mx-hostname"),
                   detail.get("receiving-ip"))
            counter[key] += detail["failed-session-count"]
        if failure != sum(detail["failed-session-count"] for detail in details):
            raise AssertionError(f"details do not add up to the failures: {entry}")
        key = (policy["policy-type"], policy["policy-domain"])
        # The log knows no strings of a policy, Postfix's datagrams do.
        whole = (*key, *policy.get("policy-string", []))
        if whole in seen:
            raise AssertionError(f"two entries for one policy: {policies}")
        seen.add(whole)
        result[key] += counter
    return dict(result)


def observed(summary):
    """The counts of a parsed `--summary --format json`."""
    names = [entry["domain"] for entry in summary["domains"]]
    if names != sorted(set(names)):
        raise AssertionError(f"domains are not sorted or not unique: {names}")
    return {entry["domain"]: of_policies(entry["policies"]) for entry in summary["domains"]}


def difference(wanted, found):
    """What differs, a line for each domain; empty when nothing does."""
    lines = []
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            lines.append(f"{name}:\n  truth   {plain(wanted.get(name))}"
                         f"\n  program {plain(found.get(name))}")
    return "\n".join(lines)


def plain(policies):
    if policies is None:
        return "nothing"
    return {policy: dict(counter) for policy, counter in policies.items()}
