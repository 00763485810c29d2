// Where systemd-journald keeps a journal, and whether we may read it.
//
// sd-journal(3) passes over files that it may not open without a word: a journal without entries
// and one that is kept from us look the same to its users. This tells them apart.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/result.h"

namespace tlsrpt::reporter {

// Where systemd looks; tests have other places.
struct JournalRoots {
  std::vector<std::string> folders{"/var/log/journal", "/run/log/journal"};
  std::string machine_id_file = "/etc/machine-id";
};

// The folders of the journal PLACE, whether they exist or not: of this machine's where it is empty,
// of the namespace with that name (journalctl(1), --namespace), or the one with that path and its
// subfolders for machines.
std::vector<std::string> journal_folders(std::string_view place, const JournalRoots& roots = {});

// Paths of the files in those folders that a journal consists of, readable or not.
std::vector<std::string> journal_files(std::string_view place, const JournalRoots& roots = {});

// Whether the journal PLACE is there and may be read by the effective user, in full: users may
// always read what they have written themselves. Errc::not_found: it has no files; Errc::io: some
// may not be read.
policy::Status check_journal(std::string_view place, const JournalRoots& roots = {});

}  // namespace tlsrpt::reporter
