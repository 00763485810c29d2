// Once a day is enough: what every flush finds again must not become a mail of cron each time.
#pragma once

#include <string>

#include "policy/utc_day.h"
#include "reporter/store/store.h"

namespace tlsrpt::reporter {

// Whether TEXT was not told yet in the day before NOW; from here on it was, as STORE remembers. A
// store that cannot remember it leaves it news.
bool is_news(Store& store, const std::string& text, policy::UtcSeconds now);

}  // namespace tlsrpt::reporter
