#include "milter/trouble_notes.h"

#include <utility>

namespace tlsrpt::milter {

void TroubleNotes::note(const std::map<std::string, std::string>& troubles, reporter::Store* store,
                        const std::string& relay, Backoff::Instant now) {
  compare(troubles, relay);
  if (store == nullptr || (is_known_ && unwritten_.empty()) || !backoff_.may_try(now)) return;
  if (write(*store, relay)) {
    backoff_.succeeded();
  } else {
    backoff_.failed(now);
  }
}

void TroubleNotes::compare(const std::map<std::string, std::string>& troubles,
                           const std::string& relay) {
  for (const auto& [name, text] : troubles) {
    if (lasting_.contains(name)) continue;
    const reporter::CollectorTrouble begun{relay, name, text, clock_.now(), std::nullopt};
    lasting_.emplace(name, begun);
    unwritten_.insert_or_assign(name, begun);
  }
  std::erase_if(lasting_, [&](const auto& entry) {
    if (troubles.contains(entry.first)) return false;
    reporter::CollectorTrouble ended = entry.second;
    ended.until = clock_.now();
    unwritten_.insert_or_assign(entry.first, std::move(ended));
    return true;
  });
}

policy::Status TroubleNotes::write(reporter::Store& store, const std::string& relay) {
  if (!is_known_) {
    auto stored = store.collector_troubles();
    if (!stored) return std::move(stored).error();
    for (const reporter::CollectorTrouble& trouble : *stored) {
      if (trouble.relay != relay || trouble.until) continue;
      const auto lasting = lasting_.find(trouble.name);
      if (lasting != lasting_.end()) {
        lasting->second.since = trouble.since;
        unwritten_.insert_or_assign(trouble.name, lasting->second);
      } else if (!unwritten_.contains(trouble.name)) {
        lasting_.emplace(trouble.name, trouble);
      }
    }
    is_known_ = true;
  }
  while (!unwritten_.empty()) {
    if (auto status = store.set_collector_trouble(unwritten_.begin()->second); !status)
      return status;
    unwritten_.erase(unwritten_.begin());
  }
  return policy::Unit();
}

}  // namespace tlsrpt::milter
