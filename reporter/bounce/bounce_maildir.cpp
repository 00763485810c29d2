#include "reporter/bounce/bounce_maildir.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "policy/text.h"
#include "policy/unique_fd.h"
#include "reporter/bounce/bounce_reader.h"

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using policy::Error;
using policy::Result;
using policy::Status;

// For a name in cur/ that is free. Maildir's names are unique; only copies of a folder clash.
constexpr int max_names_tried = 100;

Error file_error(const std::string& path, std::error_code problem) {
  const bool absent = problem == std::errc::no_such_file_or_directory;
  return {absent ? Errc::not_found : Errc::io,
          policy::escape_untrusted(path) + ": " + problem.message()};
}

std::error_code last_problem() { return {errno, std::generic_category()}; }

std::string path_in(const std::string& folder, const std::string& name) {
  return folder + "/" + name;
}

// The messages in FOLDER, sorted: Maildir's names begin with the time.
Result<std::vector<std::string>> list(const std::string& folder) {
  std::error_code problem;
  std::vector<std::string> names;
  auto entry = std::filesystem::directory_iterator(folder, problem);
  for (; !problem && entry != std::filesystem::directory_iterator(); entry.increment(problem)) {
    std::string name = entry->path().filename().string();
    if (!name.starts_with('.')) names.push_back(std::move(name));
  }
  if (problem) return file_error(folder, problem);
  std::sort(names.begin(), names.end());
  if (names.size() > max_bounces_a_run) names.resize(max_bounces_a_run);
  return names;
}

// Whether messages can be moved out of FOLDER, or into it.
Status check_writable(const std::string& folder) {
  const std::string path = folder + "/";  // A file is none.
  if (::faccessat(AT_FDCWD, path.c_str(), W_OK | X_OK, AT_EACCESS) == 0) return policy::Unit{};
  return file_error(folder, last_problem());
}

// Moves FROM to TO; file_exists where there is something of that name.
std::error_code rename_to_free(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return {};
  // Such as NFS, which cannot tell by itself.
  const bool can_tell = errno != EINVAL && errno != ENOSYS;
  if (can_tell) return last_problem();
  if (::access(to.c_str(), F_OK) == 0) return std::make_error_code(std::errc::file_exists);
  return ::rename(from.c_str(), to.c_str()) == 0 ? std::error_code() : last_problem();
}

// Moves FROM into FOLDER under NAME with FLAGS, or another name where that is taken.
Status move_into(const std::string& folder, const std::string& name, std::string_view flags,
                 const std::string& from) {
  std::string to = path_in(folder, name);
  std::error_code problem = rename_to_free(from, to + std::string(flags));
  for (int i = 1; problem == std::errc::file_exists && i <= max_names_tried; ++i) {
    to = path_in(folder, name + "." + std::to_string(i));
    problem = rename_to_free(from, to + std::string(flags));
  }
  // Or another run has moved it.
  if (!problem || ::access(from.c_str(), F_OK) != 0) return policy::Unit{};
  return file_error(to, problem);
}

// The first max_bounce_size octets of the file PATH. Errc::not_found: another run has moved it.
Result<std::string> read_message(const std::string& path) {
  const policy::UniqueFd file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file.valid()) return file_error(path, last_problem());
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return file_error(path, last_problem());
  if (!S_ISREG(status.st_mode)) {
    return Error(Errc::io, policy::escape_untrusted(path) + ": is no file");
  }
  std::string message;
  std::array<char, 65536> buffer{};
  while (message.size() < max_bounce_size) {
    const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return file_error(path, last_problem());
    if (got == 0) break;
    message.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return message;
}

}  // namespace

Result<MaildirSummary> take_maildir(const std::string& path, const TakeMessage& take) {
  const std::string unread = path + "/new";
  const std::string read = path + "/cur";
  // What cannot be moved away would be taken in again and again.
  for (const std::string& folder : {unread, read}) {
    if (Status good = check_writable(folder); !good.ok()) return std::move(good).error();
  }
  const auto names = list(unread);
  if (!names.ok()) return names.error();
  MaildirSummary summary;
  std::optional<Error> fault;
  for (const std::string& name : *names) {
    const std::string from = path_in(unread, name);
    const auto message = read_message(from);
    if (!message.ok() && message.error().code() == Errc::not_found) continue;
    if (!message.ok()) {
      fault = message.error();
      continue;
    }
    const auto ours = take(*message);
    if (!ours.ok()) return ours.error();
    const Status moved = move_into(read, name, *ours ? ":2,S" : ":2,", from);
    if (!moved.ok()) fault = moved.error();
    ++(*ours ? summary.taken : summary.others);
  }
  if (fault) return Error(Errc::io, fault->message());
  return summary;
}

}  // namespace tlsrpt::reporter
