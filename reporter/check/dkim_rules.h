// The check of the keys that sign reports, and of their records in DNS.
#pragma once

#include <vector>

#include "reporter/check/check_facts.h"

namespace tlsrpt::reporter {

// What facts.dkim_keys have to be told of: "dkim-record".
void check_dkim_records(const CheckFacts& facts, std::vector<CheckFinding>* findings);

}  // namespace tlsrpt::reporter
