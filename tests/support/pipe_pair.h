// PipePair: a pipe between a test and the child that it forks.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <stdexcept>

#include "policy/unique_fd.h"

namespace tlsrpt::testing_support {

class PipePair {
 public:
  PipePair() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe2 failed");
    read_end_.reset(ends[0]);
    write_end_.reset(ends[1]);
  }

  // Writes one byte; false where nobody can read it any more.
  bool put() const {
    const char byte = 'x';
    return ::write(write_end_.get(), &byte, 1) == 1;
  }
  // Waits for one byte; false where all writers have gone.
  bool get() const {
    char byte = 0;
    return ::read(read_end_.get(), &byte, 1) == 1;
  }
  // Done by the side that only reads, so that get() ends when the writer does.
  void close_write_end() { write_end_.reset(); }

 private:
  policy::UniqueFd read_end_;
  policy::UniqueFd write_end_;
};

}  // namespace tlsrpt::testing_support
