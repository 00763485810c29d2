#include "milter/file_limit.h"

#include <sys/resource.h>

#include <algorithm>

namespace tlsrpt::milter {
namespace {

// As LimitNOFILE= of the unit. More would only cost: some libraries walk through all that may be.
constexpr rlim_t wanted_files = 65536;

}  // namespace

void raise_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlim_t wanted = std::min(limit.rlim_max, wanted_files);
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = wanted;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace tlsrpt::milter
