// CutFileGuard: lets sd-journal(3) read files that become shorter meanwhile.
//
// sd-journal maps files into memory. What is read there behind the end of a file that was cut short
// since raises SIGBUS, which would end the daemon. While a guard lives, its thread reads zeros in
// such a place instead, as systemd-journald(8) itself does; they make no sense to sd-journal, which
// passes over the file. Anybody else's SIGBUS ends the process, as it should. Guards of one thread
// do not overlap.
#pragma once

#include <cstdint>

namespace tlsrpt::milter {

class CutFileGuard {
 public:
  CutFileGuard();
  CutFileGuard(const CutFileGuard&) = delete;
  CutFileGuard& operator=(const CutFileGuard&) = delete;
  ~CutFileGuard();

  // Whether zeros were read since it was made.
  bool was_needed() const;
};

}  // namespace tlsrpt::milter
