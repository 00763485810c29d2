#include <iostream>

#include "milter/milter_command.h"
#include "reporter/command/guarded_main.h"

int main(int argc, char** argv) {
  using tlsrpt::reporter::Program;
  return tlsrpt::reporter::guarded_main(Program::milter, [argc, argv] {
    return tlsrpt::milter::run_milter(argc, argv, std::cout, std::cerr);
  });
}
