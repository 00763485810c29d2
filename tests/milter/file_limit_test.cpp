#include "milter/file_limit.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace tlsrpt::milter {
namespace {

rlimit limit_now() {
  rlimit limit{};
  EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  return limit;
}

TEST(FileLimit, IsRaisedAsFarAsWeMayAndNeverLowered) {
  const rlimit before = limit_now();
  rlimit low = before;
  low.rlim_cur = 64;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  raise_file_limit();
  EXPECT_EQ(limit_now().rlim_cur, std::min<rlim_t>(before.rlim_max, 65536));
  EXPECT_EQ(limit_now().rlim_max, before.rlim_max);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  raise_file_limit();
  EXPECT_GE(limit_now().rlim_cur, before.rlim_cur);
}

}  // namespace
}  // namespace tlsrpt::milter
