// The checks of `--check`: pure functions from facts to findings.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "reporter/check/check_facts.h"

namespace tlsrpt::reporter {

struct Check {
  std::string_view name;   // "tls-logging"
  std::string_view title;  // What is in order where it finds nothing.
  // Whether there is anything to judge; what was not looked at is not said to be in order.
  bool (*applies)(const CheckFacts& facts) = nullptr;
  void (*run)(const CheckFacts& facts, CheckFindings* findings) = nullptr;
};

// All checks, in the order in which they are shown.
std::span<const Check> check_table();

// The findings of all of them.
CheckFindings run_checks(const CheckFacts& facts);

// Whether some smtp(8) of POSTFIX uses DANE.
bool uses_dane(const PostfixFacts& postfix);

}  // namespace tlsrpt::reporter
