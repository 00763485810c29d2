#include "reporter/store/store.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <tuple>
#include <utility>

#include "reporter/store/sqlite_store.h"

namespace tlsrpt::reporter {

std::string_view to_text(DeliveryState state) {
  switch (state) {
    case DeliveryState::pending:
      return "pending";
    case DeliveryState::sent:
      return "sent";
    case DeliveryState::failed:
      return "failed";
    case DeliveryState::expired:
      return "expired";
  }
  return "";
}

bool is_set_aside(const Delivery& delivery) {
  return delivery.state == DeliveryState::pending && delivery.set_aside_by == TLSRPT_VERSION;
}

policy::Result<OpenPage> all_open_days(Store& store, policy::UtcDay before) {
  constexpr unsigned page_size = 10'000;
  OpenPage all;
  while (!all.is_last) {
    auto page = store.open_days(before, all.end, page_size);
    if (!page.ok()) return page;
    std::move(page->days.begin(), page->days.end(), std::back_inserter(all.days));
    std::move(page->damaged.begin(), page->damaged.end(), std::back_inserter(all.damaged));
    all.end = page->end;
    all.is_last = page->is_last;
  }
  std::sort(all.days.begin(), all.days.end(), [](const OpenDay& a, const OpenDay& b) {
    return std::tie(a.day, a.domain) < std::tie(b.day, b.domain);
  });
  return all;
}

policy::Result<std::unique_ptr<Store>> open_store(const std::string& location, StoreAccess access,
                                                  const StoreLimits& limits) {
  constexpr std::string_view sqlite_scheme = "sqlite:";
  if (!location.starts_with(sqlite_scheme) || location.size() == sqlite_scheme.size()) {
    return policy::Error(policy::Errc::syntax, "store: \"" + location + "\" is not sqlite:PATH");
  }
  return SqliteStore::open(location.substr(sqlite_scheme.size()), access, limits);
}

}  // namespace tlsrpt::reporter
