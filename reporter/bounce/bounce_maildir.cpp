#include "reporter/bounce/bounce_maildir.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
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

Error file_error(const std::string& path, std::error_code problem) {
  const bool absent = problem == std::errc::no_such_file_or_directory;
  return {absent ? Errc::not_found : Errc::io,
          policy::escape_untrusted(path) + ": " + problem.message()};
}

std::error_code last_problem() { return {errno, std::generic_category()}; }

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
  const auto names = list(path + "/new");
  if (!names.ok()) return names.error();
  MaildirSummary summary;
  std::optional<Error> fault;
  for (const std::string& name : *names) {
    const std::string from = path + "/new/" + name;
    const auto message = read_message(from);
    if (!message.ok() && message.error().code() == Errc::not_found) continue;
    if (!message.ok()) {
      fault = message.error();
      continue;
    }
    const auto ours = take(*message);
    if (!ours.ok()) return ours.error();
    const std::string to = path + "/cur/" + name + (*ours ? ":2,S" : ":2,");
    if (::rename(from.c_str(), to.c_str()) != 0) {
      const std::error_code problem = last_problem();
      if (::access(from.c_str(), F_OK) == 0) fault = file_error(to, problem);
    }
    ++(*ours ? summary.taken : summary.others);
  }
  if (fault) return Error(Errc::io, fault->message());
  return summary;
}

}  // namespace tlsrpt::reporter
