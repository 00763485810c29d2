// Looks for the keys that sign reports where recipients look.
#pragma once

#include <vector>

#include "reporter/check/check_facts.h"
#include "reporter/options/settings.h"

namespace tlsrpt::reporter {

// Each key of SETTINGS: loaded, its record asked for at dns_servers, all at the same time.
std::vector<DkimKeyFacts> gather_dkim_keys(const Settings& settings);

}  // namespace tlsrpt::reporter
