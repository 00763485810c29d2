// The user that both programs work as: privileges of root are given up before a store is opened or
// a byte from the network is read.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "policy/result.h"
#include "reporter/options/settings.h"

namespace tlsrpt::reporter {

// The user that run_as falls back to where it exists; the packages create it.
inline constexpr const char* default_user = "tlsrpt";

struct RunAsUser {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
};

// The user to become when started by root: run_as, else "tlsrpt" where it exists, else none (root
// stays root). Errc::not_found: run_as is set and there is no such user. Errc::io: the user
// database failed.
policy::Result<std::optional<RunAsUser>> find_run_as_user(const Settings& settings);

// Becomes that user, with its groups, for good. Nothing happens where we are not root, or where
// there is no user to become. Call before any thread exists. Errors as find_run_as_user();
// Errc::io: the kernel refused, or root could be got back. Do not go on after an error.
policy::Status give_up_root(const Settings& settings);

}  // namespace tlsrpt::reporter
