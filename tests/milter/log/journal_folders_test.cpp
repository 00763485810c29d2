#include "milter/log/journal_folders.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include "tests/support/temp_dir.h"

namespace tlsrpt::milter {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Optional;

const std::string id = "0123456789abcdef0123456789abcdef";

class JournalFoldersTest : public testing::Test {
 protected:
  JournalFoldersTest() {
    reporter::JournalRoots roots;
    roots.folders = {dir_.file("var"), dir_.file("run")};
    roots.machine_id_file = dir_.write("machine-id", id + "\n");
    folders_ = std::make_unique<JournalFolders>("", roots);
  }
  std::string path(const std::string& root) const { return dir_.file(root + "/" + id); }
  // A file whose header says that it has HEADER and ARENA octets, and which has SIZE.
  std::string write_file(unsigned char header, unsigned char arena, std::size_t size) const {
    fs::create_directories(path("run"));
    std::string octets(104, '\0');
    octets[88] = static_cast<char>(header);
    octets[97] = static_cast<char>(arena);  // Times 256.
    octets.resize(size);
    return dir_.write("run/" + id + "/system.journal", octets);
  }

  testing_support::TempDir dir_;
  std::unique_ptr<JournalFolders> folders_;
};

TEST_F(JournalFoldersTest, TellsOfAFolderThatCameWentOrIsAnother) {
  fs::create_directories(path("run"));
  folders_->look();
  EXPECT_EQ(folders_->change(), std::nullopt);
  fs::create_directories(path("run") + "/x");  // What is in it is sd-journal's affair.
  EXPECT_EQ(folders_->change(), std::nullopt);
  fs::create_directories(path("var"));
  EXPECT_THAT(folders_->change(), Optional(path("var") + " was created"));
  folders_->look();
  EXPECT_EQ(folders_->change(), std::nullopt);
  fs::remove_all(dir_.file("var"));
  EXPECT_THAT(folders_->change(), Optional(path("var") + " was removed"));
  folders_->look();
  // The number of the inode would be free at once.
  fs::remove_all(dir_.file("run"));
  fs::create_directories(path("run"));
  EXPECT_THAT(folders_->change(), Optional(path("run") + " was replaced"));
}

TEST_F(JournalFoldersTest, KnowsTheFoldersOfMachinesInAFolder) {
  JournalFolders folders(dir_.file("var"));
  fs::create_directories(dir_.file("var"));
  folders.look();
  EXPECT_EQ(folders.change(), std::nullopt);
  fs::create_directories(path("var"));
  EXPECT_THAT(folders.change(), Optional(path("var") + " was created"));
}

TEST_F(JournalFoldersTest, AFileIsAtLeastAsLongAsItsHeaderSays) {
  write_file(200, 2, 712);
  EXPECT_THAT(folders_->take_cut_files(), IsEmpty());
  const std::string file = write_file(200, 2, 711);
  EXPECT_THAT(folders_->take_cut_files(),
              ElementsAre(file + ": is cut short: has 711 of its 712 octets; what it had that was "
                                 "not read yet is lost"));
  EXPECT_THAT(folders_->take_cut_files(), IsEmpty());  // Said once.
}

TEST_F(JournalFoldersTest, AnEmptyFileIsGivenTimeToBeWritten) {
  const std::string file = write_file(0, 0, 0);
  EXPECT_THAT(folders_->take_cut_files(), IsEmpty());
  fs::last_write_time(file, fs::last_write_time(file) - std::chrono::minutes(1));
  EXPECT_THAT(folders_->take_cut_files(),
              ElementsAre(file + ": is cut short: has 0 octets and no header; what it had that was "
                                 "not read yet is lost"));
}

}  // namespace
}  // namespace tlsrpt::milter
