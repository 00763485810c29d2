// DatagramLanding: the memory into which the kernel puts datagrams, a batch at a time.
//
// It is a mapped file, and the kernel notes the length of each datagram in it, too: what was taken
// off the socket is in the file before our own code runs on, so that a kill at any instant loses
// nothing. at() gives the next life what the last one did not get into its journal. Where the
// file cannot be had, it is ordinary memory. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "milter/datagram/received_datagram.h"
#include "policy/result.h"
#include "policy/utc_day.h"

namespace tlsrpt::milter {

class DatagramLanding {
 public:
  static constexpr std::size_t max_batch = 32;

  // Nothing happens before open().
  DatagramLanding() = default;
  DatagramLanding(const DatagramLanding&) = delete;
  DatagramLanding& operator=(const DatagramLanding&) = delete;
  ~DatagramLanding();

  // Maps the file at PATH, which is made where it is missing. An error: it is ordinary memory.
  policy::Status open(const std::string& path);
  // How many datagrams the last batch has, and each of them; after open() those of the life before,
  // until receive().
  std::size_t size() const;
  // The number of the last datagram that was received, be it in the life before; 0: not known.
  std::uint64_t last() const;
  ReceivedDatagram at(std::size_t index) const;

  // What arrives until then, and of which nobody knows when it was sent, may have lain in the
  // socket before. To be called before receive().
  void hold_until(policy::UtcSeconds until);
  // Takes up to max_batch datagrams off SOCKET, without waiting; FIRST is the number of the first,
  // NOW the present. One arrived when the kernel says so, where that goes by the same clock; at NOW
  // otherwise. Returns how many; 0: there is none, or errno says why not.
  std::size_t receive(int socket, std::uint64_t first, policy::UtcSeconds now);

 private:
  struct Layout;
  Layout* layout_ = nullptr;
};

}  // namespace tlsrpt::milter
