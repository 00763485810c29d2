// QueueIdTable: queue ids with what is known of each, bounded; the oldest goes first, and is
// counted.
//
// A value. What a key means is up to QueueIds.
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "policy/utc_day.h"

namespace tlsrpt::milter {

class StateWriter;

// Values are part of the stored state.
enum class Standing : std::uint8_t {
  ours,       // Its Message-ID is in the store, or it is a notification about such a message.
  listed,     // Looks like a report and comes from a listed sender.
  untrusted,  // Only in the log: looks like a report of ours; its sender is not known yet.
  counted,    // Looks like a report and is ordinary mail; counted as such.
  another,    // Only in the log: another message than the one that the milter saw under this id.
  notified,   // By the id in its Message-ID: a notification about a report, gone or not.
  returned,   // Has such a Message-ID under another queue id; its sender is not known yet.
  logged,     // By the queue id alone: some instance has logged one of our Message-IDs for it.
  early,      // Has a Message-ID that cleanup(8) made for another id; its sender is not known yet.
  early_bounce,  // The same, from the sender of a notification.
  early_name,    // By the id that it names and its own key: that there is an early one.
  gone,          // Was removed here; what the milter said before of its id is about another one.
};
inline constexpr Standing last_standing = Standing::gone;

class QueueIdTable {
 public:
  struct Entry {
    std::string key;
    Standing standing = Standing::ours;
    policy::UtcSeconds at{};
  };

  // LIMIT: of entries.
  explicit QueueIdTable(std::size_t limit) : limit_(limit) {}

  // An entry that is put again becomes the newest.
  void put(std::string key, Standing standing, policy::UtcSeconds at);
  void erase(std::string_view key);
  // Null: there is none. Valid until the table changes.
  const Entry* find(std::string_view key) const;
  std::size_t size() const { return entries_.size(); }
  // The keys that begin with BEGIN, by a search through all.
  std::vector<std::string> keys_with(std::string_view begin) const;
  // Drops what was put before SINCE.
  void expire(policy::UtcSeconds since);
  void clear();
  // How many went for want of room since the last call.
  std::uint64_t take_given_up();
  // Writes the entries, without their number.
  void write(StateWriter& writer) const;

 private:
  using Entries = std::list<Entry>;  // The oldest comes first.

  std::size_t limit_;
  Entries entries_;
  std::unordered_map<std::string_view, Entries::iterator> by_key_;  // Views of their keys.
  std::uint64_t given_up_ = 0;
};

}  // namespace tlsrpt::milter
