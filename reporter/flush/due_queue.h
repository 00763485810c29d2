// DueQueue: which of the due deliveries is begun next, so that no receiver keeps others waiting.
//
// A thousand reports to one aggregator that answers slowly, or not at all, must not take all places
// and the whole run. Deliveries stand in one lane for each receiver (https host, mail domain), and
// a lane has only so many under way. Pure: reads no store, knows no time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tlsrpt::reporter {

// Who receives what goes to DESTINATION, as it is stored: "https HOST" or "mail DOMAIN"; "mail" for
// all that cannot be read.
std::string receiver_of(std::string_view destination);
bool is_https_receiver(std::string_view receiver);

class DueQueue {
 public:
  struct Limits {
    std::size_t mail = 8;            // Under way at the same time by mail,
    std::size_t https = 8;           // by https,
    std::size_t all = 8;             // and both together.
    std::size_t mail_receiver = 4;   // To one mail domain,
    std::size_t https_receiver = 4;  // and to one https host.
    // Begun to one receiver between two calls of open_window(); 0: any number.
    std::size_t per_window = 0;
  };

  explicit DueQueue(const Limits& limits) : limits_(limits) {}

  void add(std::int64_t id, std::string_view destination);
  // How many could be begun now, and how many are.
  std::size_t startable() const;
  std::size_t under_way() const { return under_way_by_mail_ + under_way_by_https_; }
  std::size_t waiting() const { return waiting_; }
  // All that can be begun now, MOST at most, in the order in which they were added; they are under
  // way from here.
  std::vector<std::int64_t> take(std::size_t most = std::numeric_limits<std::size_t>::max());
  // Every receiver may have another per_window.
  void open_window();
  // Whether something waits for the next window.
  bool is_held() const;
  // ID, which take() gave, is under way no more.
  void end(std::int64_t id);
  // Takes out everything that waits for RECEIVER, or for any mail domain where it is empty.
  std::vector<std::int64_t> drop(std::string_view receiver);

 private:
  enum class Carrier : std::uint8_t { mail, https };
  struct Lane {
    Carrier carrier = Carrier::mail;
    std::deque<std::pair<std::uint64_t, std::int64_t>> waiting;  // (order of arrival, id)
    std::size_t under_way = 0;
    std::size_t begun = 0;                  // In this window.
    std::optional<std::uint64_t> ready_at;  // Its key in ready_.
  };
  using Lanes = std::map<std::string, Lane, std::less<>>;
  using Ready = std::map<std::uint64_t, Lanes::iterator>;

  std::size_t free_in(const Lane& lane) const;
  std::size_t free_for(Carrier carrier) const;
  Ready& ready(Carrier carrier) { return carrier == Carrier::mail ? ready_mail_ : ready_https_; }
  std::size_t& under_way(Carrier carrier) {
    return carrier == Carrier::mail ? under_way_by_mail_ : under_way_by_https_;
  }
  void update(Lanes::iterator place);
  void erase_if_idle(Lanes::iterator place);

  Limits limits_;
  Lanes lanes_;
  // Lanes that have something waiting and a place free, by the arrival of their first.
  Ready ready_mail_;
  Ready ready_https_;
  std::map<std::int64_t, Lanes::iterator> taken_;
  std::size_t under_way_by_mail_ = 0;
  std::size_t under_way_by_https_ = 0;
  std::size_t waiting_ = 0;
  std::uint64_t arrivals_ = 0;
};

}  // namespace tlsrpt::reporter
