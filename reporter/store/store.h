// Store: where facts, collector positions, reports and deliveries are kept.
//
// SQLite (sqlite_store.h) is the first implementation; PostgreSQL will be the second and is tested
// with the same tests. A Store object belongs to one thread. Data read back is untrusted: rows that
// break a type's rules are Errc::syntax with their place, never undefined behaviour; lists that a
// flush works through leave them out and name them, so that one does not hide all others.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/datagram_loss.h"
#include "policy/fact.h"
#include "policy/result.h"

namespace tlsrpt::reporter {

// One collector's progress in one source. `position` and `pending` are the collector's own formats
// (file identity and offset; correlator state), opaque here.
struct CollectorState {
  std::string position;
  std::string pending;
  std::optional<policy::UtcSeconds> read_until;  // Stamp of the newest line read.
};

// A line or datagram that fits nothing, kept for --status (escaped when shown).
struct NotUnderstood {
  policy::UtcDay day{};
  std::string text;
};

// TLSRPT datagrams that were lost for one reason.
struct LostDatagrams {
  std::uint64_t count = 0;  // Or times, see policy::DatagramLoss.
  policy::UtcSeconds last{};
};

// Queue ids that collectors have forgotten for want of room.
struct ForgottenQueueIds {
  std::uint64_t ours = 0;      // Of our reports: their sessions are counted like those of any mail.
  std::uint64_t doubtful = 0;  // Of mail that looks like our reports.
  std::optional<policy::UtcSeconds> last;  // None: there were none.
};

// Everything a collector has learned since its last commit; one transaction.
struct Batch {
  std::string relay;   // Key of the state, together with source.
  std::string source;  // "file:/var/log/mail.log".
  CollectorState state;
  policy::UtcSeconds committed_at{};  // Wall clock; for "wrote in the last 24 h".
  // Counts to add, revision 0, in the order in which each fact was first seen: what is folded when
  // there are too many depends on that order, and on nothing else.
  std::vector<policy::Fact> facts;
  std::map<std::pair<policy::UtcDay, policy::Ignored>, std::uint64_t> ignored;
  // Counts to take away again, of this batch or of one before; no more than there are. Of a fact it
  // is looked for where it may have been folded to. What a report holds by now stays in it.
  struct TakenBack {
    std::vector<policy::Fact> facts;
    std::map<std::pair<policy::UtcDay, policy::Ignored>, std::uint64_t> ignored;
  };
  TakenBack taken_back;
  std::vector<NotUnderstood> not_understood;  // The store keeps the first 20 a day.
  std::map<std::pair<policy::UtcDay, policy::DatagramLoss>, LostDatagrams> lost_datagrams;
  std::map<policy::UtcDay, ForgottenQueueIds> forgotten_queue_ids;
  // (relay host, service) → instants at which an `established to` line was logged, as first and
  // last of each UTC day: what no_tls_seen is judged by.
  struct TlsLogged {
    std::string relay;
    std::string service;
    policy::UtcSeconds first{};
    policy::UtcSeconds last{};
  };
  std::vector<TlsLogged> tls_logged;
  // (MX host, address) that completed a handshake, with the last day seen.
  struct MxHandshake {
    std::string mx_host;
    std::string mx_ip;
    policy::UtcDay day{};
  };
  std::vector<MxHandshake> mx_handshakes;
  // The TLSRPT record that Postfix saw last of a (day, domain), at most policy::max_seen_record
  // octets: evidence for where DNS fails later. Kept for what has facts.
  std::map<std::pair<policy::UtcDay, std::string>, std::string> seen_records;
};

struct StoreLimits {
  unsigned max_facts = 2000;      // Rows per (domain, day); beyond it rows are folded.
  unsigned max_domains = 200000;  // Domains per day; beyond it sessions are `over-limit`.
  // How long to wait for another process's lock before Errc::temporary.
  std::chrono::milliseconds busy_timeout{5000};
  // Once it is set, locks are waited for a few tenths of a second more in all. Null: there is no
  // hurry. Outlives the store.
  const std::atomic<bool>* hurry = nullptr;
  // Called again and again while a lock is waited for. Empty: nobody wants to know.
  std::function<void()> waiting = {};
};

// A report as it was closed. The JSON is kept gzipped; everything else that its messages need to be
// made again with the same bytes is kept beside it.
struct StoredReport {
  std::int64_t id = 0;
  policy::UtcDay day{};
  std::string domain;
  std::uint32_t revision = 0;
  std::string report_id;  // <yyyymmdd>.<domain>.<revision>@<submitter>
  std::string file_name;  // RFC 8460, 5.1
  std::string json_gz;
  std::string boundary;
  policy::UtcSeconds created_at{};  // The Date of its messages.
  bool by_seen_record = false;      // DNS failed: it goes where the record that Postfix saw says.
};

struct ReportCount {
  std::uint64_t reports = 0;
  std::uint64_t by_seen_record = 0;  // Of these.
};

enum class DeliveryState : std::uint8_t { pending = 1, sent = 2, failed = 3, expired = 4 };
std::string_view to_text(DeliveryState state);

// One destination of one report. Its Message-ID is stored before it is handed over, so that the
// collector knows the message as ours.
struct Delivery {
  std::int64_t id = 0;
  std::int64_t report_id = 0;
  std::string destination;  // "mailto:ADDR", the https URI, or "bcc:ADDR" for the archive copy.
  std::string message_id;   // With angle brackets; empty for https.
  DeliveryState state = DeliveryState::pending;
  unsigned attempts = 0;
  policy::UtcSeconds not_before{};
  std::optional<policy::UtcSeconds> first_attempt;
  std::optional<policy::UtcSeconds> last_attempt;
  std::string last_error;
  // The version of this program that cannot handle it; another one tries again. Empty: none.
  std::string set_aside_by;
  policy::UtcSeconds created_at{};  // With its report; close_day() takes it from there.
  std::optional<policy::UtcSeconds> leased_until;  // Somebody has claimed it; given when read.
  // Refused as too large: it gets its report in the smallest form (smallest_form()).
  bool is_smallest = false;
};

// Whether DELIVERY waits for another version of this program.
bool is_set_aside(const Delivery& delivery);

// A delivery that is due, as far as it must be known to choose what is begun next.
struct DueDelivery {
  std::int64_t id = 0;
  policy::UtcSeconds not_before{};
  std::string destination;
};

// How deliveries by mail went lately.
struct RecentMail {
  bool sent = false;               // At least one.
  std::vector<Delivery> failures;  // Pending, failed or expired; the latest attempts first.
};

// Where a page of due deliveries ended.
struct DueCursor {
  policy::UtcSeconds not_before = policy::from_unix_seconds(-(std::int64_t{1} << 40));
  std::int64_t id = 0;
};

// Some of the due deliveries. Damaged rows are named ("delivery 2: damaged row: ..."), so that one
// does not hide all others.
struct DuePage {
  std::vector<DueDelivery> deliveries;
  std::vector<std::string> damaged;
  DueCursor end;         // Where the next page goes on.
  bool is_last = false;  // There is none.
};

struct ClaimedDeliveries {
  std::vector<Delivery> deliveries;
  std::vector<std::string> damaged;  // Named; not claimed.
};

// What discovery last said about the record of a (day, domain); `--status` shows it.
struct LookupNote {
  std::string text;  // "no record", "temporary: timeout", "record: ..."
  std::optional<policy::UtcSeconds> first_failure;
  // No report will be made of what is there now (no record): open_days() leaves the (day, domain)
  // out until further sessions of it arrive, or a note that does not settle it opens it again. Its
  // facts stay until they are pruned.
  bool settled = false;
};

// no_tls_seen sessions of one service and minute (Fact::minute, not -1) of a (day, domain) for
// which an `established to` line was found since, so that its report counts them.
struct ProvenPlaintext {
  std::string relay;
  std::string service;
  std::int16_t minute = 0;
};

// One (day, domain) with sessions of revision 0 that no report holds yet.
struct OpenDay {
  policy::UtcDay day{};
  std::string domain;
  std::uint32_t last_revision = 0;                // Highest revision closed so far.
  std::optional<policy::UtcSeconds> last_closed;  // created_at of that revision's report.
  std::optional<LookupNote> note;                 // As lookup_note() gives it.
};

// A row of open_days() that cannot be read.
struct DamagedDay {
  std::optional<policy::UtcDay> day;  // As far as that can be told.
  std::string what;                   // Names the row.
};

// Open days of some domains, every one of each of them. Damaged rows are named and left out.
struct OpenPage {
  std::vector<OpenDay> days;
  std::vector<DamagedDay> damaged;
  std::int64_t end = 0;  // Where the next page goes on.
  bool is_last = false;  // There is none.
};

// Which deliveries are meant; empty: all.
struct DeliveryFilter {
  std::optional<policy::UtcDay> day;
  std::optional<std::string> domain;
};

// What one flush leaves to the next about the time (flush_clock.h).
struct FlushTime {
  policy::UtcSeconds seen{};                        // Its wall clock.
  policy::UtcSeconds believed{};                    // The time by which it gave things up.
  std::optional<policy::UtcSeconds> doubted_since;  // The wall clock has been ahead since then.
};

// Deliveries of a day's reports in one state.
struct DeliveryCount {
  policy::UtcDay day{};
  DeliveryState state = DeliveryState::pending;
  bool set_aside = false;  // pending, but this version cannot handle them.
  std::uint64_t deliveries = 0;
  policy::UtcSeconds oldest{};  // created_at of the oldest report among them.
};

// A destination with a delivery that is set aside, pending after a failure, failed or expired.
struct DestinationTrouble {
  std::string destination;
  std::string last_error;                          // Of the latest attempt.
  std::optional<policy::UtcSeconds> last_attempt;  // When that was.
  std::uint64_t pending = 0;
  std::uint64_t set_aside = 0;  // pending, but this version cannot handle them
  std::uint64_t given_up = 0;   // failed or expired
};

// A destination to which nothing is handed over for a while, as mail to it has come back.
struct Suppression {
  std::string destination;  // As in Delivery.
  std::string reason;
  policy::UtcSeconds since{};
  policy::UtcSeconds until{};
};

// Domains of a day whose sessions no report holds nor will hold, for one reason.
struct UnreportedCount {
  policy::UtcDay day{};
  std::string reason;  // The text of their LookupNote.
  std::uint64_t domains = 0;
  std::uint64_t sessions = 0;
};

// A look-up note with its (day, domain).
struct LookupNoteInfo {
  policy::UtcDay day{};
  std::string domain;
  LookupNote note;
};

struct CollectorInfo {
  std::string relay;
  std::string source;
  std::optional<policy::UtcSeconds> read_until;
  policy::UtcSeconds committed_at{};
  // What is wrong with its row; the instants are empty then, as of one that is silent for long.
  std::string damage;
};

// What keeps, or kept, a collector of RELAY from its work.
struct CollectorTrouble {
  std::string relay;
  std::string name;  // The log "file:PATH", or what else it is about; one trouble of each is kept.
  std::string text;
  policy::UtcSeconds since{};
  std::optional<policy::UtcSeconds> until;  // None: it lasts.
};

// Begins the name of a trouble: the log tells of TLSRPT datagrams that do not come.
inline constexpr std::string_view missing_datagrams = "no datagrams for ";
// Likewise: lines and datagrams of the same sessions do not find each other, or at other times.
inline constexpr std::string_view datagrams_apart = "datagrams apart from ";

class Store {
 public:
  virtual ~Store() = default;

  // --- collector -------------------------------------------------------------------------------
  // The last committed state, none before the first commit.
  virtual policy::Result<std::optional<CollectorState>> collector_state(
      std::string_view relay, std::string_view source) = 0;
  // Adds counts, replaces the state, all or nothing. Errc::temporary: locked, nothing was changed,
  // try again; Errc::io: disk full or damaged, nothing was changed; Errc::not_found: the store was
  // removed under us, this object is of no more use.
  virtual policy::Status commit(const Batch& batch) = 0;
  // What a commit of nothing would say: Errc::not_found: the store was removed under us.
  virtual policy::Status still_there() = 0;
  // Takes the place of what is known of its relay and name.
  virtual policy::Status set_collector_trouble(const CollectorTrouble& trouble) = 0;
  // Whether MESSAGE_ID (with brackets) belongs to a delivery created at or after SINCE.
  virtual policy::Result<bool> is_report_message(std::string_view message_id,
                                                 policy::UtcSeconds since) = 0;
  // The last day on which (MX host, address) completed a handshake.
  virtual policy::Result<std::optional<policy::UtcDay>> last_handshake(std::string_view mx_host,
                                                                       std::string_view mx_ip) = 0;

  // --- looking ---------------------------------------------------------------------------------
  // Domains with facts on DAY, sorted.
  virtual policy::Result<std::vector<std::string>> domains(policy::UtcDay day) = 0;
  // Facts of one (day, domain): of REVISION, or of all revisions where it is empty.
  virtual policy::Result<std::vector<policy::Fact>> facts(
      policy::UtcDay day, std::string_view domain, std::optional<std::uint32_t> revision) = 0;
  virtual policy::Result<std::map<policy::Ignored, std::uint64_t>> ignored(policy::UtcDay day) = 0;
  virtual policy::Result<std::map<policy::DatagramLoss, LostDatagrams>> lost_datagrams(
      policy::UtcDay day) = 0;
  virtual policy::Result<ForgottenQueueIds> forgotten_queue_ids(policy::UtcDay day) = 0;
  // Whether SERVICE of RELAY logged an `established to` line within 24 h of INSTANT.
  virtual policy::Result<bool> tls_logged(std::string_view relay, std::string_view service,
                                          policy::UtcSeconds instant) = 0;
  virtual policy::Result<std::vector<CollectorInfo>> collectors() = 0;
  // The last one of each relay and name, in that order.
  virtual policy::Result<std::vector<CollectorTrouble>> collector_troubles() = 0;
  virtual policy::Result<std::vector<NotUnderstood>> not_understood(policy::UtcDay day) = 0;
  // Days with facts or ignored counts, ascending.
  virtual policy::Result<std::vector<policy::UtcDay>> days() = 0;
  // Ascending by day, then state; without archive copies.
  virtual policy::Result<std::vector<DeliveryCount>> delivery_counts() = 0;
  // The latest attempt first.
  virtual policy::Result<std::vector<DestinationTrouble>> troubled_destinations() = 0;
  // Of the deliveries by mail, archive copies included, that were tried at or after SINCE; at most
  // some hundred failures.
  virtual policy::Result<RecentMail> recent_mail(policy::UtcSeconds since) = 0;
  // How many reports there are of each day.
  virtual policy::Result<std::map<policy::UtcDay, ReportCount>> report_counts() = 0;
  // By day, the most sessions first.
  virtual policy::Result<std::vector<UnreportedCount>> unreported() = 0;
  // Notes of (day, domain)s that are still open, by day, domain.
  virtual policy::Result<std::vector<LookupNoteInfo>> lookup_notes() = 0;
  // Pending deliveries after id AFTER that FILTER means, leased or not, ascending by id, at most
  // LIMIT: for reading all of them page by page. A damaged one has its id, no destination, and as
  // last_error what is wrong.
  virtual policy::Result<std::vector<Delivery>> pending_deliveries(const DeliveryFilter& filter,
                                                                   std::int64_t after,
                                                                   unsigned limit) = 0;

  // --- flush -----------------------------------------------------------------------------------
  // Runs WORK; everything that it writes with this store is one transaction, committed when WORK
  // returns success, undone when it returns an error (which is returned) or the commit fails. For
  // many small writes at the price of one. Not to be nested, nor to be used around commit().
  // A close_day that refuses (Errc::temporary for sessions_seen) spoils nothing written before it.
  virtual policy::Status grouped(const std::function<policy::Status()>& work) = 0;
  // (day, domain)s with sessions of revision 0 and DAY before BEFORE that are not settled, of the
  // next domains after AFTER (a page's end, at first 0), at least LIMIT of them unless that is all.
  // After a report, one that has only undecided no_tls_seen sessions left is still listed: a later
  // TLS line may prove them. Settle it when that can no longer be.
  virtual policy::Result<OpenPage> open_days(policy::UtcDay before, std::int64_t after,
                                             unsigned limit) = 0;
  // How many domains open_days() lists altogether.
  virtual policy::Result<std::uint64_t> open_domains(policy::UtcDay before) = 0;
  // The days of DOMAIN before BEFORE that were settled with sessions of revision 0, ascending.
  virtual policy::Result<std::vector<OpenDay>> settled_days(policy::UtcDay before,
                                                            std::string_view domain) = 0;
  // In one transaction: the facts of revision 0 of (report.day, report.domain) get
  // report.revision, which must be the last one plus 1, and the report and its deliveries are
  // written (ids are assigned, deliveries are pending). no_tls_seen facts with a minute stay at
  // revision 0 unless PROVEN lists them; those listed lose their minute (-1: proven).
  // SESSIONS_SEEN is the sum of the sessions of all facts that this closes, reported or not. Where
  // it differs now (late lines came in between), or another reporter was first, nothing is written
  // and Errc::temporary is returned: read the facts again.
  virtual policy::Status close_day(const StoredReport& report,
                                   const std::vector<Delivery>& deliveries,
                                   std::uint64_t sessions_seen,
                                   const std::vector<ProvenPlaintext>& proven) = 0;
  // Keeps what the look-up of a (day, domain) said, since when it fails, and whether that settles
  // it.
  virtual policy::Status note_lookup(policy::UtcDay day, std::string_view domain,
                                     const LookupNote& note) = 0;
  virtual policy::Result<std::optional<LookupNote>> lookup_note(policy::UtcDay day,
                                                                std::string_view domain) = 0;
  // What was kept last of Batch::seen_records; empty: nothing.
  virtual policy::Result<std::string> seen_record(policy::UtcDay day, std::string_view domain) = 0;
  // Deliveries that FILTER means, that are pending and due at NOW (with IGNORE_SPREAD: every one
  // that was never tried, too), that nobody has claimed and this version has not set aside;
  // earliest first, after AFTER, at most LIMIT (damaged ones included): for reading all of them
  // page by page.
  virtual policy::Result<DuePage> due(policy::UtcSeconds now, bool ignore_spread,
                                      const DueCursor& after, unsigned limit,
                                      const DeliveryFilter& filter) = 0;
  // Claims those of IDS that are pending, free, and due or never tried at NOW for LEASE, so that no
  // other reporter takes them meanwhile.
  virtual policy::Result<ClaimedDeliveries> claim(const std::vector<std::int64_t>& ids,
                                                  policy::UtcSeconds now,
                                                  std::chrono::seconds lease) = 0;
  // The earliest instant at which due(.., false, .., FILTER) has one, leases considered; none:
  // nothing is pending.
  virtual policy::Result<std::optional<policy::UtcSeconds>> next_due(
      const DeliveryFilter& filter) = 0;
  virtual policy::Result<StoredReport> report(std::int64_t report_id) = 0;
  // All reports of DAY (every one where it is empty), by day, domain, revision.
  virtual policy::Result<std::vector<StoredReport>> reports(std::optional<policy::UtcDay> day) = 0;
  // The same without json_gz, for lists of any length. A damaged one has its id only.
  virtual policy::Result<std::vector<StoredReport>> list_reports(
      std::optional<policy::UtcDay> day) = 0;
  // By id; a damaged one keeps its place, as in pending_deliveries().
  virtual policy::Result<std::vector<Delivery>> deliveries(std::int64_t report_id) = 0;
  // Writes state, attempts, times, error, set_aside_by and is_smallest of one pending delivery, and
  // gives its lease back.
  // Errc::temporary: another reporter took it over after our lease had ended, or has finished it;
  // nothing is written then, except that `sent` is always kept. Errc::not_found: no such delivery.
  virtual policy::Status record_attempt(const Delivery& delivery) = 0;

  // --- bounces ---------------------------------------------------------------------------------
  // None: there is no such delivery (any more).
  virtual policy::Result<std::optional<Delivery>> delivery(std::int64_t id) = 0;
  // Those whose message has MESSAGE_ID (with brackets): at most one, and its archive copy. Damaged
  // ones are left out.
  virtual policy::Result<std::vector<Delivery>> deliveries_of_message(
      std::string_view message_id) = 0;
  // In one transaction: a delivery that is sent, or still pending, has failed with REASON, and
  // SUPPRESSION, if there is one, takes the place of what is known of its destination. False: it
  // had failed or expired before, and nothing was written.
  virtual policy::Result<bool> record_bounce(std::int64_t id, std::string_view reason,
                                             const std::optional<Suppression>& suppression) = 0;
  // A sent delivery that came back as too large is pending again with REASON, due at NOW as if it
  // was never tried, in the smallest form. False: it is not sent, or was in that form already, and
  // nothing was written.
  virtual policy::Result<bool> send_smallest(std::int64_t id, std::string_view reason,
                                             policy::UtcSeconds now) = 0;
  // Those that hold at NOW, by destination.
  virtual policy::Result<std::vector<Suppression>> suppressions(policy::UtcSeconds now) = 0;
  // False: there was none.
  virtual policy::Result<bool> lift_suppression(std::string_view destination) = 0;

  // --- the rest of a flush ---------------------------------------------------------------------
  // What set_flush_time() kept last, none before the first and where it is damaged.
  virtual policy::Result<std::optional<FlushTime>> flush_time() = 0;
  virtual policy::Status set_flush_time(const FlushTime& time) = 0;
  // After a wrong clock, which was ahead of NOW: a delivery that waits for an instant later than
  // NOW
  // + LONGEST_WAIT waits until NOW, an attempt that lies ahead counts as not made, a lease that
  // ends after NOW + LEASE ends then. Returns how many deliveries waited for too late an instant.
  virtual policy::Result<std::uint64_t> mend_times(policy::UtcSeconds now,
                                                   std::chrono::seconds longest_wait,
                                                   std::chrono::seconds lease) = 0;
  // Leases that ended before NOW end at NOW + LEASE instead: if the clock has leapt, their owners
  // are still at work. Returns how many.
  virtual policy::Result<std::uint64_t> extend_leases(policy::UtcSeconds now,
                                                      std::chrono::seconds lease) = 0;
  // The instant that remember() was last given with NAME, none where it was not or is pruned.
  virtual policy::Result<std::optional<policy::UtcSeconds>> remembered(std::string_view name) = 0;
  virtual policy::Status remember(std::string_view name, policy::UtcSeconds at) = 0;
  // Deletes facts, counts, reports, deliveries and what is remembered of days before BEFORE, but
  // not what is pending and not set aside.
  virtual policy::Status prune(policy::UtcDay before) = 0;
};

enum class StoreAccess : std::uint8_t {
  read_only,  // Never creates a store; Errc::not_found where there is none.
  collector,  // Creates it where absent; synchronous=NORMAL.
  reporter,   // Creates it where absent; synchronous=FULL.
};

// All pages of open_days() as one list, by day and domain.
policy::Result<OpenPage> all_open_days(Store& store, policy::UtcDay before);

// Opens "sqlite:PATH" (or fails with Errc::syntax for another scheme). Errc::not_found: absent and
// read_only; Errc::temporary: locked; Errc::syntax: of a newer schema version or no store at all.
policy::Result<std::unique_ptr<Store>> open_store(const std::string& location, StoreAccess access,
                                                  const StoreLimits& limits);

}  // namespace tlsrpt::reporter
