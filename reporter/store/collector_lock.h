// CollectorLock: at most one collector reads one source into one store.
//
// A lock of the kernel (flock) on a file beside the SQLite file; it ends with the process, however
// that ends, and is not inherited by programs that the process starts. The file stays.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "policy/result.h"
#include "policy/unique_fd.h"

namespace tlsrpt::reporter {

class CollectorLock {
 public:
  // Takes the lock of (store LOCATION, RELAY, SOURCE). Errc::temporary: another collector holds it
  // (its process id is in the message); Errc::syntax: LOCATION is not "sqlite:PATH"; Errc::io: the
  // file cannot be made.
  static policy::Result<CollectorLock> try_lock(std::string_view location, std::string_view relay,
                                                std::string_view source);

 private:
  explicit CollectorLock(policy::UniqueFd file) : file_(std::move(file)) {}

  policy::UniqueFd file_;
};

}  // namespace tlsrpt::reporter
