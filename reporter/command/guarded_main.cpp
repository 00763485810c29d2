#include "reporter/command/guarded_main.h"

#include <exception>
#include <iostream>

namespace tlsrpt::reporter {
namespace {

// Messages end up on standard error, which may be closed: nothing more can be done then.
int internal_error(Program program, const char* what) noexcept {
  try {
    std::cerr << program_name(program) << ": internal error: " << what << '\n';
  } catch (const std::exception&) {
    return exit_software;
  }
  return exit_software;
}

}  // namespace

int guarded_main(Program program, const std::function<int()>& body) noexcept {
  try {
    const int status = body();
    std::cout.flush();
    if (std::cout || status != exit_ok) return status;
    std::cerr << program_name(program) << ": cannot write to standard output\n";
    return exit_temporary;
  } catch (const std::exception& bug) {
    return internal_error(program, bug.what());
  } catch (...) {  // No thread of ours is cancelled, so this never catches forced unwinding.
    return internal_error(program, "unknown exception");
  }
}

}  // namespace tlsrpt::reporter
