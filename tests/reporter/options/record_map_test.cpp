#include "reporter/options/record_map.h"

#include <gtest/gtest.h>

#include <optional>

namespace tlsrpt::reporter {
namespace {

// What MAP says about DOMAIN, as a value.
std::optional<MappedRecords> look_up(const RecordMap& map, std::string_view domain) {
  const MappedRecords* found = map.find(*policy::DomainName::parse(domain));
  return found != nullptr ? std::optional(*found) : std::nullopt;
}

TEST(RecordMap, SeveralLinesOfADomainAreSeveralRecords) {
  const auto map = RecordMap::parse(
      "# overrides\n"
      "\n"
      "a.example v=TLSRPTv1; rua=mailto:a@a.example, https://a.example/r\n"
      "  B.Example.\t v=spf1 -all \n"
      "b.example v=TLSRPTv1; rua=mailto:b@b.example\n",
      "map");
  ASSERT_TRUE(map.ok());
  EXPECT_EQ(look_up(*map, "a.example"),
            (MappedRecords{false, {"v=TLSRPTv1; rua=mailto:a@a.example, https://a.example/r"}}));
  EXPECT_EQ(look_up(*map, "b.example"),
            (MappedRecords{false, {"v=spf1 -all", "v=TLSRPTv1; rua=mailto:b@b.example"}}));
  EXPECT_EQ(look_up(*map, "c.example"), std::nullopt);
  EXPECT_EQ(look_up(*map, "sub.a.example"), std::nullopt);
}

TEST(RecordMap, AStarStandsForAllOthers) {
  const auto map = RecordMap::parse("* discard\na.example v=TLSRPTv1; rua=mailto:x@y.example", "m");
  ASSERT_TRUE(map.ok());
  EXPECT_EQ(look_up(*map, "c.example"), (MappedRecords{true, {}}));
  EXPECT_FALSE(look_up(*map, "a.example")->discard);
}

TEST(RecordMap, AnEmptyMapAsksDnsForAll) {
  EXPECT_EQ(look_up(RecordMap(), "a.example"), std::nullopt);
  const auto unset = RecordMap::load("");
  ASSERT_TRUE(unset.ok());
  EXPECT_EQ(look_up(*unset, "a.example"), std::nullopt);
}

TEST(RecordMap, TellsEveryFaultWithItsLine) {
  const auto map = RecordMap::parse(
      "a.example\n"
      "-x.example v=TLSRPTv1\n"
      "*.example discard\n"
      "b.example discard\n"
      "b.example v=TLSRPTv1; rua=mailto:b@b.example\n"
      "c.example v=TLSRPTv1; rua=mailto:b@b.example\n"
      "c.example discard\n"
      "d.example discard\r\n",
      "/etc/map");
  ASSERT_FALSE(map.ok());
  EXPECT_EQ(map.error().message(),
            "/etc/map:1: expected \"DOMAIN TXT-RECORD\" or \"DOMAIN discard\"\n"
            "/etc/map:2: \"-x.example\" is not a domain name\n"
            "/etc/map:3: \"*.example\" is not a domain name\n"
            "/etc/map:5: \"discard\" must be the only line of its domain\n"
            "/etc/map:7: \"discard\" must be the only line of its domain\n"
            "/etc/map:8: line ends in CR LF: convert the file to Unix line ends");
}

TEST(RecordMap, BytesFromOutsideCannotHurt) {
  EXPECT_FALSE(RecordMap::parse(std::string("a.example x\0y\n", 14), "m").ok());
  EXPECT_FALSE(RecordMap::parse("a.example " + std::string(70000, 'x'), "m").ok());
  EXPECT_TRUE(RecordMap::parse("a.example \xFF\xFE", "m").ok());
  EXPECT_FALSE(RecordMap::load("/nonexistent/map").ok());
}

}  // namespace
}  // namespace tlsrpt::reporter
