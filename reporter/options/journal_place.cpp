#include "reporter/options/journal_place.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace tlsrpt::reporter {
namespace {

namespace fs = std::filesystem;
using policy::Errc;
using policy::Error;

constexpr std::size_t id_length = 32;

// A machine ID, as in the names of journald's folders.
bool is_id(std::string_view text) {
  return text.size() == id_length && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

bool is_journal_file(const std::string& name) {
  return name.ends_with(".journal") || name.ends_with(".journal~");
}

// user-1000.journal, user-1000@....journal: what the programs of one person have written.
bool is_of_a_person(const std::string& name) { return name.starts_with("user-"); }

std::vector<std::string> names_in(const std::string& folder, std::error_code* problem) {
  std::vector<std::string> names;
  for (fs::directory_iterator it(folder, *problem), end; !*problem && it != end;
       it.increment(*problem)) {
    names.push_back(it->path().filename().string());
  }
  return names;
}

bool is_readable(const std::string& path) {
  return ::faccessat(AT_FDCWD, path.c_str(), R_OK, AT_EACCESS) == 0 || errno == ENOENT;
}

}  // namespace

std::vector<std::string> journal_folders(std::string_view place, const JournalRoots& roots) {
  std::vector<std::string> folders;
  if (place.starts_with('/')) {
    folders.emplace_back(place);
    std::error_code ignored;
    for (const std::string& name : names_in(folders.front(), &ignored)) {
      if (is_id(name.substr(0, name.find('.')))) folders.push_back(folders.front() + "/" + name);
    }
    return folders;
  }
  std::string name;
  std::getline(std::ifstream(roots.machine_id_file), name);
  if (!is_id(name)) return folders;
  if (!place.empty()) name.append(".").append(place);
  for (const std::string& root : roots.folders) folders.push_back(root + "/" + name);
  return folders;
}

std::vector<std::string> journal_files(std::string_view place, const JournalRoots& roots) {
  std::vector<std::string> paths;
  for (const std::string& folder : journal_folders(place, roots)) {
    std::error_code ignored;
    for (const std::string& name : names_in(folder, &ignored)) {
      if (is_journal_file(name)) paths.push_back(folder + "/" + name);
    }
  }
  return paths;
}

policy::Status check_journal(std::string_view place, const JournalRoots& roots) {
  const std::vector<std::string> folders = journal_folders(place, roots);
  std::string looked;
  bool found = false;
  for (const std::string& folder : folders) {
    looked += (looked.empty() ? "" : " nor ") + folder;
    std::error_code problem;
    const std::vector<std::string> names = names_in(folder, &problem);
    if (problem == std::errc::no_such_file_or_directory) continue;
    if (problem) return Error(Errc::io, folder + ": " + problem.message());
    for (const std::string& name : names) {
      if (!is_journal_file(name)) continue;
      found = found || !is_of_a_person(name);
      const std::string path = folder + "/" + name;
      if (is_of_a_person(name) || is_readable(path)) continue;
      const int code = errno;
      return Error(Errc::io, path + ": " + std::generic_category().message(code));
    }
  }
  if (found) return policy::Unit();
  if (folders.empty()) return Error(Errc::not_found, "there is no journal: no machine ID");
  return Error(Errc::not_found,
               (folders.size() > 1 ? "there is no journal: neither " : "there is no journal: ") +
                   looked + " has files of one");
}

}  // namespace tlsrpt::reporter
