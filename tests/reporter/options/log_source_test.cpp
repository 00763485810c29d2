#include "reporter/options/log_source.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/temp_dir.h"

namespace tlsrpt::reporter {
namespace {

using Kind = LogSource::Kind;
using Texts = std::vector<std::string>;

class LogSourceTest : public testing::Test {
 protected:
  LogSourceTest() {
    places.syslog_files = {dir.file("mail.log"), dir.file("maillog")};
    places.journal.folders = {dir.file("journal")};
    places.journal.machine_id_file = dir.write("machine-id", id + "\n");
  }
  static PostfixConfig logging_to(const std::string& file) {
    PostfixConfig config;
    config.directory = "/etc/postfix";
    config.maillog_file = file;
    return config;
  }
  Texts found(const std::vector<PostfixConfig>& postfix) const {
    const auto sources = resolve_log_source({"auto"}, postfix, places);
    if (!sources.ok()) return {"error: " + sources.error().message()};
    Texts texts;
    for (const LogSource& source : *sources) texts.push_back(source.text());
    return texts;
  }

  void make_journal() const {
    std::filesystem::create_directories(dir.path() / "journal" / id);
    dir.write("journal/" + id + "/system.journal", "");
  }

  const std::string id = "0123456789abcdef0123456789abcdef";
  testing_support::TempDir dir;
  LogPlaces places;
};

TEST_F(LogSourceTest, NamedFilesAreTakenAsTheyAre) {
  EXPECT_EQ(*resolve_log_source({"file:/a", "file:/b", "file:/a"}, {}, places),
            (std::vector<LogSource>{{Kind::file, "/a"}, {Kind::file, "/b"}}));
  EXPECT_EQ(*resolve_log_source({"none"}, {}, places), std::vector<LogSource>{LogSource()});
  EXPECT_EQ(*resolve_log_source({"journal:", "journal:mail", "journal:"}, {}, places),
            (std::vector<LogSource>{{Kind::journal, ""}, {Kind::journal, "mail"}}));
  EXPECT_EQ(LogSource().text(), "none");
  EXPECT_EQ((LogSource{Kind::journal, "/x"}.text()), "journal:/x");
}

TEST_F(LogSourceTest, AutoIsWhatPostfixWritesTo) {
  dir.write("maillog", "");
  EXPECT_EQ(found({logging_to("/x")}), Texts{"file:/x"});
  EXPECT_EQ(found({logging_to("/x"), logging_to("/x"), logging_to("/y")}),
            (Texts{"file:/x", "file:/y"}));
  EXPECT_EQ(found({logging_to("/x"), logging_to("")}),
            (Texts{"file:/x", "file:" + dir.file("maillog")}));
  EXPECT_EQ(found({logging_to("")}), Texts{"file:" + dir.file("maillog")});
  EXPECT_EQ(found({}), Texts{"file:" + dir.file("maillog")});
  dir.write("mail.log", "");
  EXPECT_EQ(found({}), Texts{"file:" + dir.file("mail.log")});
}

TEST_F(LogSourceTest, AutoPrefersTheJournalToWhatASyslogDaemonMayHaveLeft) {
  dir.write("mail.log", "");
  make_journal();
  EXPECT_EQ(found({}), Texts{"journal:"});
  EXPECT_EQ(found({logging_to("/x"), logging_to("")}), (Texts{"file:/x", "journal:"}));
  EXPECT_EQ(found({logging_to("/x")}), Texts{"file:/x"});
}

TEST_F(LogSourceTest, AutoSaysWhatIsMissing) {
  EXPECT_EQ(resolve_log_source({"auto"}, {}, places).error().code(), policy::Errc::not_found);
  EXPECT_EQ(found({}), Texts{"error: log_source = auto: no mail log found: neither a journal nor " +
                             dir.file("mail.log") + " nor " + dir.file("maillog") +
                             " is there; set log_source = file:PATH"});
  EXPECT_EQ(found({logging_to("/dev/stdout")}),
            Texts{"error: log_source = auto: Postfix (/etc/postfix) logs to /dev/stdout, which "
                  "cannot be read; let maillog_file be a file"});
}

}  // namespace
}  // namespace tlsrpt::reporter
