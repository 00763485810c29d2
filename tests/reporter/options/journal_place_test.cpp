#include "reporter/options/journal_place.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "tests/support/temp_dir.h"

namespace tlsrpt::reporter {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class JournalPlaceTest : public testing::Test {
 protected:
  JournalPlaceTest() {
    roots_.folders = {dir_.file("var"), dir_.file("run")};
    roots_.machine_id_file = dir_.write("machine-id", id + "\n");
  }
  void make(const std::string& name) const {
    std::filesystem::create_directories(dir_.path() / std::filesystem::path(name).parent_path());
    dir_.write(name, "");
  }

  const std::string id = "0123456789abcdef0123456789abcdef";
  testing_support::TempDir dir_;
  JournalRoots roots_;
};

TEST_F(JournalPlaceTest, FoldersAreThoseOfTheMachineOrNamespaceOrTheOneNamed) {
  EXPECT_THAT(journal_folders("", roots_),
              ElementsAre(dir_.file("var/" + id), dir_.file("run/" + id)));
  EXPECT_THAT(journal_folders("mail", roots_),
              ElementsAre(dir_.file("var/" + id + ".mail"), dir_.file("run/" + id + ".mail")));
  make(id + "/x");
  make("other/x");
  EXPECT_THAT(journal_folders(dir_.path().string()),
              ElementsAre(dir_.path().string(), dir_.file(id)));
  roots_.machine_id_file = dir_.file("absent");
  EXPECT_THAT(journal_folders("", roots_), IsEmpty());
}

TEST_F(JournalPlaceTest, WithoutFilesItIsNotFound) {
  const auto code = [this] { return check_journal("", roots_).error().code(); };
  EXPECT_EQ(code(), policy::Errc::not_found);
  make("var/" + id + "/user-1000.journal");  // Not where Postfix writes.
  make("var/" + id + "/notes");
  EXPECT_EQ(code(), policy::Errc::not_found);
  make("run/" + id + "/system.journal");
  EXPECT_TRUE(check_journal("", roots_).ok());
  EXPECT_EQ(check_journal("mail", roots_).error().code(), policy::Errc::not_found);
  roots_.machine_id_file = dir_.file("absent");
  EXPECT_EQ(code(), policy::Errc::not_found);
}

TEST_F(JournalPlaceTest, FilesAreThoseOfAllFolders) {
  make("var/" + id + "/system.journal");
  make("run/" + id + "/system@1.journal~");
  make("run/" + id + "/notes");
  EXPECT_THAT(journal_files("", roots_),
              ElementsAre(dir_.file("var/" + id + "/system.journal"),
                          dir_.file("run/" + id + "/system@1.journal~")));
}

TEST_F(JournalPlaceTest, AFileThatMayNotBeReadIsSaid) {
  const std::string file = "var/" + id + "/system.journal";
  make(file);
  make("var/" + id + "/user-1000.journal");
  std::filesystem::permissions(dir_.path(), std::filesystem::perms(0755));
  std::filesystem::permissions(dir_.path() / file, std::filesystem::perms::none);
  // Root may read everything, somebody else may not.
  constexpr uid_t nobody = 65534;
  const bool is_root = ::geteuid() == 0;
  if (is_root) {
    ASSERT_EQ(::seteuid(nobody), 0);
  }
  const auto status = check_journal("", roots_);
  if (is_root) {
    ASSERT_EQ(::seteuid(0), 0);
  }
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), policy::Errc::io);
  EXPECT_THAT(status.error().message(), HasSubstr("system.journal: Permission denied"));
}

}  // namespace
}  // namespace tlsrpt::reporter
