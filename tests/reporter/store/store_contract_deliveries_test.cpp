// Claims, results and overviews of deliveries, for every engine.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/claim_due.h"
#include "tests/support/store_contract.h"

namespace tlsrpt::testing_support {
namespace {

using policy::Errc;
using reporter::Delivery;
using reporter::DeliveryFilter;
using reporter::DeliveryState;
using reporter::Store;
using reporter::StoredReport;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr std::chrono::seconds lease = std::chrono::minutes(10);

// "day destination, due hour" closed into a store.
struct Planned {
  std::string destination;
  std::string not_before = "2026-11-23T01:00:00Z";
};

class StoreContractDeliveries : public StoreContract {
 protected:
  // Closes (DATE, DOMAIN) with one delivery for each of PLANNED.
  static void close(Store& store, const std::string& date, const std::string& domain,
                    const std::vector<Planned>& planned) {
    policy::Fact fact = sample_fact(domain);
    fact.day = day(date);
    ASSERT_EQ(message_of(store.commit(batch_of({fact}))), "ok");
    StoredReport report;
    report.day = fact.day;
    report.domain = domain;
    report.revision = 1;
    report.created_at = at("2026-11-23T00:30:00Z");
    std::vector<Delivery> deliveries;
    for (const Planned& plan : planned) {
      Delivery delivery;
      delivery.destination = plan.destination;
      delivery.message_id = plan.destination.starts_with("mailto:")
                                ? "<tlsrpt." + plan.destination + "@sender.example>"
                                : "";
      delivery.not_before = at(plan.not_before);
      deliveries.push_back(delivery);
    }
    ASSERT_EQ(message_of(store.close_day(report, deliveries, 1, {})), "ok");
  }

  static std::vector<std::string> destinations(const policy::Result<std::vector<Delivery>>& found) {
    if (!found.ok()) return {found.error().message()};
    std::vector<std::string> texts;
    for (const Delivery& delivery : *found) texts.push_back(delivery.destination);
    return texts;
  }

  static std::vector<std::string> claim(Store& store, std::string_view now,
                                        const DeliveryFilter& filter = {}) {
    return destinations(claim_due(store, at(now), lease, false, 100, filter));
  }
};

INSTANTIATE_TEST_SUITE_P(Store, StoreContractDeliveries, ::testing::Values(sqlite_engine()),
                         engine_name);

TEST_P(StoreContractDeliveries, ClaimsWhatIsDueEarliestFirst) {
  const auto store = open();
  close(*store, "2026-11-22", "a.example",
        {{"mailto:late", "2026-11-23T03:00:00Z"},
         {"mailto:second", "2026-11-23T02:00:00Z"},
         {"mailto:first", "2026-11-23T01:00:00Z"}});
  EXPECT_EQ(*store->next_due({}), at("2026-11-23T01:00:00Z"));
  EXPECT_THAT(claim(*store, "2026-11-23T00:59:59Z"), IsEmpty());
  EXPECT_THAT(destinations(claim_due(*store, at("2026-11-23T02:00:00Z"), lease, false, 1, {})),
              ElementsAre("mailto:first"));
  EXPECT_THAT(claim(*store, "2026-11-23T02:00:00Z"), ElementsAre("mailto:second"));
  EXPECT_THAT(claim(*store, "2026-11-23T02:00:00Z"), IsEmpty());
}

TEST_P(StoreContractDeliveries, WithoutSpreadTakesWhatWasNeverTried) {
  const auto store = open();
  close(*store, "2026-11-22", "a.example",
        {{"mailto:tried"}, {"mailto:new", "2026-11-23T04:00:00Z"}});
  auto tried = claim_due(*store, at("2026-11-23T01:00:00Z"), lease, false, 1, {});
  ASSERT_EQ(tried->size(), 1U);
  tried->front().attempts = 1;
  tried->front().not_before = at("2026-11-23T04:00:00Z");
  ASSERT_TRUE(store->record_attempt(tried->front()).ok());
  EXPECT_THAT(destinations(claim_due(*store, at("2026-11-23T01:00:00Z"), lease, true, 9, {})),
              ElementsAre("mailto:new"));
}

TEST_P(StoreContractDeliveries, AClaimIsALeaseThatAnotherReporterTakesOverWhenItHasEnded) {
  const auto first = open();
  const auto second = open();
  close(*first, "2026-11-22", "a.example", {{"mailto:x"}});
  auto held = claim_due(*first, at("2026-11-23T01:00:00Z"), lease, false, 9, {});
  ASSERT_EQ(held->size(), 1U);
  EXPECT_THAT(claim(*second, "2026-11-23T01:09:59Z"), IsEmpty());
  EXPECT_EQ(*second->next_due({}), at("2026-11-23T01:10:00Z"));
  auto taken = claim_due(*second, at("2026-11-23T01:10:00Z"), lease, false, 9, {});
  ASSERT_EQ(taken->size(), 1U);

  // The first one comes back late with a failure: the second's claim stands.
  held->front().attempts = 1;
  held->front().last_error = "timeout";
  const auto late = first->record_attempt(held->front());
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.error().code(), Errc::temporary);
  EXPECT_EQ(first->deliveries(held->front().report_id)->front().attempts, 0U);
  EXPECT_THAT(claim(*first, "2026-11-23T01:15:00Z"), IsEmpty());
  // With a success it is done, and the second one's failure changes nothing any more.
  held->front().state = DeliveryState::sent;
  ASSERT_EQ(message_of(first->record_attempt(held->front())), "ok");
  taken->front().attempts = 1;
  EXPECT_EQ(second->record_attempt(taken->front()).error().code(), Errc::temporary);
  EXPECT_EQ(second->deliveries(held->front().report_id)->front().state, DeliveryState::sent);
  EXPECT_FALSE(second->next_due({})->has_value());
}

TEST_P(StoreContractDeliveries, RecordingKeepsEveryColumnAndGivesTheLeaseBack) {
  const auto store = open();
  close(*store, "2026-11-22", "a.example", {{"mailto:x"}});
  auto claimed = claim_due(*store, at("2026-11-23T01:00:00Z"), lease, false, 9, {});
  ASSERT_EQ(claimed->size(), 1U);
  Delivery& delivery = claimed->front();
  delivery.attempts = 3;
  delivery.not_before = at("2026-11-23T01:05:00Z");
  delivery.first_attempt = at("2026-11-23T01:00:00Z");
  delivery.last_attempt = at("2026-11-23T01:01:00Z");
  delivery.last_error = "450 \xff try later";
  delivery.set_aside_by = "0.0.1";
  ASSERT_EQ(message_of(store->record_attempt(delivery)), "ok");
  const auto kept = claim_due(*store, at("2026-11-23T01:05:00Z"), lease, false, 9, {});
  ASSERT_EQ(kept->size(), 1U);
  EXPECT_EQ(kept->front().attempts, 3U);
  EXPECT_EQ(kept->front().not_before, delivery.not_before);
  EXPECT_EQ(kept->front().first_attempt, delivery.first_attempt);
  EXPECT_EQ(kept->front().last_attempt, delivery.last_attempt);
  EXPECT_EQ(kept->front().last_error, "450 \\u{ff} try later");
  EXPECT_EQ(kept->front().set_aside_by, "0.0.1");
  delivery.id += 1000;
  EXPECT_EQ(store->record_attempt(delivery).error().code(), Errc::not_found);
}

TEST_P(StoreContractDeliveries, DueOnesAreReadPageByPage) {
  const auto store = open();
  close(*store, "2026-11-22", "a.example",
        {{"mailto:4", "2026-11-23T02:00:00Z"},
         {"mailto:1"},
         {"mailto:2"},
         {"mailto:5", "2026-11-23T04:00:00Z"},
         {"mailto:3"}});
  std::vector<std::string> seen;
  reporter::DueCursor cursor;
  for (int pages = 1;; ++pages) {
    const auto page = store->due(at("2026-11-23T03:00:00Z"), false, cursor, 2, {});
    ASSERT_TRUE(page.ok());
    for (const auto& each : page->deliveries) seen.push_back(each.destination);
    cursor = page->end;
    if (!page->is_last) continue;
    EXPECT_EQ(pages, 3);
    break;
  }
  EXPECT_THAT(seen, ElementsAre("mailto:1", "mailto:2", "mailto:3", "mailto:4"));
}

TEST_P(StoreContractDeliveries, OnlyWhatIsFreeIsClaimed) {
  const auto first = open();
  const auto second = open();
  close(*first, "2026-11-22", "a.example", {{"mailto:1"}, {"mailto:2"}, {"mailto:3"}});
  const auto now = at("2026-11-23T01:00:00Z");
  ASSERT_EQ(first->claim({2}, now, lease)->deliveries.size(), 1U);
  const auto claimed = second->claim({3, 2, 1, 99}, now, lease);
  ASSERT_TRUE(claimed.ok());
  EXPECT_THAT(destinations(claimed->deliveries), ElementsAre("mailto:3", "mailto:1"));
  EXPECT_TRUE(claimed->damaged.empty());
}

TEST_P(StoreContractDeliveries, WhatWasPutOffSinceItWasReadIsNotClaimed) {
  const auto first = open();
  const auto second = open();
  close(*first, "2026-11-22", "a.example", {{"mailto:1"}});
  const auto now = at("2026-11-23T01:00:00Z");
  auto claimed = first->claim({1}, now, lease);
  ASSERT_EQ(claimed->deliveries.size(), 1U);
  Delivery& tried = claimed->deliveries.front();
  tried.attempts = 1;
  tried.not_before = now + std::chrono::minutes(5);
  ASSERT_EQ(message_of(first->record_attempt(tried)), "ok");
  EXPECT_TRUE(second->claim({1}, now, lease)->deliveries.empty());
  EXPECT_EQ(second->claim({1}, tried.not_before, lease)->deliveries.size(), 1U);
}

TEST_P(StoreContractDeliveries, WhatThisVersionHasSetAsideIsNotDueUntilAnotherOneComes) {
  const auto store = open();
  close(*store, "2026-11-22", "a.example", {{"mailto:x"}});
  const auto now = at("2026-11-23T01:00:00Z");
  auto claimed = claim_due(*store, now, lease, false, 9, {});
  claimed->front().set_aside_by = TLSRPT_VERSION;
  ASSERT_EQ(message_of(store->record_attempt(claimed->front())), "ok");
  EXPECT_THAT(claim(*store, "2026-11-23T01:00:00Z"), IsEmpty());
  EXPECT_FALSE(store->next_due({})->has_value());
  ASSERT_EQ(store->troubled_destinations()->size(), 1U);
  EXPECT_EQ(store->troubled_destinations()->front().set_aside, 1U);
  EXPECT_EQ(store->troubled_destinations()->front().pending, 0U);
  EXPECT_EQ(store->pending_deliveries({}, 0, 9)->size(), 1U);
  auto again = store->claim({claimed->front().id}, now, lease);
  ASSERT_EQ(again->deliveries.size(), 1U);
  again->deliveries.front().set_aside_by = "0.0.1";
  ASSERT_EQ(message_of(store->record_attempt(again->deliveries.front())), "ok");
  EXPECT_EQ(*store->next_due({}), now);
  EXPECT_THAT(claim(*store, "2026-11-23T01:00:00Z"), ElementsAre("mailto:x"));
  // What this version will try is kept, what it has set aside does not stay for ever.
  ASSERT_EQ(message_of(store->prune(day("2026-11-23"))), "ok");
  ASSERT_EQ(store->pending_deliveries({}, 0, 9)->size(), 1U);
  auto aside = store->pending_deliveries({}, 0, 9)->front();
  aside.set_aside_by = TLSRPT_VERSION;
  EXPECT_TRUE(is_set_aside(aside));
  ASSERT_EQ(message_of(store->record_attempt(aside)), "ok");
  ASSERT_EQ(message_of(store->prune(day("2026-11-23"))), "ok");
  EXPECT_TRUE(store->reports(std::nullopt)->empty());
}

TEST_P(StoreContractDeliveries, KeepsTheTimeOfTheLastFlush) {
  const auto store = open();
  EXPECT_FALSE(store->flush_time()->has_value());
  for (const auto& doubt :
       {std::optional(at("2026-11-23T03:00:00Z")), std::optional<policy::UtcSeconds>()}) {
    ASSERT_EQ(message_of(store->set_flush_time(
                  {at("2026-11-23T01:00:00Z"), at("2026-11-23T02:00:00Z"), doubt})),
              "ok");
    const auto kept = store->flush_time();
    ASSERT_TRUE(kept.ok() && *kept);
    EXPECT_EQ((*kept)->seen, at("2026-11-23T01:00:00Z"));
    EXPECT_EQ((*kept)->believed, at("2026-11-23T02:00:00Z"));
    EXPECT_EQ((*kept)->doubted_since, doubt);
  }
}

TEST_P(StoreContractDeliveries, WhatAWrongClockHasWrittenIsMended) {
  const auto store = open();
  const auto now = at("2026-11-23T01:00:00Z");
  close(*store, "2026-11-22", "a.example",
        {{"mailto:soon", "2026-11-23T04:00:00Z"},
         {"mailto:never", "2030-01-01T00:00:00Z"},
         {"mailto:tried"},
         {"mailto:held"}});
  auto tried = store->claim({3}, now, lease)->deliveries.at(0);
  tried.first_attempt = tried.not_before = at("2030-01-01T00:00:00Z");
  ASSERT_EQ(message_of(store->record_attempt(tried)), "ok");
  ASSERT_EQ(store->claim({4}, at("2030-01-01T00:00:00Z"), lease)->deliveries.size(), 1U);
  EXPECT_EQ(*store->mend_times(now, std::chrono::hours(24), lease), 2U);
  EXPECT_THAT(claim(*store, "2026-11-23T01:00:00Z"), ElementsAre("mailto:never", "mailto:tried"));
  EXPECT_FALSE(store->deliveries(1)->at(2).first_attempt);
  EXPECT_THAT(claim(*store, "2026-11-23T01:09:59Z"), IsEmpty());
  EXPECT_THAT(claim(*store, "2026-11-23T01:10:00Z"),
              UnorderedElementsAre("mailto:never", "mailto:tried", "mailto:held"));
}

TEST_P(StoreContractDeliveries, AnEndedLeaseCanBeExtended) {
  const auto store = open();
  close(*store, "2026-11-22", "a.example", {{"mailto:x"}, {"mailto:y"}});
  ASSERT_EQ(store->claim({1}, at("2026-11-23T01:00:00Z"), lease)->deliveries.size(), 1U);
  const auto leapt = at("2026-12-23T01:00:00Z");
  EXPECT_EQ(*store->extend_leases(leapt, lease), 1U);
  EXPECT_EQ(*store->extend_leases(leapt, lease), 0U);
  EXPECT_THAT(claim(*store, "2026-12-23T01:09:59Z"), ElementsAre("mailto:y"));
  EXPECT_THAT(claim(*store, "2026-12-23T01:10:00Z"), ElementsAre("mailto:x"));
}

TEST_P(StoreContractDeliveries, TellsHowMailWentLately) {
  const auto store = open();
  close(*store, "2026-11-22", "a.example",
        {{"mailto:failed"}, {"https://a.example/"}, {"bcc:waits"}, {"mailto:old"}, {"mailto:new"}});
  const auto since = at("2026-11-23T01:00:00Z");
  const auto try_at = [&](std::int64_t id, policy::UtcSeconds now, DeliveryState state) {
    auto claimed = store->claim({id}, now, lease);
    Delivery& delivery = claimed->deliveries.at(0);
    EXPECT_EQ(delivery.created_at, at("2026-11-23T00:30:00Z"));
    delivery.state = state;
    delivery.last_attempt = now;
    delivery.attempts = 1;
    ASSERT_EQ(message_of(store->record_attempt(delivery)), "ok");
  };
  try_at(1, since, DeliveryState::failed);
  try_at(2, since, DeliveryState::failed);
  try_at(3, since + lease, DeliveryState::pending);
  try_at(4, since, DeliveryState::sent);
  EXPECT_TRUE(store->recent_mail(since)->sent);
  EXPECT_THAT(destinations(store->recent_mail(since)->failures),
              ElementsAre("bcc:waits", "mailto:failed"));
  EXPECT_FALSE(store->recent_mail(since + lease)->sent);
  EXPECT_THAT(destinations(store->recent_mail(since + lease)->failures), ElementsAre("bcc:waits"));
}

TEST_P(StoreContractDeliveries, RemembersUntilItIsPruned) {
  const auto store = open();
  EXPECT_FALSE(store->remembered("a name")->has_value());
  for (const char* instant : {"2026-11-23T01:00:00Z", "2026-11-24T00:00:00Z"}) {
    ASSERT_EQ(message_of(store->remember("a name", at(instant))), "ok");
    EXPECT_EQ(*store->remembered("a name"), at(instant));
  }
  EXPECT_FALSE(store->remembered("another")->has_value());
  ASSERT_EQ(message_of(store->prune(day("2026-11-24"))), "ok");
  EXPECT_TRUE(store->remembered("a name")->has_value());
  ASSERT_EQ(message_of(store->prune(day("2026-11-25"))), "ok");
  EXPECT_FALSE(store->remembered("a name")->has_value());
}

TEST_P(StoreContractDeliveries, AMessageIsOursSinceTheMomentItsReportWasMade) {
  const auto store = open();
  close(*store, "2026-11-22", "a.example", {{"mailto:x"}, {"https://a.example/"}});
  const std::string ours = "<tlsrpt.mailto:x@sender.example>";
  EXPECT_TRUE(*store->is_report_message(ours, at("2026-11-23T00:30:00Z")));
  EXPECT_FALSE(*store->is_report_message(ours, at("2026-11-23T00:30:01Z")));
  EXPECT_FALSE(
      *store->is_report_message("<tlsrpt.mailto:X@sender.example>", at("2026-11-01T00:00:00Z")));
  EXPECT_FALSE(*store->is_report_message("", at("2026-11-01T00:00:00Z")));
}

TEST_P(StoreContractDeliveries, FiltersByDayAndDomain) {
  const auto store = open();
  close(*store, "2026-11-21", "a.example", {{"mailto:21a"}});
  close(*store, "2026-11-22", "a.example", {{"mailto:22a"}});
  close(*store, "2026-11-22", "b.example", {{"mailto:22b", "2026-11-23T00:40:00Z"}});
  const auto page = [&](const DeliveryFilter& filter) {
    return destinations(store->pending_deliveries(filter, 0, 100));
  };
  EXPECT_THAT(page({}), ElementsAre("mailto:21a", "mailto:22a", "mailto:22b"));
  EXPECT_THAT(page({day("2026-11-22"), std::nullopt}), ElementsAre("mailto:22a", "mailto:22b"));
  EXPECT_THAT(page({std::nullopt, "a.example"}), ElementsAre("mailto:21a", "mailto:22a"));
  EXPECT_THAT(page({day("2026-11-22"), "b.example"}), ElementsAre("mailto:22b"));
  EXPECT_THAT(page({std::nullopt, "c.example"}), IsEmpty());
  EXPECT_EQ(*store->next_due({}), at("2026-11-23T00:40:00Z"));
  EXPECT_EQ(*store->next_due({std::nullopt, "a.example"}), at("2026-11-23T01:00:00Z"));
  EXPECT_FALSE(store->next_due({day("2026-11-20"), std::nullopt})->has_value());

  EXPECT_THAT(claim(*store, "2026-11-23T02:00:00Z", {std::nullopt, "b.example"}),
              ElementsAre("mailto:22b"));
  EXPECT_THAT(destinations(claim_due(*store, at("2026-11-23T00:55:00Z"), lease, true, 9,
                                     {day("2026-11-21"), std::nullopt})),
              ElementsAre("mailto:21a"));
  EXPECT_THAT(claim(*store, "2026-11-23T01:00:00Z"), ElementsAre("mailto:22a"));
}

TEST_P(StoreContractDeliveries, PendingOnesAreReadPageByPage) {
  const auto store = open();
  close(*store, "2026-11-22", "a.example", {{"1"}, {"2"}, {"3"}, {"4"}, {"5"}});
  auto sent = store->pending_deliveries({}, 0, 100)->at(1);
  sent.state = DeliveryState::sent;
  ASSERT_TRUE(store->record_attempt(sent).ok());
  ASSERT_EQ(claim(*store, "2026-11-23T02:00:00Z").size(), 4U);  // Leased ones are pending, too.
  std::vector<std::string> seen;
  std::int64_t after = 0;
  for (;;) {
    const auto page = store->pending_deliveries({}, after, 2);
    ASSERT_EQ(message_of(page), "ok");
    if (page->empty()) break;
    for (const Delivery& delivery : *page) seen.push_back(delivery.destination);
    after = page->back().id;
  }
  EXPECT_THAT(seen, ElementsAre("1", "3", "4", "5"));
}

TEST_P(StoreContractDeliveries, CountsPerDayAndState) {
  const auto store = open();
  close(*store, "2026-11-21", "a.example", {{"1"}});
  close(*store, "2026-11-22", "a.example", {{"2"}, {"3"}, {"4"}, {"bcc:archive@b.example"}});
  auto third = store->pending_deliveries({}, 0, 100)->at(2);
  third.state = DeliveryState::expired;
  ASSERT_TRUE(store->record_attempt(third).ok());
  auto aside = store->pending_deliveries({}, 0, 100)->at(2);
  aside.set_aside_by = TLSRPT_VERSION;
  ASSERT_TRUE(store->record_attempt(aside).ok());
  auto to_be_tried_again = store->pending_deliveries({}, 0, 100)->at(0);
  to_be_tried_again.set_aside_by = "0.0.1";
  ASSERT_TRUE(store->record_attempt(to_be_tried_again).ok());
  const auto counts = store->delivery_counts();
  ASSERT_EQ(message_of(counts), "ok");
  std::vector<std::string> texts;
  for (const auto& count : *counts) {
    texts.push_back(policy::to_text(count.day) + " " + std::string(reporter::to_text(count.state)) +
                    (count.set_aside ? " set aside " : " ") + std::to_string(count.deliveries));
    EXPECT_EQ(count.oldest, at("2026-11-23T00:30:00Z"));
  }
  EXPECT_THAT(texts, ElementsAre("2026-11-21 pending 1", "2026-11-22 pending 1",
                                 "2026-11-22 pending set aside 1", "2026-11-22 expired 1"));
}

TEST_P(StoreContractDeliveries, TroubleIsToldPerDestinationWithItsLatestError) {
  const auto store = open();
  close(*store, "2026-11-21", "a.example", {{"bad"}, {"good"}, {"worse"}});
  close(*store, "2026-11-22", "a.example", {{"bad"}, {"good"}, {"new"}});
  const auto record = [&](std::size_t index, DeliveryState state, std::string_view when,
                          const std::string& error) {
    auto delivery =
        store->deliveries(store->list_reports(std::nullopt)->at(index / 3).id)->at(index % 3);
    delivery.state = state;
    delivery.attempts = 1;
    delivery.last_attempt = at(when);
    delivery.last_error = error;
    EXPECT_EQ(message_of(store->record_attempt(delivery)), "ok");
  };
  record(0, DeliveryState::failed, "2026-11-23T05:00:00Z", "latest");
  record(3, DeliveryState::pending, "2026-11-23T04:00:00Z", "earlier");
  record(1, DeliveryState::sent, "2026-11-23T04:00:00Z", "");
  record(2, DeliveryState::expired, "2026-11-23T06:00:00Z", "gone");
  const auto troubles = store->troubled_destinations();
  ASSERT_EQ(message_of(troubles), "ok");
  ASSERT_EQ(troubles->size(), 2U);
  EXPECT_EQ(troubles->front().destination, "worse");
  EXPECT_EQ(troubles->front().given_up, 1U);
  EXPECT_EQ(troubles->front().pending, 0U);
  EXPECT_EQ(troubles->back().destination, "bad");
  EXPECT_EQ(troubles->back().last_error, "latest");
  EXPECT_EQ(troubles->back().last_attempt, at("2026-11-23T05:00:00Z"));
  EXPECT_EQ(troubles->back().pending, 1U);
  EXPECT_EQ(troubles->back().given_up, 1U);
}

}  // namespace
}  // namespace tlsrpt::testing_support
