// SqliteTexts: interned texts and policies of one database, with a bounded memory of their numbers.
//
// The memory is only right while nobody else writes: its owner calls forget() when the database was
// changed by another connection, and after a rolled back transaction.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "policy/fact.h"
#include "policy/result.h"
#include "policy/text_hash.h"
#include "reporter/store/sqlite.h"

namespace tlsrpt::reporter {

class SqliteTexts {
 public:
  // The number of the empty text, "not known".
  static constexpr std::int64_t empty = 0;
  // Longest text of a fact's column, in bytes: above any host name, address or reason of ours.
  // A longer one, or one that is not UTF-8, is "not known".
  static constexpr std::size_t max_text = 1024;
  // Longest list of policy strings or MX patterns as stored: an MTA-STS policy may have 64 KiB
  // (RFC 8461, 3.3), and some for the lengths. A policy with more is kept without its strings.
  static constexpr std::size_t max_list = 80UL * 1024;

  explicit SqliteTexts(SqliteDatabase& database) : database_(database) {}

  // The number of TEXT, none where it has not been stored.
  policy::Result<std::optional<std::int64_t>> find(std::string_view text);
  // The number of TEXT, stored where it was not. REQUIRES: a transaction.
  policy::Result<std::int64_t> intern(std::string_view text);
  // The same for a TLSRPT record, which may have up to policy::max_seen_record octets.
  policy::Result<std::int64_t> intern_record(std::string_view record);
  policy::Result<std::optional<std::int64_t>> find(const policy::AppliedPolicy& policy);
  policy::Result<std::int64_t> intern(const policy::AppliedPolicy& policy);

  void forget();

 private:
  using PolicyKey = std::array<std::int64_t, 4>;
  struct HashKey {
    std::size_t operator()(const PolicyKey& key) const;
  };

  policy::Result<std::optional<std::int64_t>> find_stored(std::string_view text,
                                                          std::size_t max_size);
  policy::Result<std::int64_t> intern_stored(std::string_view text, std::size_t max_size);
  policy::Result<std::optional<std::int64_t>> find_key(const PolicyKey& key);
  void remember(std::string_view text, std::int64_t id);

  SqliteDatabase& database_;
  std::unordered_map<std::string, std::int64_t, policy::TextHash, std::equal_to<>> ids_;
  std::size_t bytes_ = 0;  // Of the texts in ids_.
  std::unordered_map<PolicyKey, std::int64_t, HashKey> policies_;
};

// A list of texts as one: "LENGTH:TEXT," for each element; empty for the empty list.
std::string encode_list(const std::vector<std::string>& list);
// The list that TEXT encodes, none where it breaks the form.
std::optional<std::vector<std::string>> decode_list(std::string_view text);

}  // namespace tlsrpt::reporter
