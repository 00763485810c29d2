#include "reporter/group.h"

#include <grp.h>

#include <cerrno>
#include <system_error>
#include <vector>

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using policy::Error;

constexpr std::size_t max_group_entry = 1024UL * 1024;

}  // namespace

policy::Result<gid_t> find_group(const std::string& name) {
  std::vector<char> buffer(4096);
  while (true) {
    group entry{};
    group* found = nullptr;
    const int problem = ::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
    if (problem == EINTR) continue;
    if (problem == ERANGE && buffer.size() < max_group_entry) {
      buffer.resize(buffer.size() * 2);
      continue;
    }
    if (found != nullptr) return entry.gr_gid;
    if (problem != 0 && problem != ENOENT)
      return Error(Errc::io, "cannot look up group " + name + ": " +
                                 std::generic_category().message(problem));
    return Error(Errc::not_found, "there is no group " + name);
  }
}

}  // namespace tlsrpt::reporter
