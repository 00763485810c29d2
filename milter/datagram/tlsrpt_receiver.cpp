#include "milter/datagram/tlsrpt_receiver.h"

#include <poll.h>

#include <array>
#include <chrono>
#include <utility>

namespace tlsrpt::milter {
namespace {

// The daemon looks once a second; so much is worth waking it before.
constexpr std::uint64_t much = 512UL * 1024;
// What lay in the socket has been received so long after the start.
constexpr std::chrono::seconds settling_time{1};
// What the kernel's queue held at the end is taken in far less.
constexpr std::chrono::milliseconds last_moment{100};

}  // namespace

TlsrptReceiver::TlsrptReceiver(const TlsrptSocket& socket, DatagramJournal& journal,
                               DatagramLanding& landing, const reporter::Clock& clock,
                               std::uint64_t last, Wakeup stop, std::function<void()> wake)
    : socket_(socket),
      journal_(journal),
      landing_(landing),
      clock_(clock),
      last_(last),
      stop_(std::move(stop)),
      wake_(std::move(wake)) {
  landing_.hold_until(clock_.now() + settling_time);
  thread_ = std::jthread([this] { run(); });
}

std::uint64_t TlsrptReceiver::finish() {
  stops_ = true;
  stop_.ring();
  if (thread_.joinable()) thread_.join();
  return last_;
}

void TlsrptReceiver::run() {
  while (!stops_) {
    std::array<pollfd, 2> watched{{{socket_.fd(), POLLIN, 0}, {stop_.fd(), POLLIN, 0}}};
    ::poll(watched.data(), watched.size(), -1);
    while (take_batch() && !stops_) {
    }
  }
  const auto until = std::chrono::steady_clock::now() + last_moment;
  while (take_batch() && std::chrono::steady_clock::now() < until) {
  }
}

// Whether there may be more.
bool TlsrptReceiver::take_batch() {
  // Between two batches it is as full as it gets.
  if (socket_.is_full()) ++overruns_;
  const std::size_t count = landing_.receive(socket_.fd(), last_ + 1, clock_.now());
  if (count == 0) return false;
  batch_.clear();
  for (std::size_t i = 0; i < count; ++i) batch_.push_back(landing_.at(i));
  if (journal_.append(batch_)) {
    last_ += count;
  } else {
    dropped_ += count;
  }
  if (journal_.waiting() > much) wake_();
  return count == DatagramLanding::max_batch;
}

}  // namespace tlsrpt::milter
