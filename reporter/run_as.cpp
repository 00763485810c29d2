#include "reporter/run_as.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <vector>

#include "reporter/options/config_file.h"

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using policy::Error;
using policy::Result;

// A passwd entry of a directory service can be long; beyond this it is an attack or a fault.
constexpr std::size_t max_passwd_entry = 1024UL * 1024;

Error system_error(const std::string& what, int number) {
  return {Errc::io, what + ": " + std::generic_category().message(number)};
}

// The user of that name, none where there is no such user.
Result<std::optional<RunAsUser>> look_up_user(const std::string& name) {
  std::vector<char> buffer(4096);
  while (true) {
    passwd entry{};
    passwd* found = nullptr;
    const int problem = ::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
    if (problem == EINTR) continue;
    if (problem == ERANGE && buffer.size() < max_passwd_entry) {
      buffer.resize(buffer.size() * 2);
      continue;
    }
    if (found != nullptr) {
      return std::optional<RunAsUser>(RunAsUser{name, entry.pw_uid, entry.pw_gid});
    }
    // getpwnam(3): several errors mean no more than "not found".
    if (problem == 0 || problem == ENOENT || problem == ESRCH || problem == EBADF ||
        problem == EPERM) {
      return std::optional<RunAsUser>();
    }
    return system_error("cannot look up user " + name, problem);
  }
}

}  // namespace

Result<std::optional<RunAsUser>> find_run_as_user(const Settings& settings) {
  if (settings.run_as.empty()) return look_up_user(default_user);
  auto user = look_up_user(settings.run_as);
  if (user.ok() && !user->has_value()) {
    return Error(Errc::not_found,
                 fault_text(settings, "run_as", "there is no user " + settings.run_as));
  }
  return user;
}

policy::Status give_up_root(const Settings& settings) {
  if (::geteuid() != 0) return policy::Unit{};
  const auto user = find_run_as_user(settings);
  if (!user.ok()) return user.error();
  if (!user->has_value() || (*user)->uid == 0) return policy::Unit{};
  const RunAsUser& target = **user;
  const std::string what = "cannot become user " + target.name;
  // Groups first: without root they could not be set any more.
  if (::initgroups(target.name.c_str(), target.gid) != 0) return system_error(what, errno);
  if (::setresgid(target.gid, target.gid, target.gid) != 0) return system_error(what, errno);
  if (::setresuid(target.uid, target.uid, target.uid) != 0) return system_error(what, errno);
  if (::setuid(0) == 0 || ::geteuid() != target.uid || ::getegid() != target.gid) {
    return Error(Errc::io, what + ": privileges could be got back");
  }
  return policy::Unit{};
}

}  // namespace tlsrpt::reporter
