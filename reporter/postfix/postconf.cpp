#include "reporter/postfix/postconf.h"

#include <algorithm>
#include <chrono>

#include "policy/text.h"
#include "reporter/deliver/child_process.h"

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using policy::Error;
using policy::Result;

// postconf reads two files; longer means a hanging file system.
constexpr std::chrono::seconds postconf_timeout{10};
// Its answers: some kilobytes, with inline tables more.
constexpr std::size_t postconf_output_max = 1UL << 20;

std::vector<std::string> command(const std::string& program, const std::string& directory,
                                 const std::vector<std::string>& arguments) {
  std::vector<std::string> all{program};
  if (!directory.empty()) {
    all.emplace_back("-c");
    all.push_back(directory);
  }
  all.insert(all.end(), arguments.begin(), arguments.end());
  return all;
}

Result<ChildResult> run_first(const std::string& directory,
                              const std::vector<std::string>& arguments,
                              const std::vector<std::string>& postconf) {
  for (const std::string& program : postconf) {
    auto ran = run_child(command(program, directory, arguments), "", postconf_timeout,
                         postconf_output_max);
    if (ran.ok() || ran.error().code() != Errc::not_found) return ran;
  }
  return Error(Errc::not_found, "there is no postconf: Postfix is not installed");
}

}  // namespace

const std::vector<std::string>& usual_postconf() {
  static const std::vector<std::string> programs{"/usr/sbin/postconf", "/usr/local/sbin/postconf",
                                                 "/opt/postfix/sbin/postconf"};
  return programs;
}

Result<std::string> run_postconf(const std::string& directory,
                                 const std::vector<std::string>& arguments,
                                 const std::vector<std::string>& postconf) {
  auto ran = run_first(directory, arguments, postconf);
  if (!ran.ok()) return std::move(ran).error();
  const std::string name = directory.empty() ? "postconf" : "postconf -c " + directory;
  if (ran->timed_out) return Error(Errc::temporary, name + ": no answer in time");
  // Warnings about unknown parameters do not change the exit status.
  if (ran->exit_status != 0 || ran->signal != 0) {
    const std::string_view errors = ran->errors;
    const std::string_view reason = policy::trim(errors.substr(0, errors.find('\n')));
    return Error(Errc::io, name + ": failed: " + std::string(reason));
  }
  return std::move(ran->output);
}

PostfixValues parse_postfix_values(std::string_view output) {
  PostfixValues values;
  while (!output.empty()) {
    const std::string_view line = output.substr(0, output.find('\n'));
    output.remove_prefix(std::min(line.size() + 1, output.size()));
    const std::size_t equal = line.find('=');
    if (equal == std::string_view::npos) continue;
    values.emplace(policy::trim(line.substr(0, equal)), policy::trim(line.substr(equal + 1)));
  }
  return values;
}

std::string value_of(const PostfixValues& values, std::string_view name) {
  const auto found = values.find(name);
  return found == values.end() ? std::string() : found->second;
}

}  // namespace tlsrpt::reporter
