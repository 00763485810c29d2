// Clock: the only source of the present time for both programs.
//
// TLSRPT_CLOCK=@<unix seconds> or file:PATH (first line, re-read at each call) replaces the wall
// clock, only when real and effective uid are equal. Timers that measure waiting use steady_clock,
// not this.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "policy/result.h"
#include "policy/utc_day.h"

namespace tlsrpt::reporter {

class Clock {
 public:
  virtual ~Clock() = default;
  // The present, to the second. Any thread may call.
  virtual policy::UtcSeconds now() const = 0;
};

// The wall clock, or what TLSRPT_CLOCK says. Errc::syntax: TLSRPT_CLOCK is set and unusable.
// Where it is honoured or (setuid) refused, *WARNING holds a sentence for the log.
policy::Result<std::unique_ptr<Clock>> make_clock(std::string* warning);

// The same for the text OVERRIDE_TEXT of the variable; PRIVILEGED: real and effective ids differ.
// What file:PATH said last stands while the file cannot be read.
policy::Result<std::unique_ptr<Clock>> make_clock(std::string_view override_text, bool privileged,
                                                  std::string* warning);

}  // namespace tlsrpt::reporter
