#include "reporter/store/sqlite_schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "tests/support/temp_dir.h"

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using ::testing::HasSubstr;

class SqliteSchema : public ::testing::Test {
 protected:
  SqliteDatabase open() const {
    auto database = SqliteDatabase::open(
        folder_.file("d"), SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX);
    if (!database.ok()) throw std::runtime_error(database.error().message());
    return *std::move(database);
  }

 private:
  testing_support::TempDir folder_;
};

TEST_F(SqliteSchema, IsMadeOnceAndRecognised) {
  SqliteDatabase database = open();
  EXPECT_EQ(*check_sqlite_schema(database), SqliteSchemaState::empty);
  ASSERT_TRUE(create_sqlite_schema(database).ok());
  EXPECT_EQ(*check_sqlite_schema(database), SqliteSchemaState::current);
  // Another process was a moment earlier: nothing is made twice.
  ASSERT_TRUE(create_sqlite_schema(database).ok());
  EXPECT_EQ(*database.integer("SELECT count(*) FROM text"), 1);
}

// The numbers are the format: a change of either needs a migration.
TEST_F(SqliteSchema, HasItsNumbers) {
  SqliteDatabase database = open();
  ASSERT_TRUE(create_sqlite_schema(database).ok());
  EXPECT_EQ(*database.integer("PRAGMA user_version"), 4);
  EXPECT_EQ(*database.integer("PRAGMA application_id"), 0x544c5352);
}

TEST_F(SqliteSchema, ANewerVersionIsRefusedInClearWords) {
  SqliteDatabase database = open();
  ASSERT_TRUE(create_sqlite_schema(database).ok());
  ASSERT_TRUE(database.execute("PRAGMA user_version = 5").ok());
  const auto state = check_sqlite_schema(database);
  ASSERT_FALSE(state.ok());
  EXPECT_EQ(state.error().code(), Errc::syntax);
  EXPECT_EQ(state.error().message(),
            "the store has schema version 5, this program knows versions up to 4: it was written "
            "by a newer tlsrpt");
  EXPECT_EQ(create_sqlite_schema(database).error().code(), Errc::syntax);
}

TEST_F(SqliteSchema, AStoreOfAnOlderVersionIsBroughtUpToDate) {
  SqliteDatabase database = open();
  ASSERT_TRUE(create_sqlite_schema(database).ok());
  ASSERT_TRUE(
      database
          .execute("DROP TABLE remembered; DROP TABLE suppression; DROP TABLE lost_datagram; "
                   "DROP TABLE forgotten_queue_ids; "
                   "ALTER TABLE domain_day DROP COLUMN record; "
                   "ALTER TABLE report DROP COLUMN by_seen_record; "
                   "ALTER TABLE delivery DROP COLUMN is_smallest; DROP INDEX domain_day_open; "
                   "CREATE INDEX domain_day_open ON domain_day (day, domain) WHERE open = "
                   "1; INSERT INTO day VALUES (7, 0); PRAGMA user_version = 1")
          .ok());
  EXPECT_EQ(*check_sqlite_schema(database), SqliteSchemaState::older);
  ASSERT_TRUE(create_sqlite_schema(database).ok());
  EXPECT_EQ(*check_sqlite_schema(database), SqliteSchemaState::current);
  EXPECT_EQ(*database.integer("SELECT count(*) FROM remembered"), 0);
  EXPECT_EQ(*database.integer("SELECT count(*) FROM suppression"), 0);
  EXPECT_EQ(*database.integer("SELECT count(is_smallest) FROM delivery"), 0);
  EXPECT_EQ(*database.integer("SELECT count(*) FROM lost_datagram"), 0);
  EXPECT_EQ(*database.integer("SELECT count(*) FROM forgotten_queue_ids"), 0);
  EXPECT_EQ(*database.integer("SELECT count(record) FROM domain_day"), 0);
  EXPECT_EQ(*database.integer("SELECT count(by_seen_record) FROM report"), 0);
  EXPECT_EQ(*database.integer("SELECT sql LIKE '%(domain, day)%' FROM sqlite_schema "
                              "WHERE name = 'domain_day_open'"),
            1);
  EXPECT_EQ(*database.integer("SELECT day FROM day"), 7);
  ASSERT_TRUE(create_sqlite_schema(database).ok()) << "not twice";
}

TEST_F(SqliteSchema, AnImpossibleVersionIsRefused) {
  SqliteDatabase database = open();
  ASSERT_TRUE(create_sqlite_schema(database).ok());
  for (const char* version : {"PRAGMA user_version = 0", "PRAGMA user_version = -1"}) {
    ASSERT_TRUE(database.execute(version).ok());
    const auto state = check_sqlite_schema(database);
    ASSERT_FALSE(state.ok());
    EXPECT_EQ(state.error().code(), Errc::syntax);
    EXPECT_THAT(state.error().message(), HasSubstr("impossible schema version"));
  }
}

TEST_F(SqliteSchema, AnotherProgramsDatabaseIsLeftAlone) {
  SqliteDatabase database = open();
  ASSERT_TRUE(database.execute("CREATE TABLE theirs (x)").ok());
  EXPECT_EQ(check_sqlite_schema(database).error().code(), Errc::syntax);
  EXPECT_EQ(create_sqlite_schema(database).error().code(), Errc::syntax);
  EXPECT_THAT(check_sqlite_schema(database).error().message(), HasSubstr("not a tlsrpt store"));
  EXPECT_EQ(*database.integer("SELECT count(*) FROM sqlite_schema"), 1);
}

}  // namespace
}  // namespace tlsrpt::reporter
