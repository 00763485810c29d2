#include "reporter/command/command_error.h"

#include <ostream>

#include "policy/text.h"
#include "reporter/store/sqlite_open.h"

namespace tlsrpt::reporter {

int exit_status_of(const policy::Error& error) {
  if (tells_of_damage(error)) return exit_data;
  switch (error.code()) {
    case policy::Errc::temporary:
      return exit_temporary;
    case policy::Errc::not_found:
    case policy::Errc::io:
      return exit_no_input;
    case policy::Errc::syntax:
    case policy::Errc::limit:
      return exit_data;
    case policy::Errc::internal:
      break;
  }
  return exit_software;
}

int fail_command(const CommandContext& context, const policy::Error& error) {
  context.err << "tlsrpt-reporter: " << policy::escape_untrusted(error.message()) << '\n';
  return exit_status_of(error);
}

}  // namespace tlsrpt::reporter
