#include "reporter/flush/flush_deliver.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "policy/isolate.h"
#include "policy/text.h"
#include "reporter/deliver/https_poster.h"
#include "reporter/deliver/mail_pool.h"
#include "reporter/deliver/mail_sender.h"
#include "reporter/flush/due_queue.h"
#include "reporter/flush/flush_schedule.h"
#include "reporter/flush/outgoing.h"
#include "reporter/flush/told_today.h"

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using policy::isolate;
using policy::Result;
using policy::Status;
using policy::Unit;
using std::chrono::seconds;

// Where repeating does no harm, so many are claimed and recorded at a time.
constexpr std::size_t repeatable_batch = 256;
// A claim lasts that much longer than any hand-over, and for so long an outcome that cannot be
// recorded (store locked, disk full) is tried again: somebody else would repeat the delivery.
constexpr seconds lease_margin{5 * 60};
constexpr std::chrono::milliseconds between_records{500};
// Due deliveries read at a time, and held in memory while their receivers are busy: usually, and
// where all that are held are for busy ones.
constexpr unsigned page_size = 1000;
constexpr std::size_t usual_window = 5'000;
constexpr std::size_t largest_window = 200'000;
// After so many failures in a row that were about the host, the rest of this run does without it.
constexpr unsigned patience_with_host = 5;

struct UnderWay {
  Delivery delivery;
  std::string receiver;
  bool by_mail = false;  // Handed to the mail transport.
};

enum class How : std::uint8_t {
  tried,
  set_aside,  // We could not even hand it over.
  put_off,    // Not tried, as its host fails.
  withheld,   // Given up without trying.
};

struct Ended {
  std::int64_t id = 0;
  DeliveryOutcome outcome;
  How how = How::tried;
};

// How a host, or the mail transport, has done in this run.
struct Health {
  unsigned failures_in_a_row = 0;
  std::optional<DeliveryOutcome> given_up;  // Why it is left alone.
};

DueQueue::Limits queue_limits(const Settings& settings, bool repeatable) {
  const std::size_t places = std::max(1U, settings.delivery_concurrency);
  const std::size_t per_host =
      std::min<std::size_t>(places, std::max(1U, settings.delivery_host_concurrency));
  // Writing files keeps nobody waiting.
  if (repeatable) {
    return {repeatable_batch, places, repeatable_batch + places, repeatable_batch, per_host, 0};
  }
  return {places, places, places, per_host, per_host, settings.delivery_host_rate};
}

class Delivering {
 public:
  Delivering(const DeliverContext& context, const DeliveryFilter& filter, bool ignore_spread,
             std::vector<std::unique_ptr<MailSender>> senders)
      : store_(context.store),
        settings_(context.settings),
        clock_(context.clock),
        log_(context.log),
        sender_{context.settings.mail_from, context.settings.verp_delimiter, context.signer},
        record_patience_(context.record_patience),
        rate_window_(context.rate_window),
        rate_deadline_(std::chrono::steady_clock::now() + context.rate_patience),
        begun_before_(context.begun_before),
        filter_(filter),
        ignore_spread_(ignore_spread),
        queue_(queue_limits(context.settings, senders.front()->is_repeatable())),
        poster_({settings_.https_verify, settings_.https_ca_file, settings_.https_ports,
                 settings_.https_timeout},
                context.guard, context.resolver, context.clock),
        pool_(std::move(senders), [this] { poster_.wake(); }) {}

  Status run() {
    auto suppressed = store_.suppressions(clock_.now());
    if (!suppressed.ok()) return std::move(suppressed).error();
    for (Suppression& each : *suppressed) {
      std::string destination = each.destination;
      suppressed_.emplace(std::move(destination), std::move(each));
    }
    while (true) {
      turn_window();
      Status done = read_due();
      if (done.ok()) done = begin();
      if (done.ok()) done = postpone();
      if (!done.ok()) {
        Status drained = drain();
        return drained.ok() ? std::move(done) : std::move(drained);
      }
      if (!under_way_.empty()) {
        done = wait_and_record();
        if (!done.ok()) return done;
      } else if (is_full()) {
        summary_.is_full = true;
        return Unit{};
      } else if (queue_.is_held()) {
        if (window_end_ > rate_deadline_) return Unit{};
        poster_.poll(until_window());
      } else if (is_read_ && queue_.waiting() == 0 && postponed_.empty()) {
        if (!has_claimed_) return Unit{};
        // What has become due meanwhile.
        is_read_ = has_claimed_ = false;
        cursor_ = {};
      }
    }
  }

  const DeliverSummary& summary() const { return summary_; }

 private:
  // How many more may be begun (max_deliveries).
  std::size_t left() const {
    if (settings_.max_deliveries == 0) return std::numeric_limits<std::size_t>::max();
    const std::size_t most = settings_.max_deliveries;
    return most - std::min(most, begun_before_ + summary_.begun);
  }
  // Whether something may be due that has to wait for the next run.
  bool is_full() const { return left() == 0 && (!is_read_ || queue_.waiting() > 0); }

  // Opens the next window of delivery_host_rate when it is time.
  void turn_window() {
    const auto now = std::chrono::steady_clock::now();
    if (now < window_end_) return;
    queue_.open_window();
    window_end_ = now + rate_window_;
  }
  std::chrono::milliseconds until_window() const {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(
        window_end_ - std::chrono::steady_clock::now());
    return std::max(left, std::chrono::milliseconds(0));
  }

  // Reads due deliveries until enough are at hand.
  Status read_due() {
    while (!is_read_ && (queue_.waiting() < usual_window ||
                         (queue_.startable() == 0 && queue_.waiting() < largest_window))) {
      const auto page = store_.due(clock_.now(), ignore_spread_, cursor_, page_size, filter_);
      if (!page.ok()) return page.error();
      for (const DueDelivery& each : page->deliveries) {
        if (put_off_.contains(each.id)) continue;
        ++log_.counts().due;
        if (health_of(receiver_of(each.destination)).given_up) {
          postponed_.push_back(each.id);
        } else {
          queue_.add(each.id, each.destination);
        }
      }
      tell_damaged(page->damaged);
      cursor_ = page->end;
      is_read_ = page->is_last;
    }
    return Unit{};
  }

  // Claims and starts what there are places for. Half of the places free is worth a transaction;
  // one by one would be a commit for each.
  Status begin() {
    const std::size_t startable = queue_.startable();
    if (startable == 0 || left() == 0 || startable < queue_.under_way()) return Unit{};
    return claim(queue_.take(left()), [this](std::int64_t id) {
      has_claimed_ = true;
      ++summary_.begun;
      start(id);
    });
  }

  // Puts off what waits for a host that is left alone.
  Status postpone() {
    if (postponed_.empty()) return Unit{};
    const std::size_t count = std::min(postponed_.size(), repeatable_batch);
    const std::vector<std::int64_t> ids(postponed_.end() - static_cast<std::ptrdiff_t>(count),
                                        postponed_.end());
    postponed_.resize(postponed_.size() - count);
    put_off_.insert(ids.begin(), ids.end());
    return claim(ids, [this](std::int64_t id) {
      UnderWay& place = under_way_[id];
      place.by_mail = !is_https_receiver(place.receiver);
      DeliveryOutcome outcome = health_of(place.receiver).given_up.value_or(DeliveryOutcome{});
      outcome.text = outcome_text("not tried, as with others before: " + outcome.text);
      ended_.push_back({id, std::move(outcome), How::put_off});
    });
  }

  template <class Go>
  Status claim(const std::vector<std::int64_t>& ids, Go go) {
    auto claimed = store_.claim(ids, clock_.now(), lease_time(settings_));
    std::set<std::int64_t> ours;
    if (claimed.ok()) {
      tell_damaged(claimed->damaged);
      for (Delivery& each : claimed->deliveries) {
        const std::int64_t id = each.id;
        ours.insert(id);
        std::string receiver = receiver_of(each.destination);
        under_way_[id] = {std::move(each), std::move(receiver), false};
        go(id);
      }
    }
    for (const std::int64_t id : ids) {
      if (!ours.contains(id)) queue_.end(id);
    }
    return claimed.ok() ? Status(Unit{}) : Status(std::move(claimed).error());
  }

  void start(std::int64_t id) {
    UnderWay& place = under_way_[id];
    if (const auto found = suppressed_.find(place.delivery.destination);
        found != suppressed_.end()) {
      ended_.push_back({id, permanent_outcome(suppressed_text(found->second)), How::withheld});
      return;
    }
    auto outgoing = isolate([this, &place] { return make(place.delivery); });
    if (!outgoing.ok() && place.delivery.is_smallest && outgoing.error().code() == Errc::limit) {
      const std::string text = place.delivery.last_error + "; " + outgoing.error().message();
      ended_.push_back({id, permanent_outcome(text), How::withheld});
    } else if (!outgoing.ok()) {
      // A locked store is no fault of the delivery.
      const bool is_temporary = outgoing.error().code() == Errc::temporary;
      ended_.push_back({id, temporary_outcome(outgoing.error().message()),
                        is_temporary ? How::tried : How::set_aside});
    } else if (auto* mail = std::get_if<OutgoingMail>(&*outgoing)) {
      place.by_mail = true;
      pool_.start({id, std::move(*mail)});
    } else {
      auto& post = std::get<OutgoingPost>(*outgoing);
      poster_.start(post.destination, std::move(post.json_gz),
                    [this, id](const DeliveryOutcome& outcome) {
                      ended_.push_back({id, outcome, How::tried});
                    });
    }
  }

  Result<std::variant<OutgoingMail, OutgoingPost>> make(const Delivery& delivery) {
    if (!report_ || report_->id != delivery.report_id) {
      report_.reset();
      auto report = store_.report(delivery.report_id);
      if (!report.ok()) return std::move(report).error();
      report_ = *std::move(report);
    }
    const auto siblings = store_.deliveries(report_->id);
    if (!siblings.ok()) return siblings.error();
    return make_outgoing(*report_, delivery, *siblings, sender_);
  }

  Status wait_and_record() {
    auto longest = std::chrono::milliseconds(std::chrono::minutes(1));
    if (queue_.is_held()) longest = std::min(longest, until_window());
    poster_.poll(!ended_.empty() ? unrecorded_since_ ? between_records : no_wait : longest);
    for (auto& each : pool_.take())
      ended_.push_back({each.id, std::move(each.outcome), How::tried});
    return ended_.empty() ? Status(Unit{}) : record();
  }

  // Records what has ended. Where that fails it is kept, to be tried again, until patience ends.
  Status record() {
    const policy::UtcSeconds now = clock_.now();
    std::vector<Delivery> attempted;
    for (const Ended& each : ended_) {
      const Delivery& delivery = under_way_[each.id].delivery;
      attempted.push_back(after(each, delivery, now));
    }
    Status done = store_.grouped([this, &attempted]() -> Status { return record_all(attempted); });
    if (!done.ok()) {
      const auto moment = std::chrono::steady_clock::now();
      if (!unrecorded_since_) unrecorded_since_ = moment;
      if (moment - *unrecorded_since_ < record_patience_) return Unit{};
      return std::move(done).error().context(
          "what became of " + std::to_string(ended_.size()) +
          " deliveries cannot be recorded, so that they may go out again");
    }
    unrecorded_since_.reset();
    for (std::size_t i = 0; i < ended_.size(); ++i) finish(ended_[i], attempted[i]);
    ended_.clear();
    log_.show();
    return Unit{};
  }

  Delivery after(const Ended& ended, const Delivery& delivery, policy::UtcSeconds now) const {
    if (ended.how == How::set_aside) return set_aside(delivery, ended.outcome.text);
    if (ended.how == How::withheld) return give_up(delivery, ended.outcome.text, now);
    const policy::UtcSeconds believed = clock_.believed();
    if (ended.how == How::put_off) {
      return put_off(delivery, ended.outcome, now, believed, settings_);
    }
    if (under_way_.at(ended.id).by_mail && ended.outcome.host_failed) {
      return not_taken(delivery, ended.outcome, now, believed, settings_);
    }
    return after_attempt(delivery, ended.outcome, now, believed, settings_);
  }

  Status record_all(const std::vector<Delivery>& attempted) {
    for (const Delivery& each : attempted) {
      Status recorded = store_.record_attempt(each);
      if (recorded.ok()) continue;
      // Our lease was over and somebody else has it now, or it was pruned: theirs to record.
      const Errc code = recorded.error().code();
      if (code != Errc::temporary && code != Errc::not_found) return recorded;
    }
    return Unit{};
  }

  void finish(const Ended& ended, const Delivery& delivery) {
    const UnderWay& place = under_way_[ended.id];
    tell(ended, delivery, place.by_mail);
    if (ended.how == How::tried) judge_host(place.receiver, ended.outcome);
    under_way_.erase(ended.id);
    queue_.end(ended.id);
  }

  Health& health_of(const std::string& receiver) {
    // Whoever the mail is for, one transport takes it.
    return health_[is_https_receiver(receiver) ? receiver : std::string()];
  }

  void judge_host(const std::string& receiver, const DeliveryOutcome& outcome) {
    Health& health = health_of(receiver);
    if (!outcome.host_failed) {
      health.failures_in_a_row = 0;
    } else if (++health.failures_in_a_row == patience_with_host) {
      health.given_up = outcome;
      const auto dropped = queue_.drop(is_https_receiver(receiver) ? receiver : std::string());
      postponed_.insert(postponed_.end(), dropped.begin(), dropped.end());
    }
  }

  void tell(const Ended& ended, const Delivery& delivery, bool by_mail) {
    if (by_mail) ++summary_.mail_attempts;
    if (ended.outcome.delivered()) {
      ++summary_.delivered;
      ++log_.counts().delivered;
      if (by_mail) ++summary_.mail_delivered;
    } else {
      ++summary_.failed;
      ++log_.counts().failed;
      if (by_mail) summary_.last_mail_error = ended.outcome.text;
      if (by_mail && ended.outcome.host_failed) summary_.mail_transport_failed = true;
    }
    if (!log_.is_verbose() && ended.how != How::set_aside) return;
    std::string text = policy::escape_untrusted(delivery.destination) + ": ";
    if (ended.how == How::set_aside) {
      // Once, as it is not tried again before an upgrade.
      log_.warn(text + delivery.last_error);
      return;
    }
    text += to_text(delivery.state);
    if (!ended.outcome.text.empty()) text += ": " + ended.outcome.text;
    if (delivery.state == DeliveryState::pending) {
      text += "; again at " + policy::to_text(delivery.not_before);
    }
    log_.detail(text);
  }

  void tell_damaged(const std::vector<std::string>& damaged) {
    for (const std::string& each : damaged) {
      if (!told_.insert(each).second) continue;
      if (is_news(store_, each, clock_.now())) log_.warn(policy::escape_untrusted(each));
    }
  }

  // After an error: waits for what is under way, so that it is not handed over twice.
  Status drain() {
    while (!under_way_.empty()) {
      Status recorded = wait_and_record();
      if (!recorded.ok()) return recorded;
    }
    return Unit{};
  }

  static constexpr std::chrono::milliseconds no_wait{0};

  Store& store_;
  const Settings& settings_;
  const FlushClock& clock_;
  FlushLog& log_;
  OutgoingSender sender_;
  std::chrono::milliseconds record_patience_;
  std::chrono::milliseconds rate_window_;
  std::chrono::steady_clock::time_point rate_deadline_;
  std::chrono::steady_clock::time_point window_end_;
  std::size_t begun_before_;
  const DeliveryFilter& filter_;
  bool ignore_spread_;
  DueQueue queue_;
  DueCursor cursor_;
  bool is_read_ = false;      // This pass has reached its end,
  bool has_claimed_ = false;  // and something was tried.
  std::vector<std::int64_t> postponed_;
  std::set<std::int64_t> put_off_;  // Of this run: what was never tried is due with --now.
  std::map<std::string, Suppression> suppressed_;  // By destination.
  std::map<std::string, Health> health_;
  std::map<std::int64_t, UnderWay> under_way_;
  std::vector<Ended> ended_;
  std::optional<std::chrono::steady_clock::time_point> unrecorded_since_;
  std::set<std::string> told_;
  std::optional<StoredReport> report_;  // The last one read: its deliveries come together.
  DeliverSummary summary_;
  HttpsPoster poster_;
  MailPool pool_;  // Last: its threads wake poster_.
};

}  // namespace

seconds lease_time(const Settings& settings) {
  // https: look-up, post, once more where it got no connection, and with https_verify = fallback
  // another post.
  const seconds https = settings.dns_timeout + 3 * settings.https_timeout;
  return std::max(max_mail_hand_over, https) + lease_margin;
}

Result<DeliverSummary> deliver_due(const DeliverContext& context, const DeliveryFilter& filter,
                                   bool ignore_spread) {
  const auto transport = load_mail_transport(context.settings);
  if (!transport.ok()) return transport.error();
  std::vector<std::unique_ptr<MailSender>> senders;
  for (unsigned i = 0; i < std::max(1U, context.settings.delivery_concurrency); ++i) {
    auto sender = make_mail_sender(*transport);
    if (!sender.ok()) return std::move(sender).error();
    senders.push_back(*std::move(sender));
  }
  context.log.begin_stage(FlushStage::deliver);
  Delivering delivering(context, filter, ignore_spread, std::move(senders));
  Status done = delivering.run();
  if (!done.ok()) return std::move(done).error();
  return delivering.summary();
}

}  // namespace tlsrpt::reporter
