#include "reporter/command/suppress_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "tests/support/flush_world.h"

namespace tlsrpt::reporter {
namespace {

using ::testing::HasSubstr;

class SuppressCommand : public testing_support::FlushWorld {
 protected:
  int run(Format format = Format::table, const std::string& lift = "") {
    CommandLine line;
    line.action = "suppress";
    line.format = format;
    if (!lift.empty()) line.lift = lift;
    out_.str("");
    err_.str("");
    return run_suppress({line, settings_, clock_, out_, err_});
  }
  void suppress(const std::string& destination) {
    count("a.example");
    publish("a.example", destination);
    close();
    deliver();
    const auto now = clock_.now();
    const Suppression suppression{destination, "came back: 550", now, now + std::chrono::days(7)};
    ASSERT_TRUE(*store_->record_bounce(deliveries().at(0).id, "came back: 550", suppression));
  }
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(SuppressCommand, ListsAndLifts) {
  EXPECT_EQ(run(), exit_ok);
  EXPECT_EQ(out_.str(), "No address is suppressed.\n");
  EXPECT_EQ(run(Format::json), exit_ok);
  EXPECT_EQ(out_.str(), "{\"suppressed\":[]}\n");
  suppress("mailto:%22y%20z%22@a.example");
  EXPECT_EQ(run(), exit_ok);
  EXPECT_THAT(out_.str(), HasSubstr("\"y z\"@a.example"));
  EXPECT_THAT(out_.str(), HasSubstr("2026-11-30T00:20:00Z"));
  EXPECT_EQ(run(Format::json), exit_ok);
  EXPECT_EQ(out_.str(),
            "{\"suppressed\":[{\"address\":\"\\\"y z\\\"@a.example\",\"since\":"
            "\"2026-11-23T00:20:00Z\",\"until\":\"2026-11-30T00:20:00Z\",\"reason\":"
            "\"came back: 550\"}]}\n");
  EXPECT_EQ(run(Format::table, "x@a.example"), exit_data);
  EXPECT_THAT(err_.str(), HasSubstr("x@a.example is not suppressed"));
  EXPECT_EQ(run(Format::table, "\"Y z\"@A.example"), exit_ok);
  EXPECT_EQ(run(), exit_ok);
  EXPECT_EQ(out_.str(), "No address is suppressed.\n");
}

TEST_F(SuppressCommand, WhatIsOverIsNotListed) {
  suppress("mailto:x@a.example");
  clock_.advance(std::chrono::days(7));
  EXPECT_EQ(run(), exit_ok);
  EXPECT_EQ(out_.str(), "No address is suppressed.\n");
}

TEST_F(SuppressCommand, MakesNoStore) {
  settings_.store = "sqlite:" + folder_.file("none.sqlite");
  EXPECT_EQ(run(), exit_no_input);
}

}  // namespace
}  // namespace tlsrpt::reporter
