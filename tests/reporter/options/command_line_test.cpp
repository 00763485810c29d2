#include "reporter/options/command_line.h"

#include <gtest/gtest.h>

#include <sstream>

namespace tlsrpt::reporter {
namespace {

// Parses words separated by blanks; `''` stands for an empty one.
policy::Result<CommandLine> parse(Program program, const std::string& text) {
  std::vector<std::string> words = {std::string(program_name(program))};
  std::istringstream stream(text);
  for (std::string word; stream >> word;) words.push_back(word == "''" ? "" : word);
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  return parse_command_line(program, static_cast<int>(words.size()), argv.data());
}

std::string problem(Program program, const std::string& text) {
  const auto line = parse(program, text);
  return line.ok() ? "(no error)" : line.error().message();
}

TEST(CommandLine, ReadsAFlushWithAllItsSwitches) {
  const auto line = parse(Program::reporter,
                          "-v --flush --now --day 2026-11-22 --domain Bücher.Example "
                          "--output-dir=/tmp/x -c /x.conf");
  ASSERT_TRUE(line.ok()) << line.error().message();
  EXPECT_EQ(line->action, "flush");
  EXPECT_TRUE(line->verbose && line->now);
  EXPECT_FALSE(line->dry_run || line->wait);
  EXPECT_TRUE(parse(Program::reporter, "--flush --dry-run")->dry_run);
  EXPECT_TRUE(parse(Program::reporter, "--flush --wait --now")->wait);
  EXPECT_EQ(line->day, policy::parse_day("2026-11-22"));
  EXPECT_EQ(line->domain, "xn--bcher-kva.example");
  EXPECT_EQ(line->output_dir, "/tmp/x");
  EXPECT_EQ(line->config_file, "/x.conf");
  EXPECT_TRUE(line->config_given);
}

TEST(CommandLine, HasDefaults) {
  const auto line = parse(Program::reporter, "--summary");
  ASSERT_TRUE(line.ok());
  EXPECT_EQ(line->config_file, "/etc/tlsrpt/tlsrpt.conf");
  EXPECT_FALSE(line->config_given);
  EXPECT_EQ(line->format, Format::table);
  EXPECT_FALSE(line->day.has_value());
  EXPECT_TRUE(line->arguments.empty());
}

TEST(CommandLine, LiftsAnAddress) {
  EXPECT_EQ(parse(Program::reporter, "--suppress --lift x@a.example")->lift, "x@a.example");
  EXPECT_FALSE(parse(Program::reporter, "--suppress --format json")->lift.has_value());
  EXPECT_EQ(problem(Program::reporter, "--suppress --lift a.example"),
            "--lift needs an address, not \"a.example\"");
  EXPECT_EQ(problem(Program::reporter, "--status --lift x@a.example"),
            "--lift belongs to --suppress");
  EXPECT_TRUE(parse(Program::reporter, "--bounce").ok());
}

TEST(CommandLine, TakesArgumentsOfActions) {
  EXPECT_EQ(parse(Program::reporter, "--check-domain a.example b.example --format json")->arguments,
            (std::vector<std::string>{"a.example", "b.example"}));
  EXPECT_EQ(parse(Program::reporter, "--show r.json")->arguments,
            std::vector<std::string>{"r.json"});
  EXPECT_EQ(parse(Program::reporter, "--show=r.json")->arguments,
            std::vector<std::string>{"r.json"});
  EXPECT_EQ(parse(Program::reporter, "--show -- --odd")->arguments,
            std::vector<std::string>{"--odd"});
  EXPECT_TRUE(parse(Program::milter, "--explain")->arguments.empty());
  EXPECT_EQ(parse(Program::milter, "--explain mail.log")->arguments,
            std::vector<std::string>{"mail.log"});
}

TEST(CommandLine, TheMilterIsADaemonWithoutAction) {
  const auto line = parse(Program::milter, "-f -c x.conf");
  ASSERT_TRUE(line.ok());
  EXPECT_EQ(line->action, "");
  EXPECT_TRUE(line->foreground);
}

TEST(CommandLine, RefusesSwitchesThatCannotBothBeFollowed) {
  EXPECT_EQ(problem(Program::reporter, "--flush --dry-run --output-dir /x"),
            "--dry-run writes nothing, --output-dir does: give one of them");
  EXPECT_EQ(problem(Program::reporter, "--flush --wait --dry-run"),
            "--wait is for a flush that delivers, not for --dry-run");
  EXPECT_EQ(problem(Program::reporter, "--wait --output-dir /x --flush"),
            "--wait is for a flush that delivers, not for --output-dir");
}

TEST(CommandLine, RefusesWhatIsNoCommand) {
  const auto bad = [](const std::string& text, std::string_view reason) {
    EXPECT_EQ(problem(Program::reporter, text), reason) << text;
  };
  bad("", "no action is given");
  bad("-v", "no action is given");
  bad("--nope", "unknown or ambiguous switch \"--nope\"");
  bad("--print", "unknown or ambiguous switch \"--print\"");
  bad("-x --flush", "unknown switch \"-x\"");
  bad("--flush -f", "unknown switch \"-f\"");
  bad("--catch-up", "unknown or ambiguous switch \"--catch-up\"");
  bad("--flush --summary", "--flush and --summary are two actions: give one");
  bad("--flush --flush", "--flush is given twice");
  bad("--summary --day 2026-11-22 --day 2026-11-23", "--day is given twice");
  bad("--flush --day", "--day needs an argument: DAY");
  bad("--flush -c", "-c needs an argument: FILE");
  bad("--flush -c ''", "-c needs a file");
  bad("--flush=x", "--flush takes no argument");
  bad("--flush --now=x", "--now takes no argument");
  bad("--flush --day 2026-02-29", "--day needs a date as YYYY-MM-DD, not \"2026-02-29\"");
  bad("--flush --day yesterday", "--day needs a date as YYYY-MM-DD, not \"yesterday\"");
  bad("--flush --domain a..b", "--domain needs a domain name, not \"a..b\"");
  bad("--flush --output-dir ''", "--output-dir needs a directory");
  bad("--summary --now", "--now belongs to --flush");
  bad("--status --all", "--all belongs to --summary");
  bad("--flush --format json",
      "--format belongs to --summary or --status or --check or --check-domain or --suppress");
  bad("--summary --format xml", "--format needs table or json, not \"xml\"");
  bad("--flush surplus", "surplus argument \"surplus\"");
  bad("--show", "--show needs an argument: FILE");
  bad("--show a b", "surplus argument \"b\"");
  bad("--show ''", "an argument is empty");
  bad("--check-domain", "--check-domain needs an argument: DOMAIN...");
  bad("--check-config surplus", "surplus argument \"surplus\"");
  bad("--flush \x1B[31m", R"(surplus argument "\u{1b}[31m")");
  EXPECT_EQ(problem(Program::milter, "-f --catch-up"), "-f belongs to the daemon");
  EXPECT_EQ(problem(Program::milter, "surplus"), "surplus argument \"surplus\"");
  EXPECT_EQ(problem(Program::milter, "--explain a b"), "surplus argument \"b\"");
}

TEST(CommandLine, WhoAsksForHelpGetsIt) {
  EXPECT_EQ(parse(Program::reporter, "--help --now surplus")->action, "help");
  EXPECT_EQ(parse(Program::milter, "--version -f")->action, "version");
}

TEST(CommandLine, HelpNamesEverySwitchAndFitsEightyColumns) {
  for (const Program program : {Program::milter, Program::reporter}) {
    std::istringstream help(help_text(program));
    for (std::string line; std::getline(help, line);) EXPECT_LE(line.size(), 80U) << line;
    for (const Switch& each : switch_table()) {
      const std::string spelled = each.name.empty() ? std::string("  -") + each.letter
                                                    : "  --" + std::string(each.name) + " ";
      const bool belongs = (each.programs & static_cast<unsigned>(program)) != 0;
      EXPECT_EQ(help_text(program).find(spelled) != std::string::npos, belongs) << spelled;
    }
  }
}

}  // namespace
}  // namespace tlsrpt::reporter
