// TlsrptReceiver: takes TLSRPT datagrams off their socket, in a thread of its own.
//
// It does nothing else, so that the kernel's short queue is emptied whatever the daemon waits for:
// each batch goes to the journal as it is, where the daemon's thread finds it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

#include "milter/datagram/datagram_journal.h"
#include "milter/datagram/datagram_landing.h"
#include "milter/datagram/tlsrpt_socket.h"
#include "milter/wakeup.h"
#include "reporter/clock.h"

namespace tlsrpt::milter {

class TlsrptReceiver {
 public:
  // Begins to receive; the first datagram gets the number after LAST. WAKE is called when much has
  // come together. Everything outlives the receiver. STOP is its own, to end its wait.
  TlsrptReceiver(const TlsrptSocket& socket, DatagramJournal& journal, DatagramLanding& landing,
                 const reporter::Clock& clock, std::uint64_t last, Wakeup stop,
                 std::function<void()> wake);
  ~TlsrptReceiver() { finish(); }
  TlsrptReceiver(const TlsrptReceiver&) = delete;
  TlsrptReceiver& operator=(const TlsrptReceiver&) = delete;

  // Ends it. What the socket held is in the journal afterwards; who goes on sending does not hold
  // it up. Returns the number of the last datagram.
  std::uint64_t finish();

  // How many times the kernel's queue was found full since the last call. Any thread.
  std::uint64_t take_overruns() { return overruns_.exchange(0); }
  // How many datagrams found no room in the journal since the last call. They have no numbers. Any
  // thread.
  std::uint64_t take_dropped() { return dropped_.exchange(0); }

 private:
  void run();
  bool take_batch();

  const TlsrptSocket& socket_;
  DatagramJournal& journal_;
  DatagramLanding& landing_;
  const reporter::Clock& clock_;
  std::uint64_t last_;
  const Wakeup stop_;
  const std::function<void()> wake_;
  std::vector<ReceivedDatagram> batch_;
  std::atomic<bool> stops_{false};
  std::atomic<std::uint64_t> overruns_{0};
  std::atomic<std::uint64_t> dropped_{0};
  std::jthread thread_;
};

}  // namespace tlsrpt::milter
