// The check whether our collector has tlsrpt_socket, and what gives it that. Pure.
#pragma once

#include "reporter/check/check_facts.h"

namespace tlsrpt::reporter {

void check_socket_had(const CheckFacts& facts, CheckFindings* findings);

}  // namespace tlsrpt::reporter
