#include "reporter/run_as.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace tlsrpt::reporter {
namespace {

Settings settings_for(std::string user) {
  Settings settings;
  settings.run_as = std::move(user);
  return settings;
}

TEST(RunAs, FindsAUserThatExists) {
  const auto user = find_run_as_user(settings_for("root"));
  ASSERT_TRUE(user.ok());
  ASSERT_TRUE(user->has_value());
  EXPECT_EQ((*user)->uid, 0U);
}

TEST(RunAs, AUserThatIsSetMustExist) {
  const auto user = find_run_as_user(settings_for("no-such-user-here"));
  ASSERT_FALSE(user.ok());
  EXPECT_EQ(user.error().code(), policy::Errc::not_found);
  EXPECT_EQ(user.error().message(), "run_as: there is no user no-such-user-here");
}

TEST(RunAs, NothingHappensWithoutRoot) {
  if (::geteuid() == 0) GTEST_SKIP() << "runs as root";
  EXPECT_TRUE(give_up_root(settings_for("no-such-user-here")).ok());
}

TEST(RunAs, RootIsGivenUpForGood) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const bool gone = give_up_root(settings_for("nobody")).ok() && ::geteuid() != 0 &&
                      ::getuid() != 0 && ::getegid() != 0 && ::setuid(0) != 0;
    ::_exit(gone ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace tlsrpt::reporter
