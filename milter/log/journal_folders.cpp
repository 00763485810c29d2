#include "milter/log/journal_folders.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <utility>

namespace tlsrpt::milter {
namespace {

namespace fs = std::filesystem;

// systemd's JOURNAL_FILE_FORMAT.md: in a file's header, how long it is itself, and how long is what
// follows, 64 bits each, the lowest octet first. The file is never shorter than both.
constexpr std::size_t sizes_offset = 88;
constexpr std::size_t size_octets = 8;
// journald makes a file and writes its header a moment later.
constexpr std::chrono::seconds header_patience{10};

std::uint64_t number_at(const unsigned char* octets) {
  std::uint64_t number = 0;
  for (std::size_t i = size_octets; i > 0; --i) number = (number << 8U) | octets[i - 1];
  return number;
}

bool is_new(const std::string& path) {
  std::error_code problem;
  const auto written = fs::last_write_time(path, problem);
  return problem || fs::file_time_type::clock::now() - written < header_patience;
}

// What is wrong with the length of the journal file PATH; none: nothing, or it cannot be read.
std::optional<std::string> shortness(const std::string& path) {
  const policy::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat now {};
  if (!file.valid() || ::fstat(file.get(), &now) != 0 || !S_ISREG(now.st_mode)) return std::nullopt;
  std::array<unsigned char, 2 * size_octets> sizes{};
  const ssize_t got = ::pread(file.get(), sizes.data(), sizes.size(), sizes_offset);
  if (got < 0) return std::nullopt;
  if (static_cast<std::size_t>(got) < sizes.size()) {
    if (is_new(path)) return std::nullopt;
    return "has " + std::to_string(now.st_size) + " octets and no header";
  }
  const std::uint64_t wanted = number_at(sizes.data()) + number_at(sizes.data() + size_octets);
  // Read before its size, the header is never ahead of it.
  if (::fstat(file.get(), &now) != 0 || std::cmp_greater_equal(now.st_size, wanted))
    return std::nullopt;
  return "has " + std::to_string(now.st_size) + " of its " + std::to_string(wanted) + " octets";
}

}  // namespace

JournalFolders::JournalFolders(std::string place, reporter::JournalRoots roots)
    : place_(std::move(place)), roots_(std::move(roots)) {}

JournalFolders::Folder JournalFolders::open(std::string path) {
  policy::UniqueFd opened(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  return {std::move(path), std::move(opened)};
}

void JournalFolders::look() {
  folders_.clear();
  for (std::string& path : reporter::journal_folders(place_, roots_))
    folders_.push_back(open(std::move(path)));
}

std::optional<std::string> JournalFolders::change_of(const Folder& folder) {
  struct stat is {};
  if (::stat(folder.path.c_str(), &is) != 0 || !S_ISDIR(is.st_mode)) {
    if (!folder.opened.valid()) return std::nullopt;
    return folder.path + " was removed";
  }
  if (!folder.opened.valid()) return folder.path + " was created";
  struct stat was {};
  if (::fstat(folder.opened.get(), &was) == 0 && was.st_dev == is.st_dev && was.st_ino == is.st_ino)
    return std::nullopt;
  return folder.path + " was replaced";
}

std::optional<std::string> JournalFolders::change() const {
  for (const Folder& folder : folders_) {
    if (auto change = change_of(folder)) return change;
  }
  for (const std::string& path : reporter::journal_folders(place_, roots_)) {
    const bool is_known = std::any_of(folders_.begin(), folders_.end(),
                                      [&](const Folder& folder) { return folder.path == path; });
    if (!is_known) return path + " was created";
  }
  return std::nullopt;
}

std::vector<std::string> JournalFolders::take_cut_files() {
  std::vector<std::string> sentences;
  for (const std::string& path : reporter::journal_files(place_, roots_)) {
    if (told_.contains(path)) continue;
    const auto what = shortness(path);
    if (!what) continue;
    told_.insert(path);
    sentences.push_back(path + ": is cut short: " + *what +
                        "; what it had that was not read yet is lost");
  }
  return sentences;
}

}  // namespace tlsrpt::milter
