// isolate(): one poisoned thing must not stop all others, run after run.
//
// What strangers published passes parsers that are total; should one of them throw in spite of
// that, it is a bug of ours, met again each time the same thing is read. At the border of one
// answer, of one (day, domain) and of one delivery it becomes an error, so that this one is set
// aside and all others go on.
#pragma once

#include <exception>
#include <new>
#include <string>
#include <type_traits>

#include "policy/result.h"

namespace tlsrpt::policy {

// WORK()'s Result or Status; Errc::internal where it throws. Lack of memory passes through: it is
// not about this one.
template <class Work>
std::invoke_result_t<Work> isolate(Work&& work) {
  try {
    return std::forward<Work>(work)();
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& bug) {
    return Error(Errc::internal, std::string("internal error: ") + bug.what());
  }
}

}  // namespace tlsrpt::policy
