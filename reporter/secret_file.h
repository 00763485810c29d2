// Files that hold a secret: private keys, passwords.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>

#include "policy/result.h"
#include "reporter/options/settings.h"

namespace tlsrpt::reporter {

// Who reads them: user and group.
struct SecretReader {
  uid_t uid = 0;
  gid_t gid = 0;
};

// The user that reports are sent as. Errors as find_run_as_user() has them.
policy::Result<SecretReader> find_secret_reader(const Settings& settings);

// The bytes of the file PATH, at most LIMIT, which only root and READER own, nobody else can write,
// and nobody but its owner and READER's group can read. Errc::not_found, Errc::io (with the reason
// where it is its permissions), Errc::limit. Messages begin with PATH.
policy::Result<std::string> read_secret_file(const std::string& path, const SecretReader& reader,
                                             std::size_t limit);

}  // namespace tlsrpt::reporter
