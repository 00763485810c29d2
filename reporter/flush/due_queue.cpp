#include "reporter/flush/due_queue.h"

#include <algorithm>
#include <iterator>

#include "policy/rua_uri.h"

namespace tlsrpt::reporter {
namespace {

constexpr std::string_view bcc_scheme = "bcc:";
constexpr std::string_view https_prefix = "https ";

}  // namespace

std::string receiver_of(std::string_view destination) {
  if (destination.starts_with(bcc_scheme)) {
    return "mail " + std::string(destination.substr(destination.rfind('@') + 1));
  }
  const auto uri = policy::parse_destination(destination);
  if (!uri.ok()) return "mail";
  if (uri->scheme == policy::RuaScheme::mailto) return "mail " + uri->host;
  return std::string(https_prefix) + uri->host;
}

bool is_https_receiver(std::string_view receiver) { return receiver.starts_with(https_prefix); }

std::size_t DueQueue::free_in(const Lane& lane) const {
  const std::size_t most =
      lane.carrier == Carrier::mail ? limits_.mail_receiver : limits_.https_receiver;
  const std::size_t places = most - std::min(most, lane.under_way);
  if (limits_.per_window == 0) return places;
  return std::min(places, limits_.per_window - std::min(limits_.per_window, lane.begun));
}

std::size_t DueQueue::free_for(Carrier carrier) const {
  const std::size_t most = carrier == Carrier::mail ? limits_.mail : limits_.https;
  const std::size_t used = carrier == Carrier::mail ? under_way_by_mail_ : under_way_by_https_;
  return std::min(most - std::min(most, used), limits_.all - std::min(limits_.all, under_way()));
}

void DueQueue::update(Lanes::iterator place) {
  Lane& lane = place->second;
  if (lane.ready_at) ready(lane.carrier).erase(*lane.ready_at);
  lane.ready_at.reset();
  if (lane.waiting.empty() || free_in(lane) == 0) return;
  lane.ready_at = lane.waiting.front().first;
  ready(lane.carrier).emplace(*lane.ready_at, place);
}

void DueQueue::add(std::int64_t id, std::string_view destination) {
  const auto [place, is_new] = lanes_.try_emplace(receiver_of(destination));
  if (is_new && is_https_receiver(place->first)) place->second.carrier = Carrier::https;
  place->second.waiting.emplace_back(arrivals_++, id);
  ++waiting_;
  if (!place->second.ready_at) update(place);
}

std::size_t DueQueue::startable() const {
  std::size_t all = 0;
  for (const auto& [ready, carrier] :
       {std::pair(&ready_mail_, Carrier::mail), std::pair(&ready_https_, Carrier::https)}) {
    const std::size_t places = free_for(carrier);
    std::size_t count = 0;
    for (auto at = ready->begin(); at != ready->end() && count < places; ++at) {
      const Lane& lane = at->second->second;
      count += std::min(free_in(lane), lane.waiting.size());
    }
    all += std::min(count, places);
  }
  return std::min(all, limits_.all - std::min(limits_.all, under_way()));
}

std::vector<std::int64_t> DueQueue::take(std::size_t most) {
  std::vector<std::int64_t> ids;
  while (ids.size() < most) {
    const bool mail = !ready_mail_.empty() && free_for(Carrier::mail) > 0;
    const bool https = !ready_https_.empty() && free_for(Carrier::https) > 0;
    if (!mail && !https) return ids;
    const bool mail_first =
        mail && (!https || ready_mail_.begin()->first < ready_https_.begin()->first);
    const auto place = (mail_first ? ready_mail_ : ready_https_).begin()->second;
    Lane& lane = place->second;
    const std::int64_t id = lane.waiting.front().second;
    lane.waiting.pop_front();
    --waiting_;
    ++lane.under_way;
    ++lane.begun;
    ++under_way(lane.carrier);
    update(place);
    taken_.emplace(id, place);
    ids.push_back(id);
  }
  return ids;
}

void DueQueue::open_window() {
  for (auto place = lanes_.begin(); place != lanes_.end();) {
    const auto next = std::next(place);
    place->second.begun = 0;
    update(place);
    erase_if_idle(place);
    place = next;
  }
}

bool DueQueue::is_held() const {
  if (limits_.per_window == 0) return false;
  return std::any_of(lanes_.begin(), lanes_.end(), [this](const auto& each) {
    return !each.second.waiting.empty() && each.second.begun >= limits_.per_window;
  });
}

void DueQueue::end(std::int64_t id) {
  const auto taken = taken_.find(id);
  if (taken == taken_.end()) return;
  const auto place = taken->second;
  taken_.erase(taken);
  --place->second.under_way;
  --under_way(place->second.carrier);
  update(place);
  erase_if_idle(place);
}

void DueQueue::erase_if_idle(Lanes::iterator place) {
  const Lane& lane = place->second;
  const bool is_counted = limits_.per_window > 0 && lane.begun > 0;
  if (lane.under_way == 0 && lane.waiting.empty() && !is_counted) lanes_.erase(place);
}

std::vector<std::int64_t> DueQueue::drop(std::string_view receiver) {
  std::vector<std::int64_t> dropped;
  for (auto place = lanes_.begin(); place != lanes_.end(); ++place) {
    Lane& lane = place->second;
    const bool meant = receiver.empty() ? lane.carrier == Carrier::mail : place->first == receiver;
    if (!meant) continue;
    for (const auto& [arrival, id] : lane.waiting) dropped.push_back(id);
    waiting_ -= lane.waiting.size();
    lane.waiting.clear();
    update(place);
  }
  return dropped;
}

}  // namespace tlsrpt::reporter
