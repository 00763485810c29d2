#include <iostream>

#include "reporter/command/guarded_main.h"
#include "reporter/command/reporter_command.h"

int main(int argc, char** argv) {
  using tlsrpt::reporter::Program;
  return tlsrpt::reporter::guarded_main(Program::reporter, [argc, argv] {
    return tlsrpt::reporter::run_reporter(argc, argv, std::cout, std::cerr);
  });
}
