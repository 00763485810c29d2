// When things of a flush happen: closing of days, sending, sending again. Pure.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "policy/utc_day.h"
#include "reporter/deliver/outcome.h"
#include "reporter/options/settings.h"
#include "reporter/store/store.h"

namespace tlsrpt::reporter {

// A further report for the same day (design, 5: a supplement) is made this long after the last.
inline constexpr std::chrono::hours supplement_interval{6};
// A domain whose record cannot be looked up is asked again for this long, from closing.
inline constexpr std::chrono::hours lookup_patience{24};
// A collector that has not written for this long is not waited for.
inline constexpr std::chrono::hours collector_silence{24};
// An HTTP reply such as 404 is often the receiver's mistake of the day: an https destination that
// refuses for good is asked this often in all (RFC 8460, 5.5 speaks of retries for every failure).
inline constexpr unsigned https_refusals = 3;

// What begins the note on something that this version cannot handle. Another version tries again.
std::string_view set_aside_prefix();
// What is so little ahead of the clock was written by a host whose clock differs from ours; what is
// further ahead, by a clock that was wrong.
inline constexpr std::chrono::hours clocks_differ{1};

// The note on a (day, domain) whose sessions came after report_max_age.
inline constexpr std::string_view late_note = "late: older than report_max_age";

// The end of DAY.
inline policy::UtcSeconds end_of(policy::UtcDay day) { return day + std::chrono::days(1); }

// Why nothing is handed over to what SUPPRESSION is about.
std::string suppressed_text(const Suppression& suppression);

// The collectors that must read past DAY before it is closed and have not, as sentence parts.
std::vector<std::string> missing_collectors(policy::UtcDay day, policy::UtcSeconds now,
                                            const Settings& settings,
                                            const std::vector<CollectorInfo>& collectors);

// Why DAY cannot be closed yet, empty where it can: not over, within day_grace, or collectors that
// have not read past it, unless close_latest is over.
std::string why_open(policy::UtcDay day, policy::UtcSeconds now, const Settings& settings,
                     const std::vector<CollectorInfo>& collectors);

// Whether DAY is too old to be reported (report_max_age).
bool is_late(policy::UtcDay day, policy::UtcSeconds now, const Settings& settings);

// How long after closing the reports of DOMAIN are sent: the same for a domain each day, and spread
// evenly over all domains, from 0 to just under SPREAD.
std::chrono::seconds spread_offset(std::string_view organization, std::string_view domain,
                                   std::chrono::seconds spread);

// The wait after failure number ATTEMPTS: retry_min, doubled each time, at most retry_max, and up
// to a quarter more or less of that, which depends on KEY and ATTEMPTS only.
std::chrono::seconds retry_delay(unsigned attempts, std::string_view key, const Settings& settings);

// DELIVERY that this version cannot hand over, because of WHY.
Delivery set_aside(Delivery delivery, std::string_view why);

// DELIVERY that is given up at NOW without an attempt, because of WHY.
Delivery give_up(Delivery delivery, std::string_view why, policy::UtcSeconds now);

// DELIVERY that was not tried at NOW, as its host failed others with OUTCOME: when it is due again.
// It expires only in a run in which it is tried, or when its report has become too old: after
// report_max_age, or delivery_lifetime where that is longer, by the time that is BELIEVED
// (flush_clock.h).
Delivery put_off(Delivery delivery, const DeliveryOutcome& outcome, policy::UtcSeconds now,
                 policy::UtcSeconds believed, const Settings& settings);

// DELIVERY that our own mail transport did not take at NOW because of OUTCOME, which is not about
// it: its receiver has not been asked, so that its lifetime has not begun. Expires as in put_off().
Delivery not_taken(Delivery delivery, const DeliveryOutcome& outcome, policy::UtcSeconds now,
                   policy::UtcSeconds believed, const Settings& settings);
// Whether DELIVERY, as stored, was tried and has never got further than that.
bool was_never_taken(const Delivery& delivery);

// DELIVERY after an attempt at NOW that ended with OUTCOME: its new state, and when it is due
// again; at once in the smallest form where it was too large. The last attempt is made at the end
// of delivery_lifetime, counted from the first, by the time that is BELIEVED.
Delivery after_attempt(Delivery delivery, const DeliveryOutcome& outcome, policy::UtcSeconds now,
                       policy::UtcSeconds believed, const Settings& settings);

}  // namespace tlsrpt::reporter
