#include "reporter/flush/flush_deliver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <future>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <thread>

#include "reporter/deliver/mail_sender.h"
#include "reporter/flush/flush_schedule.h"
#include "tests/support/claim_due.h"
#include "tests/support/flush_world.h"
#include "tests/support/nginx_server.h"
#include "tests/support/server_process.h"

namespace tlsrpt::reporter {
namespace {

using policy::Outcome;
using std::chrono::hours;
using ::testing::HasSubstr;
using testing_support::claim_due;
using testing_support::report_fact;

class FlushDeliver : public testing_support::FlushWorld {
 protected:
  // DOMAINS domains with a report each, to RUA (with "@" before the domain where it ends so).
  void make_reports(int domains, const std::string& rua) {
    std::vector<policy::Fact> facts;
    for (int i = 0; i < domains; ++i) {
      const std::string domain = "d" + std::to_string(i) + ".example";
      facts.push_back(report_fact(domain, Outcome::success, 1));
      publish(domain, rua.ends_with('@') ? rua + domain : rua);
    }
    count(facts);
    EXPECT_EQ(close().closed, static_cast<std::size_t>(domains));
  }
  // A sendmail(1) that runs SCRIPT; $dir is our directory.
  void use_sendmail(const std::string& script) {
    const std::string path = folder_.write(
        "sendmail", "#!/bin/sh\ndir='" + folder_.path().string() + "'\n" + script + "\n");
    ASSERT_EQ(::chmod(path.c_str(), 0755), 0);
    settings_.mail_transport = "sendmail:" + path;
  }
};

TEST_F(FlushDeliver, WhatIsDueIsDeliveredOnce) {
  make_reports(3, "mailto:tls@");
  EXPECT_EQ(deliver(true).delivered, 3U);
  EXPECT_EQ(mail().size(), 3U);
  EXPECT_TRUE(mail().contains("relay.example!d1.example!1795305600!1795391999!001.1.eml"));
  EXPECT_EQ(deliver(true).delivered, 0U);
  for (const StoredReport& each : reports()) {
    EXPECT_EQ(deliveries(each.id).at(0).state, DeliveryState::sent);
  }
}

TEST_F(FlushDeliver, EachReportHasItsMomentUnlessNow) {
  make_reports(40, "mailto:tls@");
  clock_.advance(hours(2));
  const std::size_t half = deliver(false).delivered;
  EXPECT_GT(half, 5U);
  EXPECT_LT(half, 35U);
  clock_.advance(hours(2));
  EXPECT_EQ(deliver(false).delivered, 40U - half);
}

TEST_F(FlushDeliver, AFailedDeliveryComesBackLaterAndExpires) {
  make_reports(1, "mailto:tls@");
  const std::string works = settings_.mail_transport;
  use_sendmail("cat >/dev/null; echo busy >&2; exit 75");
  const auto start = clock_.now();
  EXPECT_EQ(deliver().failed, 1U);
  EXPECT_EQ(deliver().failed, 0U) << "not before its time";
  const Delivery waiting = deliveries().at(0);
  EXPECT_EQ(waiting.state, DeliveryState::pending);
  EXPECT_THAT(waiting.last_error, HasSubstr("busy"));
  clock_.set(waiting.not_before);
  EXPECT_EQ(deliver(false).failed, 1U);
  EXPECT_EQ(deliveries().at(0).attempts, 2U);
  clock_.set(start + hours(24));
  EXPECT_EQ(deliver(false).failed, 1U);
  EXPECT_EQ(deliveries().at(0).state, DeliveryState::expired);
  settings_.mail_transport = works;
  clock_.advance(hours(24));
  EXPECT_EQ(deliver().delivered, 0U) << "expired is the end";
}

TEST_F(FlushDeliver, ATransportThatDoesNotWorkIsNotHeldAgainstTheReceiver) {
  make_reports(2, "mailto:tls@");
  const std::string works = settings_.mail_transport;
  for (const std::string transport : {"sendmail", "directory"}) {
    if (transport == "sendmail") use_sendmail("cat >/dev/null; exit 78");
    if (transport == "directory") settings_.mail_transport = "directory:/nonexistent";
    for (int i = 0; i < 40; ++i) {
      clock_.advance(hours(1));
      const DeliverSummary summary = deliver(false);
      EXPECT_EQ(summary.mail_transport_failed, summary.failed > 0);
    }
  }
  for (const StoredReport& each : reports()) {
    const Delivery delivery = deliveries(each.id).at(0);
    EXPECT_EQ(delivery.state, DeliveryState::pending);
    EXPECT_GT(delivery.attempts, 10U);
    EXPECT_FALSE(delivery.first_attempt);
  }
  settings_.mail_transport = works;
  clock_.advance(hours(5));
  EXPECT_EQ(deliver(false).delivered, 2U);
}

TEST_F(FlushDeliver, EveryDestinationIsItsOwn) {
  count("a.example");
  publish("a.example", "mailto:good@a.example,mailto:bad@a.example,mailto:busy@a.example");
  close();
  use_sendmail("cat >/dev/null; case $5 in bad*) exit 67;; busy*) exit 75;; esac");
  const DeliverSummary summary = deliver();
  EXPECT_EQ(summary.delivered, 1U);
  EXPECT_EQ(summary.failed, 2U);
  const auto all = deliveries();
  EXPECT_EQ(all[0].state, DeliveryState::sent);
  EXPECT_EQ(all[1].state, DeliveryState::failed);
  EXPECT_EQ(all[2].state, DeliveryState::pending);
}

TEST_F(FlushDeliver, ARunTriesMaxDeliveriesAtMost) {
  make_reports(7, "mailto:tls@");
  settings_.max_deliveries = 3;
  const DeliverSummary first = deliver();
  EXPECT_EQ(first.delivered, 3U);
  EXPECT_TRUE(first.is_full);
  EXPECT_EQ(deliver().delivered, 3U);
  const DeliverSummary last = deliver();
  EXPECT_EQ(last.delivered, 1U);
  EXPECT_FALSE(last.is_full);
  EXPECT_FALSE(deliver().is_full);
}

TEST_F(FlushDeliver, NothingIsLeftWhereTheLastOneWasTheLimit) {
  make_reports(3, "mailto:tls@");
  settings_.max_deliveries = 3;
  const DeliverSummary summary = deliver();
  EXPECT_EQ(summary.delivered, 3U);
  EXPECT_FALSE(summary.is_full);
}

TEST_F(FlushDeliver, AReceiverGetsSoManyInAWindow) {
  settings_.delivery_host_rate = 2;
  settings_.delivery_concurrency = 1;
  make_reports(5, "mailto:tls@one.example");
  count("other.example");
  publish("other.example", "mailto:tls@other.example");
  close();
  use_sendmail("cat >/dev/null; echo $5 $(date +%s%3N) >>$dir/sent");
  FlushLog log(log_, false, true);
  const FlushClock clock(clock_, std::nullopt);
  DeliverContext context{*store_, settings_, clock, guard_, host_dns_, log};
  context.rate_window = std::chrono::milliseconds(700);
  const auto all = deliver_due(context, {}, true);
  ASSERT_TRUE(all.ok()) << all.error().message();
  EXPECT_EQ(all->delivered, 6U);
  std::istringstream sent(folder_.read("sent"));
  std::vector<std::int64_t> one;
  std::string address;
  for (std::int64_t when = 0; sent >> address >> when;) {
    if (address == "tls@one.example") one.push_back(when);
  }
  ASSERT_EQ(one.size(), 5U);
  // Windows begin with the run: the third and the fifth wait for one each.
  EXPECT_GE(one[4] - one[0], 900);
  EXPECT_EQ(address, "tls@one.example") << "the other one did not wait";
}

TEST_F(FlushDeliver, ARunDoesNotWaitForeverForTheRate) {
  settings_.delivery_host_rate = 2;
  make_reports(5, "mailto:tls@one.example");
  use_sendmail("cat >/dev/null");
  FlushLog log(log_, false, true);
  const FlushClock clock(clock_, std::nullopt);
  DeliverContext context{*store_, settings_, clock, guard_, host_dns_, log};
  context.rate_patience = std::chrono::milliseconds(0);
  for (const std::size_t expected : {2U, 2U, 1U}) {
    const auto some = deliver_due(context, {}, true);
    ASSERT_TRUE(some.ok());
    EXPECT_EQ(some->delivered, expected);
    EXPECT_EQ(some->failed, 0U);
  }
}

TEST_F(FlushDeliver, NoMoreThanDeliveryConcurrencyAreUnderWay) {
  settings_.delivery_concurrency = 3;
  make_reports(12, "mailto:tls@");
  use_sendmail(
      "cat >/dev/null; mkdir $dir/run.$$; ls -d $dir/run.* | wc -l >>$dir/running; sleep 0.1; "
      "rmdir $dir/run.$$");
  EXPECT_EQ(deliver().delivered, 12U);
  std::istringstream seen(folder_.read("running"));
  int most = 0;
  for (int running = 0; seen >> running;) most = std::max(most, running);
  EXPECT_LE(most, 3);
  EXPECT_GE(most, 2);
}

TEST_F(FlushDeliver, AMessageIsStoredAsOursBeforeItIsHandedOver) {
  make_reports(1, "mailto:tls@");
  use_sendmail("cat >$dir/message");
  EXPECT_EQ(deliver().delivered, 1U);
  const std::string id = deliveries().at(0).message_id;
  EXPECT_THAT(folder_.read("message"), HasSubstr(id));
  EXPECT_TRUE(*store_->is_report_message(id, clock_.now() - hours(1)));
}

TEST_F(FlushDeliver, WhatADeadFlushHadClaimedIsTakenOver) {
  make_reports(2, "mailto:tls@");
  {
    auto other = open_store(settings_.store, StoreAccess::reporter, {});
    EXPECT_EQ(claim_due(**other, clock_.now(), lease_time(settings_), true, 2, {})->size(), 2U);
  }
  EXPECT_EQ(deliver().delivered, 0U);
  clock_.advance(lease_time(settings_) + std::chrono::seconds(1));
  EXPECT_EQ(deliver().delivered, 2U);
}

TEST_F(FlushDeliver, WhatCannotBeHandedOverIsSetAsideAndStopsNothingElse) {
  make_reports(4, "mailto:tls@");
  damage("UPDATE report SET json_gz = x'00' WHERE id = 2");
  damage("UPDATE delivery SET destination = 'nonsense' WHERE report = 3");
  damage("UPDATE delivery SET attempts = -1, not_before = 0 WHERE report = 4");
  log_.str("");
  const DeliverSummary summary = deliver();
  EXPECT_EQ(summary.delivered, 1U);
  EXPECT_EQ(summary.failed, 2U);
  const Delivery aside = deliveries(3).at(0);
  EXPECT_EQ(aside.state, DeliveryState::pending);
  EXPECT_EQ(aside.set_aside_by, TLSRPT_VERSION);
  EXPECT_THAT(aside.last_error, HasSubstr("set aside by " TLSRPT_VERSION ": "));
  EXPECT_EQ(aside.attempts, 0U);
  EXPECT_THAT(log_.str(), HasSubstr("nonsense: set aside by"));
  EXPECT_THAT(log_.str(), HasSubstr("delivery 4: damaged row"));
  EXPECT_EQ(deliver().failed, 0U) << "not tried again by this version";
  // Another one can do it.
  damage(
      "UPDATE delivery SET set_aside_by = '0.0.1', destination = 'mailto:a@b.example' "
      "WHERE report = 3");
  EXPECT_EQ(deliver().delivered, 1U);
  EXPECT_EQ(deliveries(3).at(0).set_aside_by, "");
}

TEST_F(FlushDeliver, OneMailDomainDoesNotTakeAllPlaces) {
  settings_.delivery_concurrency = 4;
  settings_.delivery_host_concurrency = 1;
  make_reports(6, "mailto:tls@slow.example");
  count("other.example");
  publish("other.example", "mailto:tls@other.example");
  close();
  use_sendmail(
      "cat >/dev/null; case $5 in *@slow.example) mkdir $dir/run.$$; "
      "ls -d $dir/run.* | wc -l >>$dir/running; sleep 0.1; rmdir $dir/run.$$;; "
      "*) : >>$dir/running; cp $dir/running $dir/before;; esac");
  EXPECT_EQ(deliver().delivered, 7U);
  EXPECT_EQ(folder_.read("running"), "1\n1\n1\n1\n1\n1\n");
  EXPECT_LE(folder_.read("before").size(), 4U) << "the last of seven was among the first to go";
}

TEST_F(FlushDeliver, AHostThatIsSilentIsLeftAloneForTheRest) {
  settings_.https_ports = {1};  // Nobody listens there.
  host_dns_.world().addresses["dead.example"] = testing_support::dns_addresses({"127.0.0.1"});
  make_reports(50, "https://dead.example:1/r");
  count("other.example");
  publish("other.example", "mailto:tls@other.example");
  close();
  const DeliverSummary summary = deliver();
  EXPECT_EQ(summary.delivered, 1U);
  EXPECT_EQ(summary.failed, 50U);
  unsigned tried = 0;
  for (const StoredReport& each : reports()) {
    const Delivery delivery = deliveries(each.id).at(0);
    if (delivery.state == DeliveryState::sent) continue;
    EXPECT_GT(delivery.not_before, clock_.now());
    if (delivery.last_error.starts_with("not tried")) {
      EXPECT_EQ(delivery.attempts, 0U);
      EXPECT_FALSE(delivery.first_attempt);
      continue;
    }
    EXPECT_EQ(delivery.attempts, 1U);
    EXPECT_EQ(delivery.first_attempt, clock_.now());
    ++tried;
  }
  EXPECT_GE(tried, 5U);
  EXPECT_LE(tried, 5U + settings_.delivery_host_concurrency);
}

TEST_F(FlushDeliver, NothingExpiresThatWasNeverTried) {
  settings_.https_ports = {1};  // Nobody listens there.
  host_dns_.world().addresses["dead.example"] = testing_support::dns_addresses({"127.0.0.1"});
  make_reports(30, "https://dead.example:1/r");
  close();
  deliver();
  for (unsigned hour = 0; hour < 30; ++hour) {
    clock_.advance(std::chrono::hours(1));
    deliver();
  }
  unsigned expired = 0;
  for (const StoredReport& each : reports()) {
    const Delivery delivery = deliveries(each.id).at(0);
    if (delivery.state != DeliveryState::expired) continue;
    ++expired;
    EXPECT_GT(delivery.attempts, 1U) << delivery.last_error;
    EXPECT_THAT(delivery.last_error, ::testing::Not(HasSubstr("not tried")));
  }
  EXPECT_GT(expired, 0U);
}

TEST_F(FlushDeliver, ATransportThatIsNotThereIsNotTriedForEveryMessage) {
  make_reports(100, "mailto:tls@");
  settings_.mail_transport = "sendmail:/nonexistent/sendmail";
  const DeliverSummary summary = deliver();
  EXPECT_EQ(summary.failed, 100U);
  EXPECT_EQ(summary.mail_attempts, 100U);
  EXPECT_THAT(log_.str(), HasSubstr("not tried, as with others before: "));
}

// Holds the store locked for a time, in a thread.
class StoreLock {
 public:
  StoreLock(const std::string& path, std::chrono::milliseconds duration)
      : thread_([path, duration, this] {
          auto database = open_sqlite(path, StoreAccess::reporter, std::chrono::seconds(20));
          const auto held = SqliteTransaction::begin(*database);
          locked_.set_value();
          (void)::poll(nullptr, 0, static_cast<int>(duration.count()));
        }) {
    locked_.get_future().wait();
  }

 private:
  std::promise<void> locked_;
  std::jthread thread_;
};

// A sendmail(1) that lets the test lock the store while it works.
class FlushDeliverLocked : public FlushDeliver {
 protected:
  void SetUp() override {
    StoreLimits limits;
    limits.busy_timeout = std::chrono::milliseconds(20);
    store_ = *open_store(settings_.store, StoreAccess::reporter, limits);
    make_reports(1, "mailto:tls@");
    use_sendmail(
        "echo >>$dir/sent; : >$dir/begun; while [ -e $dir/begun ]; do sleep 0.02; done; "
        "cat >/dev/null");
  }
  // Delivers, with the store locked from the hand-over on for DURATION.
  policy::Result<DeliverSummary> deliver_locked(std::chrono::milliseconds duration,
                                                std::chrono::milliseconds patience) {
    std::optional<StoreLock> lock;
    std::jthread locker([&](const std::stop_token& stop) {
      while (!std::filesystem::exists(folder_.file("begun"))) {
        if (stop.stop_requested()) return;
        (void)::poll(nullptr, 0, 5);
      }
      lock.emplace(folder_.file("store.sqlite"), duration);
      std::filesystem::remove(folder_.file("begun"));
    });
    FlushLog log(log_, false, false);
    const FlushClock clock(clock_, std::nullopt);
    auto done =
        deliver_due({*store_, settings_, clock, guard_, host_dns_, log, patience}, {}, true);
    locker.request_stop();
    locker.join();
    return done;
  }
};

TEST_F(FlushDeliverLocked, WhatWasHandedOverIsRecordedWhenTheStoreIsFreeAgain) {
  const auto done = deliver_locked(std::chrono::milliseconds(1500), std::chrono::minutes(5));
  ASSERT_TRUE(done.ok()) << done.error().message();
  EXPECT_EQ(done->delivered, 1U);
  EXPECT_EQ(deliveries().at(0).state, DeliveryState::sent);
  EXPECT_EQ(folder_.read("sent"), "\n");
}

TEST_F(FlushDeliverLocked, PatienceWithALockedStoreHasAnEndAndAClearWord) {
  const auto done = deliver_locked(std::chrono::milliseconds(3000), std::chrono::milliseconds(200));
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code(), policy::Errc::temporary);
  EXPECT_THAT(done.error().message(), HasSubstr("1 deliveries cannot be recorded"));
}

TEST_F(FlushDeliver, AFilterLeavesTheOthersAlone) {
  make_reports(3, "mailto:tls@");
  EXPECT_EQ(deliver(true, {std::nullopt, "d1.example"}).delivered, 1U);
  EXPECT_EQ(mail().size(), 1U);
}

TEST_F(FlushDeliver, AThousandFilesAreDeliveredInBatches) {
  make_reports(1000, "mailto:tls@");
  EXPECT_EQ(deliver().delivered, 1000U);
  EXPECT_EQ(mail().size(), 1000U);
}

TEST_F(FlushDeliver, ALeaseOutlastsEveryHandOver) {
  settings_.https_timeout = std::chrono::minutes(10);
  EXPECT_GT(lease_time(settings_), 3 * settings_.https_timeout + settings_.dns_timeout);
  settings_.https_timeout = std::chrono::seconds(1);
  EXPECT_GT(lease_time(settings_), max_mail_hand_over);
}

TEST_F(FlushDeliver, PostsGoToHttpsDestinations) {
  if (!testing_support::has_nginx()) GTEST_SKIP() << "no " << testing_support::nginx_program;
  const auto certificate =
      testing_support::self_signed(folder_, "receiver", "DNS:receiver.example");
  const testing_support::NginxServer server(
      certificate,
      "location /r { return 201; }\n"
      "location /later { add_header Retry-After 7200 always; return 503; }\n"
      "location /gone { return 410; }");
  settings_.https_ports = {server.port()};
  settings_.https_ca_file = certificate.certificate;
  host_dns_.world().addresses["receiver.example"] =
      testing_support::dns_addresses({server.address().c_str()});
  const std::string base = "https://receiver.example:" + std::to_string(server.port());
  make_reports(30, base + "/r," + base + "/later," + base + "/gone");
  const DeliverSummary summary = deliver();
  EXPECT_EQ(summary.delivered, 30U);
  EXPECT_EQ(summary.failed, 60U);
  EXPECT_EQ(summary.mail_attempts, 0U);
  const auto all = deliveries(reports().at(0).id);
  EXPECT_EQ(all[0].state, DeliveryState::sent);
  EXPECT_EQ(all[1].state, DeliveryState::pending);
  EXPECT_EQ(all[1].not_before, clock_.now() + hours(2));
  EXPECT_EQ(all[2].state, DeliveryState::pending) << "asked three times";
  EXPECT_EQ(all[2].last_error, "HTTP 410");
}

// Numbers of the connections in a log of nginx.
std::size_t connections(const std::string& log) {
  std::set<std::string> numbers;
  std::istringstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string field;
    for (int i = 0; i < 8; ++i) std::getline(fields, field, '|');
    numbers.insert(field);
  }
  return numbers.size();
}

TEST_F(FlushDeliver, AThousandReportsToOneAggregatorNeedFewConnections) {
  if (!testing_support::has_nginx()) GTEST_SKIP() << "no " << testing_support::nginx_program;
  const auto certificate =
      testing_support::self_signed(folder_, "receiver", "DNS:receiver.example");
  settings_.https_ca_file = certificate.certificate;
  for (const char* protocol : {"ssl", "ssl http2"}) {
    testing_support::NginxServer server(certificate, "location /r { return 201; }", protocol);
    settings_.https_ports = {server.port()};
    host_dns_.world().addresses["receiver.example"] =
        testing_support::dns_addresses({server.address().c_str()});
    make_reports(1000, "https://receiver.example:" + std::to_string(server.port()) + "/r");
    EXPECT_EQ(deliver().delivered, 1000U);
    EXPECT_LE(connections(server.final_log()), settings_.delivery_host_concurrency + 2) << protocol;
    clock_.advance(supplement_interval);
  }
}

TEST_F(FlushDeliver, AReceiverInOurNetworksIsRefusedEndToEnd) {
  const policy::AddressGuard strict({}, {});
  host_dns_.world().addresses["receiver.example"] = testing_support::dns_addresses({"127.0.0.1"});
  make_reports(1, "https://receiver.example/r");
  FlushLog log(log_, false, true);
  const FlushClock clock(clock_, std::nullopt);
  const auto done = deliver_due({*store_, settings_, clock, strict, host_dns_, log}, {}, true);
  ASSERT_TRUE(done.ok());
  EXPECT_EQ(done->failed, 1U);
  EXPECT_THAT(deliveries().at(0).last_error, HasSubstr("127.0.0.1"));
}

TEST_F(FlushDeliver, MailGoesToARelayToo) {
  testing_support::ServerProcess server(
      {"python3", TLSRPT_SOURCE_DIR "/tests/support/smtp_server.py", folder_.file("mail")});
  settings_.mail_transport = "smtp://127.0.0.1:" + std::to_string(server.read_port());
  make_reports(5, "mailto:tls@");
  EXPECT_EQ(deliver().delivered, 5U);
  EXPECT_TRUE(mail().contains("message.5"));
}

TEST_F(FlushDeliver, AnUnknownTransportIsAnError) {
  settings_.mail_transport = "pigeon:home";
  FlushLog log(log_, false, false);
  const FlushClock clock(clock_, std::nullopt);
  EXPECT_FALSE(deliver_due({*store_, settings_, clock, guard_, host_dns_, log}, {}, true).ok());
}

}  // namespace
}  // namespace tlsrpt::reporter
