#include "milter/datagram/tlsrpt_input.h"

#include <unistd.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "reporter/datagram_queue.h"
#include "reporter/run_as.h"

namespace tlsrpt::milter {
namespace {

using reporter::SocketObstacle;
using std::chrono::steady_clock;

constexpr std::chrono::seconds retry_interval{10};
constexpr std::chrono::seconds look_interval{1};
// How long is handed over once the daemon is to stop.
constexpr std::chrono::milliseconds last_moment{100};
// A queue that is too short is full again and again.
constexpr std::chrono::hours warning_interval{1};
constexpr std::chrono::minutes dropped_warning_interval{1};
constexpr const char* no_room =
    "more wait to be counted than the journal and memory may hold; see tlsrpt-milter(8)";
constexpr const char* journal_trouble = "datagram journal";

// Numbers begin so high in a store that none of them was ever used in the one before it.
constexpr unsigned numbers_a_second_bits = 20;

std::string prefix_beside(const std::string& store) {
  constexpr std::string_view scheme = "sqlite:";
  return store.substr(std::min(scheme.size(), store.size())) + ".datagrams-";
}

// The lowest number of COLLECTORS, of those that have one; none: no one has.
std::optional<std::uint64_t> lowest(std::span<Collector* const> collectors,
                                    std::optional<std::uint64_t> (Collector::*number)() const) {
  std::optional<std::uint64_t> found;
  for (const Collector* collector : collectors) {
    const auto its = (collector->*number)();
    if (its && (!found || *its < *found)) found = its;
  }
  return found;
}

// Whether all of COLLECTORS can take more, after a commit where one has much. What waits for a log
// that lags waits in the journal.
bool has_room(std::span<Collector* const> collectors) {
  return std::all_of(collectors.begin(), collectors.end(), [](Collector* collector) {
    return collector->has_room_for_datagrams() &&
           (!collector->wants_commit() || collector->commit());
  });
}

}  // namespace

policy::Status prepare_tlsrpt_folder(const reporter::Settings& settings) {
  if (::geteuid() != 0 || settings.tlsrpt_socket == "none") return policy::Unit{};
  const auto user = reporter::find_run_as_user(settings);
  if (!user) return user.error();
  return make_socket_folder(settings.tlsrpt_socket, *user ? (*user)->uid : 0,
                            settings.tlsrpt_socket_group);
}

TlsrptInput::TlsrptInput(const reporter::Settings& settings, const reporter::Clock& clock,
                         DaemonLog& log, const Wakeup& wakeup, const std::atomic<bool>& stop,
                         policy::UniqueFd handed_over)
    : options_{settings.tlsrpt_socket, settings.tlsrpt_socket_group, settings.tlsrpt_socket_mode,
               0},
      store_(settings.store),
      clock_(clock),
      log_(log),
      wakeup_(wakeup),
      stop_(stop),
      prefix_(prefix_beside(settings.store)),
      journal_(prefix_) {
  if (handed_over.valid()) socket_ = TlsrptSocket::adopt(std::move(handed_over), options_.path);
}

// Nobody finds the socket any more when the receiver empties it for the last time.
TlsrptInput::~TlsrptInput() {
  if (socket_) socket_->withdraw();
  if (receiver_) receiver_->finish();
  if (const std::uint64_t lost = journal_.only_in_memory(); lost > 0)
    log_.warning(std::to_string(lost) +
                 " TLSRPT datagrams are lost, which were kept in memory: " + journal_.trouble());
}

bool TlsrptInput::start() {
  if (socket_) return true;
  auto made = TlsrptSocket::make(options_);
  if (made) {
    socket_ = *std::move(made);
    tell_recovered("TLSRPT datagrams are received now");
    return true;
  }
  tell_trouble(
      TlsrptSocket::obstacle(options_, made.error()),
      "tlsrpt_socket: " + made.error().message() + "; no TLSRPT datagrams until that can be had");
  next_try_ = steady_clock::now() + retry_interval;
  return false;
}

// Takes up what the life before left. Numbers go on from there, and from what COLLECTORS know.
void TlsrptInput::begin(std::span<Collector* const> collectors) {
  is_begun_ = true;
  if (const auto status = journal_.open(); !status) log_.warning(status.error().message());
  constexpr std::int64_t epoch = 0;
  const auto seconds = std::max(policy::unix_seconds(clock_.now()), epoch);
  const auto first =
      std::max(journal_.last(), static_cast<std::uint64_t>(seconds) << numbers_a_second_bits);
  // A store that knows no number may follow one that was removed, and gets what that one had not
  // committed.
  auto known = lowest(collectors, &Collector::last_datagram);
  if (!known) known = journal_.committed();
  base_ = known.value_or(first);
  journal_.release(base_);
  last_ = std::max(journal_.last(), base_);
  if (const auto status = landing_.open(prefix_ + "landing"); !status)
    log_.warning(status.error().message() + "; a kill may lose TLSRPT datagrams of that instant");
  std::vector<ReceivedDatagram> batch;
  for (std::size_t i = 0; i < landing_.size(); ++i) {
    const ReceivedDatagram datagram = landing_.at(i);
    if (datagram.sequence <= last_) continue;
    batch.push_back(datagram);
    last_ = datagram.sequence;
  }
  if (!journal_.append(batch))
    log_.warning(std::to_string(batch.size()) +
                 " TLSRPT datagrams of the life before are lost: " + no_room);
  // What that life kept in memory is missing, and told with what comes next.
  if (known) last_ = std::max(last_, landing_.last());
}

// A number that was handed over and not committed is nowhere but in the journal.
void TlsrptInput::lose_store() {
  base_ = committed_.value_or(base_);
  committed_.reset();
}

// Each cause has a name, by which `--check` knows what mends it.
void TlsrptInput::tell_trouble(SocketObstacle obstacle, const std::string& text) {
  const std::string name = reporter::trouble_name(obstacle);
  if (name != socket_trouble_) log_.forget(socket_trouble_);
  socket_trouble_ = name;
  log_.trouble(name, text);
}

void TlsrptInput::tell_recovered(const std::string& text) {
  log_.recovered(socket_trouble_, text);
  socket_trouble_.clear();
}

// Postfix sends into nothing where the name of the socket does not lead to ours any more.
void TlsrptInput::look_for_socket() {
  const auto now = steady_clock::now();
  if (now < next_look_) return;
  next_look_ = now + look_interval;
  if (socket_->is_in_place()) {
    tell_recovered(options_.path + " is there again");
  } else if (socket_->is_handed_over()) {
    tell_trouble(SocketObstacle::handed_over,
                 options_.path +
                     ", which was handed over, was removed or replaced by somebody; no TLSRPT "
                     "datagrams until whoever makes it does so again: systemctl restart "
                     "tlsrpt-milter.socket tlsrpt-milter.service");
  } else {
    renew_socket();
  }
}

// What the old one held is received before it goes.
void TlsrptInput::renew_socket() {
  auto made = TlsrptSocket::make(options_);
  if (!made) {
    tell_trouble(TlsrptSocket::obstacle(options_, made.error()),
                 options_.path +
                     " was removed or replaced by somebody; no TLSRPT "
                     "datagrams until it can be made again: " +
                     made.error().message());
    return;
  }
  tell_recovered(options_.path + " is there again");
  log_.warning(options_.path +
               " was removed or replaced by somebody, and was made again; TLSRPT datagrams of "
               "meanwhile are lost");
  if (receiver_) last_ = receiver_->finish();
  receiver_.reset();
  socket_ = *std::move(made);
}

void TlsrptInput::keep_up() {
  if (!socket_ && steady_clock::now() >= next_try_) start();
  if (socket_) look_for_socket();
  if (socket_ && !receiver_) {
    auto stop = Wakeup::make();
    if (!stop) {
      tell_trouble(SocketObstacle::other, "tlsrpt_socket: " + stop.error().message());
      return;
    }
    receiver_.emplace(*socket_, journal_, landing_, clock_, last_, *std::move(stop),
                      [this] { wakeup_.ring(); });
  }
  if (const std::string trouble = journal_.trouble(); trouble.empty()) {
    log_.recovered(journal_trouble, "TLSRPT datagrams are kept beside the store again");
  } else {
    log_.trouble(journal_trouble,
                 trouble + "; TLSRPT datagrams are kept in memory until that can be written");
  }
}

void TlsrptInput::tell_overruns(Collector& counting) {
  if (const std::uint64_t count = receiver_->take_overruns(); count > 0) {
    counting.lose_datagrams(policy::DatagramLoss::queue_full, count);
    untold_overruns_ += count;
  }
  const auto now = steady_clock::now();
  if (untold_overruns_ == 0) return;
  if (now < next_warning_) return;
  log_.warning("the kernel's queue of TLSRPT datagrams was " +
               reporter::found_full(untold_overruns_) +
               ", and whatever came then is lost: set more than net.unix.max_dgram_qlen = " +
               std::to_string(reporter::max_queued_datagrams()) +
               " and have the socket made again; see tlsrpt-milter(8)");
  untold_overruns_ = 0;
  next_warning_ = now + warning_interval;
}

void TlsrptInput::tell_dropped(Collector& counting) {
  if (const std::uint64_t count = receiver_->take_dropped(); count > 0) {
    counting.lose_datagrams(policy::DatagramLoss::not_in_journal, count);
    untold_dropped_ += count;
  }
  const auto now = steady_clock::now();
  if (untold_dropped_ == 0 || now < next_dropped_warning_) return;
  log_.warning(std::to_string(untold_dropped_) + " TLSRPT datagrams are lost: " + no_room);
  untold_dropped_ = 0;
  next_dropped_warning_ = now + dropped_warning_interval;
}

void TlsrptInput::hand_over(std::span<Collector* const> collectors) {
  if (!is_begun_) begin(collectors);
  for (Collector* collector : collectors) {
    if (collector->last_datagram()) continue;
    // One for another log, after a reload: the one before it has committed everything.
    collector->begin_datagrams(committed_ ? handed_ : base_);
    // From now on a kill loses nothing. Where it fails, the daemon's next commit says so.
    (void)collector->commit();
  }
  // A new collector knows what was committed, and gets the rest again; the others skip it.
  const auto known = lowest(collectors, &Collector::last_datagram);
  if (*known != handed_) journal_.rewind(*known);
  keep_up();
  if (receiver_) {
    tell_overruns(*collectors.front());
    tell_dropped(*collectors.front());
  }
  const std::uint64_t waiting = journal_.waiting();
  const std::uint64_t read = journal_.read();
  std::uint64_t missing = 0;
  std::uint64_t before = *known;
  const auto last = steady_clock::now() + last_moment;
  while (journal_.read() - read < waiting && has_room(collectors) &&
         !(stop_ && steady_clock::now() >= last)) {
    const auto datagrams = journal_.next();
    if (datagrams.empty()) break;
    for (const ReceivedDatagram& datagram : datagrams) {
      if (datagram.sequence > before + 1) missing += datagram.sequence - before - 1;
      before = std::max(before, datagram.sequence);
    }
    for (Collector* collector : collectors) collector->take(datagrams);
  }
  if (missing > 0) {
    collectors.front()->lose_datagrams(policy::DatagramLoss::not_in_journal, missing);
    log_.warning(std::to_string(missing) +
                 " TLSRPT datagrams are missing in the journal: it could not be written, or "
                 "somebody has removed it");
  }
  handed_ = *lowest(collectors, &Collector::last_datagram);
  committed(collectors);
}

void TlsrptInput::committed(std::span<Collector* const> collectors) {
  if (!is_begun_) return;
  if (const auto committed = lowest(collectors, &Collector::committed_datagram)) {
    committed_ = committed;
    journal_.release(*committed);
  }
}

}  // namespace tlsrpt::milter
