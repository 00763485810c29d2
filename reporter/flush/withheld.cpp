#include "reporter/flush/withheld.h"

#include <algorithm>

namespace tlsrpt::reporter {

bool is_excluded(const Settings& settings, std::string_view domain) {
  return std::any_of(settings.exclude_domains.begin(), settings.exclude_domains.end(),
                     [domain](const policy::DomainName& each) { return each.text() == domain; });
}

std::string excluded_text() { return "excluded by exclude_domains"; }

bool has_too_few(const Settings& settings, std::uint64_t sessions) {
  return sessions < settings.min_sessions;
}

std::string too_few_text(const Settings& settings) {
  return "fewer sessions than min_sessions (" + std::to_string(settings.min_sessions) + ")";
}

}  // namespace tlsrpt::reporter
