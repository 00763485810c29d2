#include "reporter/flush/flush_output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/flush_world.h"

namespace tlsrpt::reporter {
namespace {

using policy::Outcome;
using ::testing::HasSubstr;
using testing_support::report_day;
using testing_support::report_fact;

class FlushOutput : public testing_support::FlushWorld {
 protected:
  OutputSummary render(const DeliveryFilter& filter = {}) {
    auto rendered = render_output(*store_, settings_, records_, dns_, clock_, filter,
                                  folder_.file("out"), nullptr);
    EXPECT_TRUE(rendered.ok()) << rendered.error().message();
    return rendered.ok() ? *rendered : OutputSummary{};
  }
  std::set<std::string> files() const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.file("out"))) {
      names.insert(entry.path().filename().string());
    }
    return names;
  }
  // The name of DOMAIN's report without ".json.gz".
  static std::string stem(const std::string& domain) {
    return "relay.example!" + domain + "!1795305600!1795391999!001";
  }
};

TEST_F(FlushOutput, RendersFinishedDaysAndChangesNothing) {
  count({report_fact("a.example", Outcome::success, 1),
         report_fact("b.example", Outcome::success, 1),
         report_fact("c.example", Outcome::success, 1),
         report_fact("d.example", Outcome::success, 1)});
  publish("a.example", "https://a.example/r,mailto:x@a.example");
  publish("b.example", "https://b.example/r");
  map("c.example discard\n");
  const OutputSummary summary = render();
  EXPECT_EQ(summary.reports, 3U);
  EXPECT_EQ(summary.messages, 2U);
  EXPECT_EQ(files(),
            (std::set<std::string>{stem("a.example") + ".json.gz", stem("a.example") + ".2.eml",
                                   stem("b.example") + ".json.gz", stem("c.example") + ".json.gz",
                                   stem("c.example") + ".1.eml"}));
  EXPECT_THAT(folder_.read("out/" + stem("c.example") + ".1.eml"),
              HasSubstr("To: tls-reports@relay.example\r\n"));
  EXPECT_TRUE(reports().empty());
  EXPECT_EQ(note("d.example"), "");
}

TEST_F(FlushOutput, WhatIsClosedIsRenderedAsItWasStored) {
  count("a.example");
  publish("a.example", "mailto:x@a.example");
  close();
  const std::string message_id = deliveries().at(0).message_id;
  const std::string bytes = reports().at(0).json_gz;
  dns_.world().txt["_smtp._tls.a.example"] = testing_support::dns_temporary("timeout");
  settings_.organization_name = "Somebody Else";
  clock_.advance(std::chrono::days(30));  // Whatever report_max_age says.
  const OutputSummary summary = render();
  EXPECT_EQ(summary.reports, 1U);
  EXPECT_EQ(summary.unanswered, 0U) << "nothing is asked for what is closed";
  EXPECT_EQ(folder_.read("out/" + stem("a.example") + ".json.gz"), bytes);
  EXPECT_THAT(folder_.read("out/" + stem("a.example") + ".1.eml"), HasSubstr(message_id));
}

TEST_F(FlushOutput, TheSameBytesAsAreDelivered) {
  count("a.example");
  publish("a.example", "mailto:x@a.example");
  close();
  deliver();
  render();
  const std::string name = stem("a.example") + ".1.eml";
  ASSERT_NE(folder_.read("mail/" + name), "");
  EXPECT_EQ(folder_.read("out/" + name), folder_.read("mail/" + name));
}

TEST_F(FlushOutput, AnOpenDayIsAPreviewForThoseWhoNameIt) {
  clock_.set("2026-11-22T12:00:00Z");
  count("a.example");
  map("* discard\n");
  EXPECT_EQ(render().reports, 0U);
  EXPECT_EQ(render({report_day, std::nullopt}).reports, 1U);
  EXPECT_EQ(render({report_day - std::chrono::days(1), std::nullopt}).reports, 0U);
}

TEST_F(FlushOutput, ASupplementHasTheNextNumber) {
  count("a.example");
  map("* discard\n");
  close();
  count("a.example", 2);
  clock_.advance(std::chrono::hours(7));
  EXPECT_EQ(render().reports, 2U);
  EXPECT_TRUE(files().contains("relay.example!a.example!1795305600!1795391999!002.json.gz"));
}

TEST_F(FlushOutput, OneDomainCanBeChosen) {
  count({report_fact("a.example", Outcome::success, 1),
         report_fact("b.example", Outcome::success, 1)});
  map("* discard\n");
  EXPECT_EQ(render({std::nullopt, "b.example"}).reports, 1U);
  EXPECT_TRUE(files().contains(stem("b.example") + ".json.gz"));
}

TEST_F(FlushOutput, LongNamesAreHashed) {
  const std::string label(60, 'x');
  const std::string domain = label + "." + label + "." + label + "." + label + ".ex";
  count(domain);
  map("* discard\n");
  EXPECT_EQ(render().reports, 1U);
  for (const std::string& name : files()) {
    EXPECT_LE(name.size(), 240U);
    EXPECT_EQ(name.substr(0, 32).find_first_not_of("0123456789abcdef"), std::string::npos) << name;
  }
  EXPECT_EQ(files().size(), 2U);
}

TEST_F(FlushOutput, SaysWhatIsMissing) {
  count({report_fact("a.example", Outcome::success, 1),
         report_fact("odd.example", Outcome::success, 1)});
  dns_.world().txt["_smtp._tls.a.example"] = testing_support::dns_temporary("timeout");
  publish("odd.example", "mailto:x@odd.example");
  damage(
      "UPDATE fact SET outcome = 99 WHERE domain = "
      "(SELECT id FROM text WHERE value = 'odd.example')");
  const OutputSummary summary = render();
  EXPECT_EQ(summary.unanswered, 1U);
  EXPECT_THAT(summary.first_fault, HasSubstr("odd.example"));
}

TEST_F(FlushOutput, ADirectoryThatCannotBeIsAnError) {
  EXPECT_FALSE(render_output(*store_, settings_, records_, dns_, clock_, {},
                             folder_.file("no/such/parent"), nullptr)
                   .ok());
}

}  // namespace
}  // namespace tlsrpt::reporter
