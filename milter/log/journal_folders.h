// JournalFolders: what sd-journal(3) does not tell about the folders of a journal.
//
// It watches the folders that are there when a journal is opened. One that is created, removed or
// replaced afterwards, such as /var/log/journal on the way from volatile to persistent, goes
// unseen, and with it all that is written from then on. And it passes over files that are cut short
// without a word. One thread.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "policy/unique_fd.h"
#include "reporter/options/journal_place.h"

namespace tlsrpt::milter {

class JournalFolders {
 public:
  // PLACE and ROOTS: as reporter::journal_folders() has them.
  explicit JournalFolders(std::string place, reporter::JournalRoots roots = {});

  // Remembers the folders as they are now; to be called before the journal is opened.
  void look();
  // Which folder is no longer the one of look(), and what became of it, as a sentence without a
  // stop. None: all are the same.
  std::optional<std::string> change() const;
  // The files that are shorter than journald has made them, each told once: a sentence with path
  // and sizes.
  std::vector<std::string> take_cut_files();

 private:
  // Held open, for a number of an inode that is free may be given to the next one.
  struct Folder {
    std::string path;
    policy::UniqueFd opened;  // Not valid: there is none.
  };
  static Folder open(std::string path);
  static std::optional<std::string> change_of(const Folder& folder);

  std::string place_;
  reporter::JournalRoots roots_;
  std::vector<Folder> folders_;
  std::set<std::string> told_;  // Paths of files that are cut short.
};

}  // namespace tlsrpt::milter
