// Closing days, reports, look-up notes and pruning, for every engine.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/support/store_contract.h"

namespace tlsrpt::testing_support {
namespace {

using policy::Errc;
using policy::Fact;
using policy::Outcome;
using reporter::Batch;
using reporter::Delivery;
using reporter::DeliveryState;
using reporter::LookupNote;
using reporter::Store;
using reporter::StoreAccess;
using reporter::StoredReport;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class StoreContractReports : public StoreContract {
 protected:
  static StoredReport report_of(const std::string& domain, std::uint32_t revision) {
    StoredReport report;
    report.day = day("2026-11-22");
    report.domain = domain;
    report.revision = revision;
    report.report_id = "20261122." + domain + "." + std::to_string(revision) + "@sender.example";
    report.file_name = domain + ".json.gz";
    report.json_gz = std::string("\x1f\x8b\0gz", 5);
    report.boundary = "b";
    report.created_at = at("2026-11-23T00:30:00Z");
    return report;
  }

  static Delivery delivery_to(const std::string& destination, const std::string& message_id) {
    Delivery delivery;
    delivery.destination = destination;
    delivery.message_id = message_id;
    delivery.not_before = at("2026-11-23T01:00:00Z");
    return delivery;
  }

  static Fact undecided(const std::string& domain, std::int16_t minute) {
    Fact fact = sample_fact(domain);
    fact.outcome = Outcome::no_tls_seen;
    fact.minute = minute;
    return fact;
  }

  // "domain.last_revision" of each open day before 2026-11-24.
  static std::vector<std::string> open_days(Store& store) {
    std::vector<std::string> texts;
    const auto days = all_open_days(store, day("2026-11-24"));
    if (!days.ok()) return {days.error().message()};
    for (const auto& open : days->days) {
      texts.push_back(policy::to_text(open.day) + " " + open.domain + " " +
                      std::to_string(open.last_revision));
    }
    return texts;
  }
};

INSTANTIATE_TEST_SUITE_P(Store, StoreContractReports, ::testing::Values(sqlite_engine()),
                         engine_name);

TEST_P(StoreContractReports, ClosingMovesTheFactsAndWritesReportAndDeliveries) {
  const auto store = open();
  Fact fact = sample_fact("a.example");
  fact.sessions = 3;
  ASSERT_TRUE(store->commit(batch_of({fact, sample_fact("b.example")})).ok());
  EXPECT_THAT(open_days(*store), ElementsAre("2026-11-22 a.example 0", "2026-11-22 b.example 0"));
  EXPECT_THAT(all_open_days(*store, day("2026-11-22"))->days, IsEmpty());

  const StoredReport report = report_of("a.example", 1);
  ASSERT_EQ(
      message_of(store->close_day(report,
                                  {delivery_to("mailto:x@a.example", "<tlsrpt.1@sender.example>"),
                                   delivery_to("https://a.example/r", "")},
                                  3, {})),
      "ok");
  EXPECT_THAT(open_days(*store), ElementsAre("2026-11-22 b.example 0"));
  fact.revision = 1;
  EXPECT_THAT(facts(*store, "a.example"), ElementsAre(describe(fact)));
  EXPECT_THAT(facts(*store, "a.example", 0), IsEmpty());
  EXPECT_THAT(facts(*store, "a.example", 1), ElementsAre(describe(fact)));

  const auto reports = store->reports(day("2026-11-22"));
  ASSERT_EQ(message_of(reports), "ok");
  ASSERT_EQ(reports->size(), 1U);
  const StoredReport& kept = reports->front();
  EXPECT_EQ(kept.report_id, report.report_id);
  EXPECT_EQ(kept.file_name, report.file_name);
  EXPECT_EQ(kept.json_gz, report.json_gz);
  EXPECT_EQ(kept.boundary, report.boundary);
  EXPECT_EQ(kept.created_at, report.created_at);
  EXPECT_EQ(kept.domain, "a.example");
  EXPECT_EQ(kept.revision, 1U);
  EXPECT_EQ(store->report(kept.id)->json_gz, report.json_gz);
  EXPECT_EQ(store->report(kept.id + 1).error().code(), Errc::not_found);
  EXPECT_EQ(store->list_reports(std::nullopt)->front().json_gz, "");
  EXPECT_EQ(store->list_reports(std::nullopt)->front().report_id, report.report_id);
  EXPECT_THAT(*store->reports(day("2026-11-21")), IsEmpty());

  const auto deliveries = store->deliveries(kept.id);
  ASSERT_EQ(deliveries->size(), 2U);
  EXPECT_EQ(deliveries->front().destination, "mailto:x@a.example");
  EXPECT_EQ(deliveries->front().message_id, "<tlsrpt.1@sender.example>");
  EXPECT_EQ(deliveries->front().state, DeliveryState::pending);
  EXPECT_EQ(deliveries->front().not_before, at("2026-11-23T01:00:00Z"));
  EXPECT_EQ(deliveries->front().report_id, kept.id);
  EXPECT_EQ(deliveries->back().destination, "https://a.example/r");
}

TEST_P(StoreContractReports, LateSessionsMakeARevisionOfTheirOwn) {
  const auto store = open();
  ASSERT_TRUE(store->commit(batch_of({sample_fact("a.example")})).ok());
  ASSERT_TRUE(store->close_day(report_of("a.example", 1), {}, 1, {}).ok());
  ASSERT_TRUE(store->commit(batch_of({sample_fact("a.example")})).ok());
  const auto page = store->open_days(day("2026-11-24"), 0, 10);
  ASSERT_EQ(page->days.size(), 1U);
  EXPECT_EQ(page->days.front().last_revision, 1U);
  EXPECT_EQ(page->days.front().last_closed, at("2026-11-23T00:30:00Z"));
  ASSERT_EQ(message_of(store->close_day(report_of("a.example", 2), {}, 1, {})), "ok");
  Fact first = sample_fact("a.example");
  first.revision = 1;
  Fact second = first;
  second.revision = 2;
  EXPECT_THAT(facts(*store, "a.example"), ElementsAre(describe(first), describe(second)));
  EXPECT_EQ(store->reports(std::nullopt)->size(), 2U);
  EXPECT_THAT(open_days(*store), IsEmpty());
}

TEST_P(StoreContractReports, NothingIsWrittenWhenSessionsCameInMeanwhile) {
  const auto store = open();
  ASSERT_TRUE(store->commit(batch_of({sample_fact("a.example")})).ok());
  ASSERT_TRUE(store->commit(batch_of({sample_fact("a.example")})).ok());
  const auto done =
      store->close_day(report_of("a.example", 1), {delivery_to("mailto:x@y", "<m>")}, 1, {});
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code(), Errc::temporary);
  EXPECT_THAT(done.error().message(),
              HasSubstr("a.example on 2026-11-22: the report was made from 1 sessions, there are"));
  EXPECT_THAT(*store->reports(std::nullopt), IsEmpty());
  EXPECT_FALSE(*store->is_report_message("<m>", at("2026-11-01T00:00:00Z")));
  EXPECT_EQ(facts(*store, "a.example", 0).size(), 1U);
  EXPECT_THAT(open_days(*store), ElementsAre("2026-11-22 a.example 0"));
}

TEST_P(StoreContractReports, TheSecondOfTwoReportersIsRefused) {
  const auto first = open();
  const auto second = open();
  ASSERT_TRUE(first->commit(batch_of({sample_fact("a.example")})).ok());
  ASSERT_TRUE(first->close_day(report_of("a.example", 1), {}, 1, {}).ok());
  const auto again = second->close_day(report_of("a.example", 1), {}, 1, {});
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().code(), Errc::temporary);
  // Just as many sessions came in meanwhile: still not the ones that the second has read.
  ASSERT_TRUE(first->commit(batch_of({sample_fact("a.example")})).ok());
  const auto late = second->close_day(report_of("a.example", 1), {}, 1, {});
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.error().code(), Errc::temporary);
  EXPECT_EQ(second->close_day(report_of("other.example", 1), {}, 0, {}).error().code(),
            Errc::temporary);
  EXPECT_EQ(first->reports(std::nullopt)->size(), 1U);
}

TEST_P(StoreContractReports, UndecidedPlaintextStaysOpenUnlessProven) {
  const auto store = open();
  Fact other_service = undecided("a.example", 10);
  other_service.service = "postfix/bulk/smtp";
  Fact decided = undecided("a.example", -1);
  ASSERT_TRUE(store
                  ->commit(batch_of({sample_fact("a.example"), undecided("a.example", 10),
                                     undecided("a.example", 11), other_service, decided}))
                  .ok());
  // Of the five, the success, the decided one and the one proven at minute 10 are reported.
  ASSERT_EQ(message_of(store->close_day(report_of("a.example", 1), {}, 3,
                                        {{"relay1.example", "postfix/smtp", 10},
                                         {"relay9.example", "postfix/smtp", 11},
                                         {"relay1.example", "postfix/smtp", -1}})),
            "ok");
  // The proven row lost its minute, and so became equal to the decided one.
  decided.revision = 1;
  decided.sessions = decided.messages = 2;
  Fact success = sample_fact("a.example");
  success.revision = 1;
  EXPECT_THAT(facts(*store, "a.example", 1), ElementsAre(describe(success), describe(decided)));
  EXPECT_THAT(facts(*store, "a.example", 0),
              ElementsAre(describe(other_service), describe(undecided("a.example", 11))));
  EXPECT_THAT(open_days(*store), ElementsAre("2026-11-22 a.example 1"));

  // Later one of them is proven: a supplement; and then the rest can be settled.
  ASSERT_EQ(message_of(store->close_day(report_of("a.example", 2), {}, 1,
                                        {{"relay1.example", "postfix/smtp", 11}})),
            "ok");
  EXPECT_THAT(open_days(*store), ElementsAre("2026-11-22 a.example 2"));
  LookupNote note;
  note.settled = true;
  ASSERT_TRUE(store->note_lookup(day("2026-11-22"), "a.example", note).ok());
  EXPECT_THAT(open_days(*store), IsEmpty());
  EXPECT_THAT(facts(*store, "a.example", 0), ElementsAre(describe(other_service)));
}

TEST_P(StoreContractReports, MessagesWithoutASessionMakeNoReport) {
  const auto store = open();
  Fact carried = sample_fact("a.example");
  carried.sessions = 0;
  ASSERT_TRUE(store->commit(batch_of({carried})).ok());
  EXPECT_THAT(open_days(*store), IsEmpty());
  ASSERT_TRUE(store->commit(batch_of({sample_fact("a.example")})).ok());
  EXPECT_THAT(open_days(*store), ElementsAre("2026-11-22 a.example 0"));
}

TEST_P(StoreContractReports, ANoteIsKeptAndOneThatSettlesEndsTheDayUntilMoreArrives) {
  const auto store = open();
  const policy::UtcDay today = day("2026-11-22");
  LookupNote note;
  note.text = "temporary: timeout";
  note.first_failure = at("2026-11-23T00:20:00Z");
  EXPECT_EQ(store->note_lookup(today, "a.example", note).error().code(), Errc::not_found);
  ASSERT_TRUE(store->commit(batch_of({sample_fact("a.example"), sample_fact("b.example")})).ok());
  EXPECT_FALSE(store->lookup_note(today, "a.example")->has_value());
  ASSERT_TRUE(store->note_lookup(today, "a.example", note).ok());
  EXPECT_EQ((*store->lookup_note(today, "a.example"))->text, "temporary: timeout");
  EXPECT_EQ((*store->lookup_note(today, "a.example"))->first_failure, note.first_failure);
  EXPECT_FALSE((*store->lookup_note(today, "a.example"))->settled);
  const auto page = all_open_days(*store, today + std::chrono::days(1));
  ASSERT_EQ(page->days.size(), 2U);
  ASSERT_TRUE(page->days.front().note.has_value());
  EXPECT_EQ(page->days.front().note->first_failure, note.first_failure);
  EXPECT_FALSE(page->days.back().note.has_value());
  ASSERT_EQ(store->lookup_notes()->size(), 1U);
  EXPECT_EQ(store->lookup_notes()->front().domain, "a.example");

  note = {"no record", std::nullopt, true};
  ASSERT_TRUE(store->note_lookup(today, "a.example", note).ok());
  EXPECT_TRUE((*store->lookup_note(today, "a.example"))->settled);
  EXPECT_FALSE((*store->lookup_note(today, "a.example"))->first_failure.has_value());
  EXPECT_THAT(open_days(*store), ElementsAre("2026-11-22 b.example 0"));
  EXPECT_THAT(*store->lookup_notes(), IsEmpty());
  EXPECT_EQ(facts(*store, "a.example", 0).size(), 1U);

  ASSERT_TRUE(store->commit(batch_of({sample_fact("a.example")})).ok());
  EXPECT_EQ(open_days(*store).size(), 2U);
}

TEST_P(StoreContractReports, OpenDaysAreReadInPagesOfWholeDomains) {
  const auto store = open();
  std::vector<Fact> all;
  for (const char* date : {"2026-11-21", "2026-11-22"}) {
    for (const char* domain : {"c.example", "a.example", "b.example"}) {
      all.push_back(sample_fact(domain));
      all.back().day = day(date);
    }
  }
  ASSERT_TRUE(store->commit(batch_of(all)).ok());
  EXPECT_EQ(*store->open_domains(day("2026-11-24")), 3U);
  EXPECT_EQ(*store->open_domains(day("2026-11-21")), 0U);
  std::multiset<std::string> seen;
  std::vector<std::size_t> sizes;
  reporter::OpenPage page;
  while (!page.is_last) {
    page = *store->open_days(day("2026-11-24"), page.end, 3);
    sizes.push_back(page.days.size());
    std::set<std::string> domains;
    for (const auto& open : page.days) {
      domains.insert(open.domain);
      seen.insert(open.domain);
    }
    EXPECT_EQ(domains.size() * 2, page.days.size()) << "both days of each";
  }
  EXPECT_THAT(sizes, ElementsAre(4, 2));
  EXPECT_EQ(seen.size(), 6U);
}

TEST_P(StoreContractReports, SettledDaysOfADomainAreListed) {
  const auto store = open();
  Fact earlier = sample_fact("a.example");
  earlier.day = day("2026-11-21");
  ASSERT_TRUE(
      store->commit(batch_of({earlier, sample_fact("a.example"), sample_fact("b.example")})).ok());
  ASSERT_TRUE(store->close_day(report_of("a.example", 1), {}, 1, {}).ok());
  ASSERT_TRUE(store->note_lookup(earlier.day, "a.example", {"no record", {}, true}).ok());
  ASSERT_TRUE(store->note_lookup(day("2026-11-22"), "b.example", {"no record", {}, true}).ok());
  auto settled = store->settled_days(day("2026-11-24"), "a.example");
  ASSERT_EQ(message_of(settled), "ok");
  ASSERT_EQ(settled->size(), 1U);
  EXPECT_EQ(settled->front().day, earlier.day);
  EXPECT_EQ(settled->front().last_revision, 0U);
  EXPECT_TRUE(settled->front().note->settled);
  // What came after a report is of the next revision.
  ASSERT_TRUE(store->commit(batch_of({sample_fact("a.example")})).ok());
  ASSERT_TRUE(store->note_lookup(day("2026-11-22"), "a.example", {"late: too", {}, true}).ok());
  settled = store->settled_days(day("2026-11-24"), "a.example");
  ASSERT_EQ(settled->size(), 2U);
  EXPECT_EQ(settled->back().last_revision, 1U);
  EXPECT_EQ(settled->back().last_closed, at("2026-11-23T00:30:00Z"));
  EXPECT_TRUE(store->settled_days(day("2026-11-21"), "a.example")->empty());
}

TEST_P(StoreContractReports, WhatNoReportWillHoldIsCountedByReason) {
  const auto store = open();
  const policy::UtcDay today = day("2026-11-22");
  Fact many = sample_fact("b.example");
  many.sessions = 7;
  ASSERT_TRUE(store
                  ->commit(batch_of({sample_fact("a.example"), many, sample_fact("c.example"),
                                     sample_fact("d.example"), sample_fact("e.example")}))
                  .ok());
  ASSERT_TRUE(store->close_day(report_of("a.example", 1), {}, 1, {}).ok());
  ASSERT_TRUE(store->note_lookup(today, "a.example", {"no record", {}, true}).ok());
  ASSERT_TRUE(store->note_lookup(today, "b.example", {"late: why", {}, true}).ok());
  ASSERT_TRUE(store->note_lookup(today, "c.example", {"no record", {}, true}).ok());
  ASSERT_TRUE(store->note_lookup(today, "d.example", {"no record", {}, true}).ok());
  ASSERT_TRUE(store->note_lookup(today, "e.example", {"temporary: timeout", {}, false}).ok());
  const auto counts = store->unreported();
  ASSERT_EQ(message_of(counts), "ok");
  std::vector<std::string> texts;
  for (const auto& each : *counts) {
    texts.push_back(policy::to_text(each.day) + " " + each.reason + " " +
                    std::to_string(each.domains) + " " + std::to_string(each.sessions));
  }
  EXPECT_THAT(texts, ElementsAre("2026-11-22 late: why 1 7", "2026-11-22 no record 2 2"));
  EXPECT_EQ((*store->report_counts())[today].reports, 1U);
  EXPECT_EQ((*store->report_counts())[today].by_seen_record, 0U);
}

TEST_P(StoreContractReports, ANoteThatDoesNotSettleOpensASettledDayAgain) {
  const auto store = open();
  const policy::UtcDay today = day("2026-11-22");
  Fact carried = sample_fact("b.example");
  carried.sessions = 0;
  ASSERT_TRUE(store->commit(batch_of({sample_fact("a.example"), carried})).ok());
  ASSERT_TRUE(store->note_lookup(today, "a.example", {"no record", std::nullopt, true}).ok());
  EXPECT_EQ(store->close_day(report_of("a.example", 1), {}, 1, {}).error().code(), Errc::temporary);
  ASSERT_TRUE(store->note_lookup(today, "a.example", {"again", std::nullopt, false}).ok());
  EXPECT_THAT(open_days(*store), ElementsAre("2026-11-22 a.example 0"));
  ASSERT_EQ(message_of(store->close_day(report_of("a.example", 1), {}, 1, {})), "ok");
  // With nothing left to report there is nothing to open.
  ASSERT_TRUE(store->note_lookup(today, "a.example", {"again", std::nullopt, false}).ok());
  ASSERT_TRUE(store->note_lookup(today, "b.example", {"again", std::nullopt, false}).ok());
  EXPECT_THAT(open_days(*store), IsEmpty());
}

TEST_P(StoreContractReports, LongAndBrokenNotesAreCutAndEscaped) {
  const auto store = open();
  const policy::UtcDay today = day("2026-11-22");
  ASSERT_TRUE(store->commit(batch_of({sample_fact("a.example")})).ok());
  std::string text = "x";
  for (int i = 0; i < 600; ++i) text += "\u00e9";
  ASSERT_TRUE(store->note_lookup(today, "a.example", {text, std::nullopt, false}).ok());
  EXPECT_EQ((*store->lookup_note(today, "a.example"))->text, text.substr(0, 999));
  ASSERT_TRUE(store->note_lookup(today, "a.example", {"a\xff", std::nullopt, false}).ok());
  EXPECT_EQ((*store->lookup_note(today, "a.example"))->text, "a\\u{ff}");
}

TEST_P(StoreContractReports, AGroupIsWrittenAsOneOrNotAtAll) {
  const auto store = open();
  const auto other = open(StoreAccess::read_only);
  ASSERT_TRUE(store->commit(batch_of({sample_fact("a.example"), sample_fact("b.example")})).ok());

  const auto failed = store->grouped([&]() -> policy::Status {
    if (auto done = store->close_day(report_of("a.example", 1), {}, 1, {}); !done.ok()) return done;
    EXPECT_THAT(*other->reports(std::nullopt), IsEmpty());
    return policy::Error(Errc::not_found, "changed my mind");
  });
  EXPECT_EQ(message_of(failed), "changed my mind");
  EXPECT_THAT(*store->reports(std::nullopt), IsEmpty());
  EXPECT_EQ(open_days(*store).size(), 2U);

  // A refused close spoils nothing before or after it.
  ASSERT_EQ(
      message_of(store->grouped([&]() -> policy::Status {
        if (auto done = store->close_day(report_of("a.example", 1), {}, 1, {}); !done.ok())
          return done;
        const auto refused = store->close_day(report_of("b.example", 1), {}, 9, {});
        EXPECT_EQ(refused.error().code(), Errc::temporary);
        return store->note_lookup(day("2026-11-22"), "b.example", {"busy", std::nullopt, false});
      })),
      "ok");
  EXPECT_EQ(other->reports(std::nullopt)->size(), 1U);
  EXPECT_THAT(open_days(*other), ElementsAre("2026-11-22 b.example 0"));
  EXPECT_EQ((*other->lookup_note(day("2026-11-22"), "b.example"))->text, "busy");
  EXPECT_EQ(facts(*other, "b.example", 0).size(), 1U);

  const auto nested = store->grouped(
      [&] { return store->grouped([]() -> policy::Status { return policy::Unit{}; }); });
  EXPECT_EQ(nested.error().code(), Errc::internal);
  ASSERT_TRUE(store->commit(batch_of({sample_fact("c.example")})).ok());
}

TEST_P(StoreContractReports, CollectorAndReporterWorkAtOnce) {
  const auto collector = open(StoreAccess::collector);
  const auto reporter = open(StoreAccess::reporter);
  std::uint64_t reported = 0;
  for (std::uint32_t revision = 1; revision <= 5; ++revision) {
    // The second session comes in between the reporter's reading and closing.
    ASSERT_TRUE(collector->commit(batch_of({sample_fact("a.example")})).ok());
    const auto read = reporter->facts(day("2026-11-22"), "a.example", 0);
    ASSERT_EQ(read->size(), 1U);
    ASSERT_TRUE(collector->commit(batch_of({sample_fact("a.example")})).ok());
    const StoredReport report = report_of("a.example", revision);
    EXPECT_EQ(reporter->close_day(report, {}, read->front().sessions, {}).error().code(),
              Errc::temporary);
    const auto again = reporter->facts(day("2026-11-22"), "a.example", 0);
    ASSERT_EQ(message_of(reporter->close_day(report, {}, again->front().sessions, {})), "ok");
    reported += again->front().sessions;
  }
  EXPECT_EQ(reported, 10U);
  EXPECT_THAT(facts(*collector, "a.example", 0), IsEmpty());
  EXPECT_EQ(facts(*collector, "a.example").size(), 5U);
}

TEST_P(StoreContractReports, PruningKeepsWhatIsYoungerOrStillPending) {
  const auto store = open();
  Fact younger = sample_fact("young.example");
  younger.day += std::chrono::days(1);
  Batch batch = batch_of({sample_fact("old.example"), sample_fact("waits.example"),
                          sample_fact("none.example"), younger});
  batch.ignored = {{{day("2026-11-22"), policy::Ignored::late}, 1},
                   {{day("2026-11-23"), policy::Ignored::late}, 2}};
  batch.not_understood = {{day("2026-11-22"), "old"}, {day("2026-11-23"), "young"}};
  batch.tls_logged = {{"r", "s", at("2026-11-20T23:00:00Z"), at("2026-11-20T23:00:00Z")},
                      {"r", "s", at("2026-11-22T23:00:00Z"), at("2026-11-22T23:00:00Z")}};
  batch.seen_records = {{{day("2026-11-22"), "waits.example"}, "record of an old day"},
                        {{day("2026-11-23"), "young.example"}, "record of a young day"}};
  batch.mx_handshakes = {{"mx.old.example", "192.0.2.1", day("2026-10-22")},
                         {"mx.young.example", "192.0.2.1", day("2026-10-23")}};
  ASSERT_TRUE(store->commit(batch).ok());
  ASSERT_TRUE(
      store->close_day(report_of("old.example", 1), {delivery_to("mailto:x@y", "<old>")}, 1, {})
          .ok());
  ASSERT_TRUE(
      store->close_day(report_of("waits.example", 1), {delivery_to("mailto:x@y", "<waits>")}, 1, {})
          .ok());
  auto sent = store->deliveries(store->list_reports(std::nullopt)->front().id)->front();
  sent.state = DeliveryState::sent;
  ASSERT_EQ(message_of(store->record_attempt(sent)), "ok");

  ASSERT_EQ(message_of(store->prune(day("2026-11-22"))), "ok");
  EXPECT_EQ(store->domains(day("2026-11-22"))->size(), 3U);

  ASSERT_EQ(message_of(store->prune(day("2026-11-23"))), "ok");
  EXPECT_THAT(*store->days(), ElementsAre(day("2026-11-23")));
  EXPECT_THAT(*store->domains(day("2026-11-22")), IsEmpty());
  EXPECT_THAT(facts(*store, "none.example"), IsEmpty());
  EXPECT_THAT(*store->ignored(day("2026-11-22")), IsEmpty());
  EXPECT_EQ(store->ignored(day("2026-11-23"))->size(), 1U);
  EXPECT_THAT(*store->not_understood(day("2026-11-22")), IsEmpty());
  EXPECT_EQ(store->not_understood(day("2026-11-23"))->size(), 1U);
  EXPECT_FALSE(*store->tls_logged("r", "s", at("2026-11-20T00:00:00Z")));
  EXPECT_TRUE(*store->tls_logged("r", "s", at("2026-11-22T00:00:00Z")));
  EXPECT_EQ(*store->seen_record(day("2026-11-22"), "waits.example"), "");
  EXPECT_EQ(*store->seen_record(day("2026-11-23"), "young.example"), "record of a young day");
  EXPECT_FALSE(store->last_handshake("mx.old.example", "192.0.2.1")->has_value());
  EXPECT_TRUE(store->last_handshake("mx.young.example", "192.0.2.1")->has_value());
  const auto reports = store->reports(std::nullopt);
  ASSERT_EQ(message_of(reports), "ok");
  ASSERT_EQ(reports->size(), 1U);
  EXPECT_EQ(reports->front().domain, "waits.example");
  EXPECT_FALSE(*store->is_report_message("<old>", at("2026-11-01T00:00:00Z")));
  EXPECT_TRUE(*store->is_report_message("<waits>", at("2026-11-01T00:00:00Z")));
  // Texts that went are stored again when they come back.
  ASSERT_TRUE(store->commit(batch_of({sample_fact("old.example")})).ok());
  EXPECT_THAT(facts(*store, "old.example"), ElementsAre(describe(sample_fact("old.example"))));
}

}  // namespace
}  // namespace tlsrpt::testing_support
