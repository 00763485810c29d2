#include "milter/log/cut_file_guard.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <string>

#include "policy/unique_fd.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::milter {
namespace {

constexpr std::size_t page = 65536;  // Of one or more real ones.

class CutFileGuardTest : public testing::Test {
 protected:
  CutFileGuardTest() : path_(dir_.write("mapped", std::string(2 * page, 'x'))) {
    const policy::UniqueFd file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
    void* mapped = ::mmap(nullptr, 2 * page, PROT_READ, MAP_SHARED, file.get(), 0);
    EXPECT_NE(mapped, MAP_FAILED);
    octets_ = static_cast<const char*>(mapped);
  }
  std::string read(std::size_t at) const { return {octets_ + at, 1}; }
  void cut() const { std::filesystem::resize_file(path_, page); }

  testing_support::TempDir dir_;
  std::string path_;
  const char* octets_ = nullptr;  // Never unmapped: the process ends soon.
};

TEST_F(CutFileGuardTest, WhatIsBehindTheEndOfTheFileReadsAsZeros) {
  const CutFileGuard guard;
  EXPECT_EQ(read(2 * page - 1), "x");
  EXPECT_FALSE(guard.was_needed());
  cut();
  EXPECT_EQ(read(2 * page - 1), std::string(1, '\0'));
  EXPECT_TRUE(guard.was_needed());
  EXPECT_EQ(read(0), "x");
}

TEST_F(CutFileGuardTest, WithoutOneTheProcessEnds) {
  { const CutFileGuard guard; }
  cut();
  EXPECT_EXIT((void)read(page), testing::KilledBySignal(SIGBUS), "");
}

}  // namespace
}  // namespace tlsrpt::milter
