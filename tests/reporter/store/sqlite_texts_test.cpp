#include "reporter/store/sqlite_texts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reporter/store/sqlite_open.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::reporter {
namespace {

using policy::AppliedPolicy;
using policy::PolicyType;
using ::testing::ElementsAre;

class SqliteTextsTest : public ::testing::Test {
 protected:
  SqliteDatabase open() const {
    auto database =
        open_sqlite(folder_.file("s"), StoreAccess::collector, std::chrono::milliseconds(100));
    if (!database.ok()) throw std::runtime_error(database.error().message());
    return *std::move(database);
  }

 private:
  testing_support::TempDir folder_;
};

TEST_F(SqliteTextsTest, ATextHasOneNumber) {
  SqliteDatabase database = open();
  SqliteTexts texts(database);
  EXPECT_FALSE(texts.find("a")->has_value());
  const std::int64_t a = *texts.intern("a");
  const std::int64_t b = *texts.intern("b");
  EXPECT_GT(a, 0);
  EXPECT_NE(a, b);
  EXPECT_EQ(*texts.intern("a"), a);
  EXPECT_EQ(*texts.find("a"), a);
  EXPECT_EQ(*texts.find(""), SqliteTexts::empty);
  EXPECT_EQ(*texts.intern(""), SqliteTexts::empty);
  SqliteTexts other(database);
  EXPECT_EQ(*other.find("b"), b);
}

TEST_F(SqliteTextsTest, UnusableTextsAreNotKnown) {
  SqliteDatabase database = open();
  SqliteTexts texts(database);
  for (const std::string& text :
       {std::string(SqliteTexts::max_text + 1, 'x'), std::string("\xff"), std::string("\xc3")}) {
    EXPECT_EQ(*texts.find(text), SqliteTexts::empty);
    EXPECT_EQ(*texts.intern(text), SqliteTexts::empty);
  }
  EXPECT_GT(*texts.intern(std::string(SqliteTexts::max_text, 'x')), 0);
}

TEST_F(SqliteTextsTest, ForgetsWhatWasRolledBack) {
  SqliteDatabase database = open();
  SqliteTexts texts(database);
  {
    auto transaction = SqliteTransaction::begin(database);
    ASSERT_TRUE(transaction.ok());
    ASSERT_GT(*texts.intern("gone"), 0);
    ASSERT_GT(*texts.intern(AppliedPolicy{PolicyType::tlsa, "gone", {}, {}}), 0);
  }
  texts.forget();
  EXPECT_FALSE(texts.find("gone")->has_value());
  EXPECT_FALSE(texts.find(AppliedPolicy{PolicyType::tlsa, "gone", {}, {}})->has_value());
}

TEST_F(SqliteTextsTest, PoliciesThatDifferHaveDifferentNumbers) {
  SqliteDatabase database = open();
  SqliteTexts texts(database);
  const std::vector<AppliedPolicy> policies{
      {PolicyType::tlsa, "a", {}, {}},         {PolicyType::sts, "a", {}, {}},
      {PolicyType::sts, "b", {}, {}},          {PolicyType::sts, "a", {"x"}, {}},
      {PolicyType::sts, "a", {}, {"x"}},       {PolicyType::sts, "a", {"x", "y"}, {}},
      {PolicyType::sts, "a", {"1:x,1:y"}, {}}, {PolicyType::sts, "a", {""}, {}}};
  std::vector<std::int64_t> ids;
  for (const AppliedPolicy& policy : policies) {
    EXPECT_FALSE(texts.find(policy)->has_value());
    const auto id = texts.intern(policy);
    ASSERT_TRUE(id.ok()) << id.error().message();
    EXPECT_THAT(ids, ::testing::Not(::testing::Contains(*id)));
    ids.push_back(*id);
  }
  SqliteTexts other(database);
  for (std::size_t i = 0; i < policies.size(); ++i) {
    EXPECT_EQ(*texts.find(policies[i]), ids[i]);
    EXPECT_EQ(*other.intern(policies[i]), ids[i]);
  }
}

TEST_F(SqliteTextsTest, AnUnusablePolicyTextLosesAllStrings) {
  SqliteDatabase database = open();
  SqliteTexts texts(database);
  const std::int64_t plain = *texts.intern(AppliedPolicy{PolicyType::sts, "a", {}, {}});
  const std::string too_long(SqliteTexts::max_list, 'x');
  EXPECT_EQ(*texts.intern(AppliedPolicy{PolicyType::sts, "a", {too_long}, {"mx"}}), plain);
  EXPECT_EQ(*texts.intern(AppliedPolicy{PolicyType::sts, "a", {"ok"}, {"\xff"}}), plain);
  // An MTA-STS policy of the largest size is kept whole.
  EXPECT_NE(*texts.intern(AppliedPolicy{PolicyType::sts, "a", {std::string(65536, 'x')}, {}}),
            plain);
}

TEST(EncodeList, ComesBack) {
  using List = std::vector<std::string>;
  for (const List& list : {List{}, List{""}, List{"", ""}, List{"a:b,c", "12:x,", "\u00e9"},
                           List{std::string("\0", 1), "x"}}) {
    EXPECT_EQ(decode_list(encode_list(list)), list);
  }
  EXPECT_EQ(encode_list({"ab", ""}), "2:ab,0:,");
}

TEST(DecodeList, RefusesAnythingElse) {
  for (const char* text : {"x", "1", "1:", "1:a", "1:a;", "2:a,", ":a,", "-1:a,", "01x:a,", ",",
                           "1:a,x", "99999999999999999999:a,", "18446744073709551615:a,"}) {
    EXPECT_FALSE(decode_list(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace tlsrpt::reporter
