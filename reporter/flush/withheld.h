// What is counted and shown, but not reported, because the options say so: exclude_domains and
// min_sessions. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "reporter/options/settings.h"

namespace tlsrpt::reporter {

// Whether DOMAIN (lower-case A-labels) never gets a report. A subdomain is another domain: it has a
// TLSRPT record of its own.
bool is_excluded(const Settings& settings, std::string_view domain);
// The note on such a domain.
std::string excluded_text();

// Whether a report about so many SESSIONS would tell too much of single people.
bool has_too_few(const Settings& settings, std::uint64_t sessions);
// The note on a (day, domain) with too few.
std::string too_few_text(const Settings& settings);

}  // namespace tlsrpt::reporter
