// DatagramJournal: received datagrams, in files, until a commit of the collector holds them.
//
// The receiver writes each batch at its end, the daemon reads it from there: what one thread hands
// to the other lies in the file system's memory, which outlives a kill, and takes none of ours. A
// segment is a file STORE.datagrams-NUMBER, NUMBER that of its first datagram; it is removed when
// all of it is committed. Where no file can be written (full disk), a segment lies in memory that
// dies with the process, and is followed by a file as soon as one can be had. All segments together
// are bounded; what finds no room is dropped.
//
//   segment := record*
//   record  := check:u32 length:u32 sequence:u64 at:i64 pid:i32 flags:u32 octets
//
// in the byte order of the machine: nobody else reads it. Of one domain with one result all
// datagrams are the same: a text stands once in a segment, and whatever repeats it has, in place of
// its octets, the number of the one that has them. Numbers ascend. A record that a kill cut
// off ends its segment; one that a disk has damaged is left out, as its CRC-32 tells.
// STORE.datagrams-committed is one record without octets, whose number is that of the last
// committed datagram: the store knows that, too, but may be removed.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "milter/datagram/received_datagram.h"
#include "policy/lock_guarded.h"
#include "policy/result.h"
#include "policy/text_hash.h"
#include "policy/unique_fd.h"

namespace tlsrpt::milter {

struct JournalLimits {
  std::uint64_t segment = 4ULL * 1024 * 1024;  // A segment is followed by the next beyond it.
  std::uint64_t disk = 256ULL * 1024 * 1024;   // All files.
  std::uint64_t memory = 32ULL * 1024 * 1024;  // All segments that are no files.
  // So long after one of these was begun a file is tried again.
  std::chrono::steady_clock::duration in_memory = std::chrono::seconds(10);
};

class DatagramJournal {
 public:
  // PREFIX: path to which the number of a segment is appended. Nothing happens before open().
  explicit DatagramJournal(std::string prefix, JournalLimits limits = {});
  DatagramJournal(const DatagramJournal&) = delete;
  DatagramJournal& operator=(const DatagramJournal&) = delete;
  // Removes the files where all of them is committed.
  ~DatagramJournal();

  // --- before there are two threads ---
  // Takes up what an earlier life left, to be read by next(). Errc::io: the folder cannot be read.
  policy::Status open();
  // The number of the newest datagram that is there; 0: none.
  std::uint64_t last() const { return last_; }
  // The number that was released last, be it by an earlier life; none: not known.
  std::optional<std::uint64_t> committed() const { return committed_; }

  // --- the receiver's thread ---
  // Writes DATAGRAMS, whose numbers ascend from the last one on. False: there is no room for them.
  bool append(std::span<const ReceivedDatagram> datagrams);

  // --- the daemon's thread ---
  // The next datagrams, in order; empty: there are none at present. Valid until the next call.
  std::span<const ReceivedDatagram> next();
  // Goes back to the first datagram after SEQUENCE that is still there.
  void rewind(std::uint64_t sequence);
  // Everything up to SEQUENCE is committed.
  void release(std::uint64_t sequence);
  // How many datagrams that are not released lie in memory only, and end with the process.
  std::uint64_t only_in_memory();

  // --- any thread ---
  // How many octets next() has not handed out yet.
  std::uint64_t waiting() const { return appended_ - read_; }
  // How many it has handed out; what rewind() goes back by is taken off.
  std::uint64_t read() const { return read_; }
  // Why datagrams lie in memory only; empty: they do not.
  std::string trouble();

 private:
  struct Segment {
    policy::UniqueFd file;
    std::string path;         // Empty: in memory.
    std::uint64_t first = 0;  // Number of its first datagram.
    std::uint64_t last = 0;   // Number of its last one.
    std::uint64_t octets = 0;
  };
  struct Shared {
    std::vector<Segment> segments;  // Ascending.
    std::string trouble;
  };

  std::string path_of(std::uint64_t first) const;
  void take_up(std::uint64_t first);
  void open_committed();
  bool begin_segment(std::uint64_t first, bool in_memory);
  bool write(std::span<const ReceivedDatagram> datagrams);
  void put(const ReceivedDatagram& datagram);
  bool restore_text(ReceivedDatagram* datagram);

  const std::string prefix_;
  const JournalLimits limits_;
  policy::LockGuarded<Shared> shared_;
  std::atomic<std::uint64_t> appended_{0};
  std::atomic<std::uint64_t> read_{0};
  std::uint64_t released_ = 0;
  std::optional<std::uint64_t> committed_;
  policy::UniqueFd committed_file_;

  // The receiver's.
  std::uint64_t last_ = 0;
  int current_ = -1;  // Descriptor of the last segment; only the receiver ends its life.
  // None: it is a file. Until then no file is tried again.
  std::optional<std::chrono::steady_clock::time_point> in_memory_until_;
  std::uint64_t current_octets_ = 0;
  // Texts of the segment, with the number of the datagram that has them.
  std::unordered_map<std::string, std::uint64_t, policy::TextHash, std::equal_to<>> numbers_;
  std::string batch_;  // Reused.

  // The daemon's: where next() reads on.
  std::uint64_t reading_ = 0;  // `first` of the segment.
  std::uint64_t offset_ = 0;
  std::unordered_map<std::uint64_t, std::string> texts_;  // Those of the segment, by number.
  std::string block_;
  std::vector<ReceivedDatagram> datagrams_;
};

}  // namespace tlsrpt::milter
