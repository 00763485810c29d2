#include "milter/log/log_siblings.h"

#include <dirent.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <optional>
#include <set>
#include <system_error>
#include <tuple>
#include <utility>

#include "policy/text.h"

namespace tlsrpt::milter {
namespace {

using policy::Errc;
using policy::Error;
using policy::Result;

constexpr std::string_view gzip_extension = ".gz";
// Removed from names before they are compared or judged; only the first can be read.
constexpr std::array<std::string_view, 6> extensions{gzip_extension, ".xz",  ".bz2",
                                                     ".zst",         ".lz4", ".Z"};
// Listings that differ before names are said to be in motion. A rotation takes milliseconds.
constexpr int listings_max = 8;
// Where a first stamp is looked for; what goes before it is the rest of a line or foreign text.
constexpr std::size_t first_stamp_bytes = 64UL * 1024;
// ".1" to ".99999" count rotations; longer numbers are dates.
constexpr std::size_t generation_digits_max = 5;

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

struct SplitPath {
  std::string folder;  // With the slash; empty: the working directory.
  std::string name;
};

SplitPath split(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {"", path};
  return {path.substr(0, slash + 1), path.substr(slash + 1)};
}

// Names of siblings with their inodes: two equal listings had no rename between them.
using Listing = std::set<std::pair<std::string, std::uint64_t>>;

Result<Listing> list_names(const SplitPath& log) {
  const std::string folder = log.folder.empty() ? "." : log.folder;
  const std::unique_ptr<DIR, CloseDirectory> directory(::opendir(folder.c_str()));
  if (!directory) {
    const int error = errno;
    return Error(error == ENOENT ? Errc::not_found : Errc::io,
                 folder + ": " + std::generic_category().message(error));
  }
  Listing names;
  while (true) {
    errno = 0;
    // readdir() is safe on a stream of one's own (POSIX.1-2008); readdir_r() is obsolete.
    const dirent* entry = ::readdir(directory.get());  // NOLINT(concurrency-mt-unsafe): see above
    if (entry == nullptr) {
      if (errno != 0)
        return Error(Errc::io, folder + ": " + std::generic_category().message(errno));
      return names;
    }
    const std::string_view name(&entry->d_name[0]);
    if (name.size() < log.name.size() + 2 || !name.starts_with(log.name)) continue;
    if (name[log.name.size()] != '.' && name[log.name.size()] != '-') continue;
    names.emplace(name, entry->d_ino);
    if (names.size() > siblings_max) {
      return Error(Errc::limit, folder + ": more than " + std::to_string(siblings_max) +
                                    " files are called " + log.name + ".* or " + log.name + "-*");
    }
  }
}

std::string_view without_extension(std::string_view name) {
  for (const std::string_view extension : extensions) {
    if (name.ends_with(extension)) return name.substr(0, name.size() - extension.size());
  }
  return name;
}

// What follows the log's name and one character in that of its sibling.
std::string_view suffix_of(std::string_view path, const std::string& log_path) {
  std::string_view suffix = path.substr(std::min(log_path.size(), path.size()));
  suffix.remove_prefix(std::min<std::size_t>(suffix.size(), 1));
  return without_extension(suffix);
}

// Number of the rotation that a suffix such as "2" counts; none for a date or a word.
std::optional<unsigned> generation(std::string_view suffix) {
  if (suffix.size() > generation_digits_max) return std::nullopt;
  return policy::parse_number<unsigned>(suffix);
}

// The first stamp of a line in TEXT.
std::optional<policy::UtcSeconds> first_stamp(std::string_view text, StampParser* stamps,
                                              policy::UtcSeconds reference) {
  while (!text.empty()) {
    const std::optional<Stamp> stamp = stamps->parse(text, reference);
    if (stamp && policy::unix_seconds(stamp->instant) >= 0) {
      // Which pass of a repeated hour it is cannot be known here. With all of them at the hour's
      // beginning, their last change decides which file came first.
      return stamp->repeated ? std::chrono::floor<std::chrono::hours>(stamp->instant)
                             : stamp->instant;
    }
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return std::nullopt;
}

// Reads all of NAMES; false where one is gone meanwhile.
bool examine_all(const Listing& names, const std::string& folder, const std::string& log_path,
                 const StampParser& stamps, LogSiblings* result) {
  std::set<std::string_view> present;
  for (const auto& [name, inode] : names) present.insert(name);
  for (const auto& [name, inode] : names) {
    // gzip removes its input when the output is complete.
    if (name.ends_with(gzip_extension) && present.contains(without_extension(name))) continue;
    const std::string path = folder + name;
    Result<LogFile> file = LogFile::open(path);
    Result<LogSibling> sibling =
        file.ok() ? examine(&*file, log_path, stamps) : Result<LogSibling>(file.error());
    if (sibling.ok()) {
      if (!sibling->head.empty()) result->files.push_back(std::move(*sibling));
      continue;
    }
    if (sibling.error().code() == Errc::not_found) return false;
    if (!is_rotation_suffix(suffix_of(path, log_path))) continue;
    const Result<FileStatus> status = file_status(path);
    result->unreadable.push_back({sibling.error().message(), status.ok() ? status->changed_ns : 0});
  }
  return true;
}

}  // namespace

bool is_rotation_suffix(std::string_view suffix) {
  if (suffix == "old" || suffix == "prev") return true;
  return suffix.find_first_of("0123456789") != std::string_view::npos &&
         suffix.find_first_not_of("0123456789.-_:+TZ") == std::string_view::npos;
}

bool is_same_log(std::string_view head_a, std::string_view head_b) {
  const std::string_view common = head_a.substr(0, head_b.size());
  // Half a line, such as the first bytes of a date, is the beginning of other logs, too.
  if (common.size() < fingerprint_bytes && common.find('\n') == std::string_view::npos)
    return false;
  return head_b.starts_with(common);
}

bool came_before(const LogSibling& a, const LogSibling& b) {
  if (a.age < b.age) return true;
  if (b.age < a.age) return false;
  // The log itself is the newest, a higher rotation number is older, an earlier date is older.
  const auto rank = [](const LogSibling& sibling) {
    const std::int64_t number = generation(sibling.suffix).value_or(0);
    return std::tuple(sibling.suffix.empty(), -number, std::string_view(sibling.suffix));
  };
  return rank(a) < rank(b);
}

Result<FileAge> age_of(LogFile* file, std::string_view head, const StampParser& stamps) {
  const Result<FileStatus> status = file->status();
  if (!status.ok()) return status.error();
  FileAge age;
  age.changed_ns = status->changed_ns;
  const policy::UtcSeconds reference = changed_at(age);
  StampParser parser = stamps;
  age.first_stamp = first_stamp(head, &parser, reference);
  if (age.first_stamp || head.size() < fingerprint_bytes) return age;
  const Result<std::string> more = file->head(first_stamp_bytes);
  if (!more.ok()) return more.error();
  age.first_stamp = first_stamp(*more, &parser, reference);
  return age;
}

Result<LogSibling> examine(LogFile* file, const std::string& log_path, const StampParser& stamps) {
  LogSibling sibling;
  sibling.path = file->path();
  sibling.is_compressed = file->is_compressed();
  Result<FileStatus> status = file->status();
  if (!status.ok()) return status.error();
  sibling.status = *status;
  Result<std::string> head = file->head(fingerprint_bytes);
  if (!head.ok()) return head.error();
  sibling.head = std::move(*head);
  Result<FileAge> age = age_of(file, sibling.head, stamps);
  if (!age.ok()) return age.error();
  sibling.age = *age;
  sibling.suffix = suffix_of(sibling.path, log_path);
  return sibling;
}

Result<LogSiblings> list_siblings(const std::string& log_path, const StampParser& stamps) {
  const SplitPath log = split(log_path);
  // Reading a folder during a rename may show a file twice or not at all; so what was found holds
  // only when a second listing is equal.
  Result<Listing> before = list_names(log);
  for (int attempt = 0; attempt < listings_max; ++attempt) {
    if (!before.ok()) return before.error();
    LogSiblings result;
    const bool is_whole = examine_all(*before, log.folder, log_path, stamps, &result);
    Result<Listing> after = list_names(log);
    if (!after.ok()) return after.error();
    if (is_whole && *after == *before) {
      std::sort(result.files.begin(), result.files.end(), came_before);
      return result;
    }
    before = std::move(after);
  }
  return Error(Errc::temporary, log_path + ": its rotated files are being renamed right now");
}

}  // namespace tlsrpt::milter
