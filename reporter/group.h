// Groups of the machine, by name.
#pragma once

#include <sys/types.h>

#include <string>

#include "policy/result.h"

namespace tlsrpt::reporter {

// The number of the group NAME. Errc::not_found: there is none; Errc::io: the group database
// failed.
policy::Result<gid_t> find_group(const std::string& name);

}  // namespace tlsrpt::reporter
