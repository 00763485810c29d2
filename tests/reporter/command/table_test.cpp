#include "reporter/command/table.h"

#include <gtest/gtest.h>

#include "policy/text.h"
#include "tests/support/random_report.h"

namespace tlsrpt::reporter {
namespace {

using Kind = Table::Kind;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    lines.push_back(text.substr(begin, end - begin));
    begin = end == std::string::npos ? text.size() : end + 1;
  }
  return lines;
}

TEST(Table, TextStandsToTheLeftAndNumbersToTheRight) {
  Table table({{"Name"}, {"Count", Kind::number}, {"Note"}});
  table.add_row({"a", "7", "x"});
  table.add_row({"long name", "1234567", ""});
  EXPECT_EQ(table.text(),
            "Name         Count  Note\n"
            "a                7  x\n"
            "long name  1234567\n");
  EXPECT_EQ(lines_of(table.text(2))[1], "  a                7  x");
}

TEST(Table, ColumnsThatAreEmptyAreLeftOut) {
  Table table({{"A"}, {"B"}, {"C"}});
  table.add_row({"1", "", "3"});
  EXPECT_EQ(table.text(), "A  C\n1  3\n");
  Table fixed({{"A"}, {"B", Kind::text, Table::Presence::always}, {"C"}});
  fixed.add_row({"1", "", "3"});
  EXPECT_EQ(fixed.text(), "A  B  C\n1     3\n");
}

TEST(Table, StrangersTextIsEscaped) {
  Table table({{"A"}});
  table.add_row({"\x1b[31m\xFF"});
  EXPECT_EQ(lines_of(table.text())[1], policy::escape_untrusted("\x1b[31m\xFF"));
  EXPECT_EQ(table.text().find('\x1b'), std::string::npos);
}

TEST(Table, LongCellsAreWrappedAtGoodPlaces) {
  Table table({{"Host"}, {"Count", Kind::number}});
  table.add_row({"mail.department.example.org", "5"});
  EXPECT_EQ(table.text(0, 25),
            "Host                Count\n"
            "mail.department.        5\n"
            "example.org\n");
}

TEST(Table, CountsAreNeverCut) {
  Table table({{"Host"}, {"Count", Kind::number}});
  table.add_row({std::string(300, 'h'), "18446744073709551615"});
  const std::string text = table.text(0, 40);
  EXPECT_NE(text.find(" 18446744073709551615\n"), std::string::npos);
  EXPECT_EQ(lines_of(text).size(), 1 + max_cell_lines);
  EXPECT_TRUE(lines_of(text).back().ends_with("..."));
}

TEST(Table, AnyRowsFit) {
  testing_support::RandomReports random(5);
  for (int round = 0; round < 200; ++round) {
    Table table({{"Sending IP"},
                 {"MX host"},
                 {"Sessions", Kind::number},
                 {"Messages", Kind::number},
                 {"TLS"},
                 {"Failure type"},
                 {"Reason"}});
    for (unsigned rows = random.below(6); rows > 0; --rows) {
      table.add_row({"2001:db8:1234:5678:9abc:def0:1234:5678", random.domain(), "9007199254740991",
                     std::to_string(random.below(1000)), "failed", "certificate-host-mismatch",
                     random.text() + random.text()});
    }
    for (const std::string& line : lines_of(table.text(4))) {
      EXPECT_LE(display_width(line), table_width) << line;
      EXPECT_FALSE(line.ends_with(' '));
    }
  }
}

TEST(WrapText, NeverCutsACharacter) {
  const auto lines =
      wrap_text("\xC3\xBC\xC3\xBC\xC3\xBC\xC3\xBC\xC3\xBC\xE4\xBD\xA0\xE4\xBD\xA0", 5, 4);
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0], "\xC3\xBC\xC3\xBC\xC3\xBC\xC3\xBC\xC3\xBC");
  EXPECT_EQ(lines[1], "\xE4\xBD\xA0\xE4\xBD\xA0");  // Two columns each.
  EXPECT_EQ(display_width(lines[1]), 4U);
}

TEST(WrapText, ShortAndEmptyTextsAreOneLine) {
  EXPECT_EQ(wrap_text("", 10, 3), std::vector<std::string>{""});
  EXPECT_EQ(wrap_text("0123456789", 10, 3), std::vector<std::string>{"0123456789"});
}

}  // namespace
}  // namespace tlsrpt::reporter
