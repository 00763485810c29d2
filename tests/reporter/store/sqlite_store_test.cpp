// What only SQLite can suffer: locks, full disks, killed writers, damaged files.

#include "reporter/store/sqlite_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <optional>
#include <random>
#include <sstream>
#include <thread>

#include "policy/text.h"
#include "reporter/store/sqlite_open.h"
#include "tests/support/as_nobody.h"
#include "tests/support/claim_due.h"
#include "tests/support/damaged_store.h"
#include "tests/support/pipe_pair.h"
#include "tests/support/store_contract.h"

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using policy::Fact;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using testing_support::batch_of;
using testing_support::claim_due;
using testing_support::DamagedStore;
using testing_support::day;
using testing_support::message_of;
using testing_support::sample_fact;
using testing_support::TempDir;

constexpr std::chrono::milliseconds patience{5000};

TEST(SqliteStore, ALockedStoreIsTemporaryAndTheSameBatchGoesInLater) {
  const TempDir folder;
  StoreLimits limits;
  limits.busy_timeout = std::chrono::milliseconds(10);
  const auto store = open_store("sqlite:" + folder.file("s"), StoreAccess::collector, limits);
  ASSERT_TRUE(store.ok());
  auto other = open_sqlite(folder.file("s"), StoreAccess::reporter, patience);
  {
    const auto held = SqliteTransaction::begin(*other);
    ASSERT_TRUE(held.ok());
    const auto refused = (*store)->commit(batch_of({sample_fact("a.example")}));
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code(), Errc::temporary);
    EXPECT_EQ(claim_due(**store, testing_support::at("2026-11-23T00:00:00Z"),
                        std::chrono::seconds(60), false, 1, {})
                  .error()
                  .code(),
              Errc::temporary);
    // Reading goes on.
    EXPECT_THAT(*(*store)->days(), IsEmpty());
  }
  ASSERT_EQ(message_of((*store)->commit(batch_of({sample_fact("a.example")}))), "ok");
  EXPECT_EQ((*store)->facts(day("2026-11-22"), "a.example", 0)->at(0).sessions, 1U);
}

TEST(SqliteStore, TellsThatItWaitsForALock) {
  const TempDir folder;
  unsigned told = 0;
  StoreLimits limits;
  limits.busy_timeout = std::chrono::milliseconds(20);
  limits.waiting = [&told] { ++told; };
  const auto store = open_store("sqlite:" + folder.file("s"), StoreAccess::collector, limits);
  ASSERT_TRUE(store.ok());
  ASSERT_TRUE((*store)->commit(batch_of({sample_fact("a.example")})).ok());
  EXPECT_EQ(told, 0U);
  auto other = open_sqlite(folder.file("s"), StoreAccess::reporter, patience);
  const auto held = SqliteTransaction::begin(*other);
  EXPECT_FALSE((*store)->commit(batch_of({sample_fact("a.example")})).ok());
  EXPECT_GT(told, 1U);
}

TEST(SqliteStore, KnowsThatItsFileWasRemovedThoughThereIsNothingToCommit) {
  const TempDir folder;
  const auto store = open_store("sqlite:" + folder.file("s"), StoreAccess::collector, {});
  EXPECT_TRUE((*store)->still_there().ok());
  std::filesystem::remove(folder.file("s"));
  EXPECT_EQ((*store)->still_there().error().code(), Errc::not_found);
}

// Reads the store at PATH from when PARENT says so until it has gone.
[[noreturn]] void read_meanwhile(const std::string& path, const testing_support::PipePair& parent,
                                 const testing_support::PipePair& progress) {
  if (!parent.get()) ::_exit(1);
  auto reader = open_sqlite(path, StoreAccess::read_only, patience);
  if (!reader.ok()) ::_exit(2);
  const auto reading = SqliteTransaction::begin_read(*reader);
  if (!reading.ok() || !reader->integer("SELECT count(*) AS value FROM fact").ok()) ::_exit(3);
  if (!progress.put()) ::_exit(4);
  (void)parent.get();
  ::_exit(0);
}

// As by somebody who does not know of the other two, while --summary reads: in a process of its
// own, as the locks are those of a process.
TEST(SqliteStore, IsMadeAnewWhereOnlyItsFileWasRemovedThoughSomebodyReadsIt) {
  const TempDir folder;
  const std::string store = "sqlite:" + folder.file("s");
  testing_support::PipePair reader;
  testing_support::PipePair progress;
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    reader.close_write_end();
    read_meanwhile(folder.file("s"), reader, progress);
  }
  progress.close_write_end();
  auto old = *open_store(store, StoreAccess::collector, {});
  ASSERT_TRUE(old->commit(batch_of({sample_fact("a.example")})).ok());
  ASSERT_TRUE(reader.put() && progress.get());
  old.reset();
  std::filesystem::remove(folder.file("s"));
  ASSERT_TRUE(std::filesystem::exists(folder.file("s-shm")));

  StoreLimits limits;
  limits.busy_timeout = std::chrono::milliseconds(20);
  auto anew = open_store(store, StoreAccess::collector, limits);
  ASSERT_EQ(message_of(anew), "ok");
  EXPECT_EQ(message_of((*anew)->commit(batch_of({sample_fact("b.example")}))), "ok");
  reader.close_write_end();
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_EQ(message_of((*anew)->commit(batch_of({sample_fact("c.example")}))), "ok");
  EXPECT_EQ((*anew)->domains(day("2026-11-22"))->size(), 2U);
}

TEST(SqliteStore, WhoeverIsInAHurryWaitsForNoLock) {
  const TempDir folder;
  std::atomic<bool> hurry{false};
  StoreLimits limits;
  limits.busy_timeout = std::chrono::hours(1);
  limits.hurry = &hurry;
  const auto store = open_store("sqlite:" + folder.file("s"), StoreAccess::collector, limits);
  ASSERT_TRUE(store.ok());
  auto other = open_sqlite(folder.file("s"), StoreAccess::reporter, patience);
  std::optional held = *SqliteTransaction::begin(*other);
  const std::jthread signal([&hurry] { hurry = true; });  // Maybe in the middle of the wait.
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ((*store)->commit(batch_of({sample_fact("a.example")})).error().code(),
              Errc::temporary);
  }
  held.reset();
  EXPECT_EQ(message_of((*store)->commit(batch_of({sample_fact("a.example")}))), "ok");
}

// SQLite would believe in the pages that it has read, and write beside what is damaged.
TEST(SqliteStore, ADamagedFileIsNoticedAndSoIsThatItWasMended) {
  const TempDir folder;
  const std::string path = folder.file("s");
  const auto store = open_store("sqlite:" + path, StoreAccess::collector, {});
  ASSERT_TRUE(store.ok());
  ASSERT_EQ(message_of((*store)->commit(batch_of({sample_fact("a.example")}))), "ok");
  auto other = open_sqlite(path, StoreAccess::reporter, patience);
  ASSERT_TRUE(other->execute("PRAGMA wal_checkpoint(TRUNCATE)").ok());
  std::stringstream good;
  good << std::ifstream(path, std::ios::binary).rdbuf();
  constexpr std::streamoff page = 4096;
  const std::string garbage(good.str().size() - page, '\xff');
  std::fstream(path, std::ios::in | std::ios::out | std::ios::binary).seekp(page) << garbage;

  const auto refused = (*store)->commit(batch_of({sample_fact("b.example")}));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), Errc::io);
  EXPECT_THAT(refused.error().message(), AllOf(HasSubstr(path), HasSubstr("malformed")));
  std::fstream(path, std::ios::in | std::ios::out | std::ios::binary) << good.str();
  EXPECT_EQ(message_of((*store)->commit(batch_of({sample_fact("b.example")}))), "ok");
  EXPECT_THAT(*(*store)->domains(day("2026-11-22")), ElementsAre("a.example", "b.example"));
}

TEST(SqliteStore, AFullDiskChangesNothingAndNothingIsRememberedOfIt) {
  const TempDir folder;
  auto database = open_sqlite(folder.file("s"), StoreAccess::collector, patience);
  ASSERT_TRUE(database.ok());
  const std::int64_t pages = *database->integer("PRAGMA page_count");
  ASSERT_TRUE(database->execute("PRAGMA max_page_count = " + std::to_string(pages + 2)).ok());
  SqliteStore store(*std::move(database), {});
  ASSERT_EQ(message_of(store.commit(batch_of({sample_fact("small.example")}))), "ok");

  std::vector<Fact> facts;
  for (int i = 0; i < 500; ++i) facts.push_back(sample_fact("d" + std::to_string(i) + ".example"));
  Batch big = batch_of(facts);
  big.state.position = "later";
  for (int i = 0; i < 2; ++i) {
    const auto full = store.commit(big);
    ASSERT_FALSE(full.ok());
    EXPECT_EQ(full.error().code(), Errc::io);
    EXPECT_EQ(full.error().message(), folder.file("s") + ": SQLite: database or disk is full (13)");
  }
  // In a group nothing may go in on its own after SQLite has undone everything.
  const auto group = store.grouped([&]() -> policy::Status {
    EXPECT_FALSE(store.commit(big).ok());
    (void)store.note_lookup(day("2026-11-22"), "small.example", {"x", std::nullopt, false}).ok();
    return policy::Unit{};
  });
  EXPECT_EQ(group.ok() ? Errc::internal : group.error().code(), Errc::io);

  EXPECT_THAT(*store.domains(day("2026-11-22")), ElementsAre("small.example"));
  EXPECT_EQ((*store.collector_state("relay1.example", "file:/var/log/mail.log"))->position,
            "position");
  EXPECT_FALSE(store.lookup_note(day("2026-11-22"), "small.example")->has_value());
  // Room again, from another process: the whole batch goes in, with the right texts.
  const auto other = open_store("sqlite:" + folder.file("s"), StoreAccess::collector, {});
  ASSERT_EQ(message_of((*other)->commit(big)), "ok");
  EXPECT_EQ((*other)->domains(day("2026-11-22"))->size(), 501U);
  EXPECT_EQ((*other)->facts(day("2026-11-22"), "d7.example", 0)->at(0).mx_host, "mx.d7.example");
}

// Commits batches of three facts for ever; the position counts them.
[[noreturn]] void commit_for_ever(const std::string& location,
                                  const testing_support::PipePair& progress) {
  const auto store = open_store(location, StoreAccess::collector, {});
  if (!store.ok()) ::_exit(1);
  const auto state = (*store)->collector_state("relay1.example", "file:/var/log/mail.log");
  if (!state.ok()) ::_exit(2);
  std::uint64_t position = 0;
  if (*state) position = *policy::parse_number<std::uint64_t>((*state)->position);
  for (;;) {
    ++position;
    std::vector<Fact> facts(3, sample_fact("d" + std::to_string(position % 17) + ".example"));
    facts[1].helo = "h" + std::to_string(position);
    facts[2].domain = "all.example";
    Batch batch = batch_of(facts);
    batch.state.position = std::to_string(position);
    batch.state.pending = std::string(position % 7 * 3000, 'p');
    batch.ignored = {{{day("2026-11-22"), policy::Ignored::relay}, 1}};
    if (!(*store)->commit(batch).ok()) ::_exit(3);
    if (!progress.put()) ::_exit(4);
  }
}

TEST(SqliteStore, AKilledCollectorLeavesWholeBatchesOnly) {
  const TempDir folder;
  const std::string location = "sqlite:" + folder.file("s");
  std::mt19937 random(20261122);
  for (int kills = 0; kills < 12; ++kills) {
    testing_support::PipePair progress;
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) commit_for_ever(location, progress);
    progress.close_write_end();
    // At least one commit, then a random part of the next ones.
    ASSERT_TRUE(progress.get());
    const timespec moment{0, std::uniform_int_distribution<long>(0, 6'000'000)(random)};
    (void)::ppoll(nullptr, 0, &moment, nullptr);
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child gave up: " << WEXITSTATUS(status);

    const auto store = open_store(location, StoreAccess::read_only, {});
    ASSERT_EQ(message_of(store), "ok");
    const auto state = (*store)->collector_state("relay1.example", "file:/var/log/mail.log");
    ASSERT_TRUE(state.ok() && state->has_value());
    const std::uint64_t position = *policy::parse_number<std::uint64_t>((*state)->position);
    EXPECT_EQ((*state)->pending.size(), position % 7 * 3000);
    std::uint64_t sessions = 0;
    const auto domains = (*store)->domains(day("2026-11-22"));
    ASSERT_EQ(message_of(domains), "ok");
    for (const std::string& domain : *domains) {
      const auto facts = (*store)->facts(day("2026-11-22"), domain, std::nullopt);
      ASSERT_EQ(message_of(facts), "ok");
      for (const Fact& fact : *facts) sessions += fact.sessions;
    }
    EXPECT_EQ(sessions, 3 * position);
    EXPECT_EQ((*store)->ignored(day("2026-11-22"))->at(policy::Ignored::relay), position);
  }
}

TEST(SqliteStore, ADamagedFileIsAnErrorAndNoCrash) {
  const DamagedStore damaged;
  {
    const auto store = open_store(damaged.location(), StoreAccess::collector, {});
    std::vector<Fact> facts;
    for (int i = 0; i < 300; ++i) {
      facts.push_back(sample_fact("d" + std::to_string(i) + ".example"));
    }
    ASSERT_EQ(message_of((*store)->commit(batch_of(facts))), "ok");
  }
  const auto size = std::filesystem::file_size(damaged.path());
  std::ifstream in(damaged.path(), std::ios::binary);
  const std::string whole(std::istreambuf_iterator<char>(in), {});
  std::mt19937 random(1);
  int errors = 0;
  for (int round = 0; round < 40; ++round) {
    std::string broken = whole;
    // Everything but the first page, so that it is still taken for a store.
    for (int i = 0; i < 60; ++i) {
      broken[std::uniform_int_distribution<std::size_t>(4096, size - 1)(random)] =
          static_cast<char>(random());
    }
    if (round % 4 == 0) broken.resize(size / 2);
    std::ofstream(damaged.path(), std::ios::binary) << broken;
    const auto store = open_store(damaged.location(), StoreAccess::reporter, {});
    if (!store.ok()) {
      ++errors;
      continue;
    }
    const auto domains = (*store)->domains(day("2026-11-22"));
    bool good = domains.ok();
    if (domains.ok()) {
      for (const std::string& domain : *domains) {
        good = (*store)->facts(day("2026-11-22"), domain, std::nullopt).ok() && good;
      }
    }
    good = all_open_days(**store, day("2026-11-24")).ok() && good;
    good = (*store)->commit(batch_of({sample_fact("new.example")})).ok() && good;
    good = (*store)->prune(day("2026-11-24")).ok() && good;
    if (!good) ++errors;
  }
  EXPECT_GT(errors, 30);
}

TEST(SqliteStore, RemembersABoundedNumberOfHandshakes) {
  const DamagedStore damaged;
  const auto batch_with = [](const std::string& mx_host, std::string_view when) {
    Batch batch = batch_of({});
    batch.mx_handshakes = {{mx_host, "192.0.2.1", day(when)}};
    return batch;
  };
  const auto store = open_store(damaged.location(), StoreAccess::collector, {});
  ASSERT_TRUE((*store)->commit(batch_with("known", "2026-11-20")).ok());
  damaged.run("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " +
              std::to_string(max_mx_handshakes - 2) +
              ") INSERT INTO mx_handshake SELECT 1000000 + i, 1, 20000 FROM n");
  const auto full = open_store(damaged.location(), StoreAccess::collector, {});
  ASSERT_EQ(message_of((*full)->commit(batch_with("last", "2026-11-20"))), "ok");
  ASSERT_EQ(message_of((*full)->commit(batch_with("too-many", "2026-11-20"))), "ok");
  ASSERT_EQ(message_of((*full)->commit(batch_with("known", "2026-11-22"))), "ok");
  EXPECT_TRUE((*full)->last_handshake("last", "192.0.2.1")->has_value());
  EXPECT_FALSE((*full)->last_handshake("too-many", "192.0.2.1")->has_value());
  EXPECT_EQ(*(*full)->last_handshake("known", "192.0.2.1"), day("2026-11-22"));
}

TEST(SqliteStore, AFolderThatIsClosedForAWhileIsNoStoreThatWasRemoved) {
  const testing_support::TempDir folder;
  ASSERT_EQ(::chmod(folder.path().c_str(), 0755), 0);
  std::filesystem::create_directory(folder.file("closed"));
  const auto store =
      open_store("sqlite:" + folder.file("closed/store"), StoreAccess::collector, {});
  ASSERT_TRUE((*store)->commit(batch_of({})).ok());
  ASSERT_EQ(::chmod(folder.file("closed").c_str(), 0), 0);
  {
    const testing_support::AsNobody nobody;
    const auto status = (*store)->commit(batch_of({}));
    EXPECT_EQ(status.error().code(), Errc::io);
    EXPECT_EQ(message_of(status), folder.file("closed/store") + ": Permission denied");
  }
  ASSERT_EQ(::chmod(folder.file("closed").c_str(), 0700), 0);
  EXPECT_EQ(message_of((*store)->commit(batch_of({}))), "ok");
  std::filesystem::remove(folder.file("closed/store"));
  EXPECT_EQ((*store)->commit(batch_of({})).error().code(), Errc::not_found);
}

TEST(SqliteStore, DamageOutsideTheFactsIsNamedToo) {
  const DamagedStore damaged;
  {
    const auto store = open_store(damaged.location(), StoreAccess::collector, {});
    Batch batch = batch_of({});
    batch.ignored = {{{day("2026-11-22"), policy::Ignored::relay}, 1}};
    batch.mx_handshakes = {{"mx", "192.0.2.1", day("2026-11-22")}};
    batch.not_understood = {{day("2026-11-22"), "line"}};
    ASSERT_TRUE((*store)->commit(batch).ok());
  }
  const auto store = open_store(damaged.location(), StoreAccess::read_only, {});
  damaged.run("UPDATE ignored SET kind = 99");
  EXPECT_EQ(message_of((*store)->ignored(day("2026-11-22"))),
            "ignored sessions of 2026-11-22: damaged row: kind is unknown");
  damaged.run("UPDATE ignored SET kind = 7, sessions = -3");
  EXPECT_THAT(message_of((*store)->ignored(day("2026-11-22"))),
              StartsWith("ignored sessions of 2026-11-22: damaged row: sessions -3"));
  damaged.run("UPDATE mx_handshake SET day = 9999999999");
  EXPECT_THAT(message_of((*store)->last_handshake("mx", "192.0.2.1")),
              StartsWith("handshake with mx: damaged row: day 9999999999"));
  damaged.run("INSERT INTO day (day, domains) VALUES (-9999999999, 0), (26062518628, 0)");
  EXPECT_THAT(*(*store)->days(), ElementsAre(day("2026-11-22"))) << "one bad day hides no other";
  const auto open = (*store)->open_days(day("2026-11-23"), 0, 10);
  ASSERT_TRUE(open.ok() && open->damaged.size() == 2U);
  EXPECT_THAT(open->damaged[0].what, StartsWith("days: damaged row: day -9999999999"));
  EXPECT_THAT(open->damaged[1].what, StartsWith("days: damaged row: day 26062518628"));
  EXPECT_TRUE((*store)->open_days(day("2026-11-23"), 1, 10)->damaged.empty()) << "named once";
  damaged.allow_any_type();
  damaged.run("UPDATE collector SET position = 'text', committed_at = NULL");
  damaged.run("UPDATE not_understood SET line = 5");
  const auto reopened = open_store(damaged.location(), StoreAccess::read_only, {});
  EXPECT_THAT(message_of((*reopened)->collector_state("relay1.example", "file:/var/log/mail.log")),
              StartsWith("state of collector relay1.example: damaged row: position has the wrong"));
  const auto collectors = (*reopened)->collectors();
  ASSERT_TRUE(collectors.ok() && collectors->size() == 1U);
  EXPECT_EQ(collectors->front().relay, "relay1.example");
  EXPECT_EQ(collectors->front().committed_at, policy::UtcSeconds{}) << "nobody waits for it";
  EXPECT_EQ(collectors->front().damage, "collectors: damaged row: committed_at has the wrong type");
  EXPECT_THAT(message_of((*reopened)->not_understood(day("2026-11-22"))),
              StartsWith("lines not understood on 2026-11-22: damaged row: line has the wrong"));
}

}  // namespace
}  // namespace tlsrpt::reporter
