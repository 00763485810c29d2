#include "reporter/store/sqlite_texts.h"

#include <utility>

#include "policy/text.h"
#include "reporter/store/sqlite_sql.h"

namespace tlsrpt::reporter {
namespace {

using policy::AppliedPolicy;
using policy::Result;
using policy::Status;

// What is remembered at most: the texts of a day with 60,000 domains, in about 35 MiB. 10,000
// domains need a sixth of it. When it is full, it starts again.
constexpr std::size_t max_remembered = 262144;
constexpr std::size_t max_remembered_bytes = 12UL * 1024 * 1024;

bool is_storable(std::string_view text, std::size_t max_size) {
  return text.size() <= max_size && policy::is_utf8(text);
}

// POLICY's strings, or none of them where they are too long or not UTF-8: half a policy would be an
// invented one.
std::pair<std::string, std::string> storable_lists(const AppliedPolicy& policy) {
  std::pair<std::string, std::string> lists{encode_list(policy.policy_string),
                                            encode_list(policy.mx_host)};
  if (!is_storable(lists.first, SqliteTexts::max_list) ||
      !is_storable(lists.second, SqliteTexts::max_list)) {
    return {};
  }
  return lists;
}

}  // namespace

std::size_t SqliteTexts::HashKey::operator()(const PolicyKey& key) const {
  std::size_t hash = 0;
  for (const std::int64_t part : key) {
    hash = hash * 0x9e3779b97f4a7c15U + static_cast<std::size_t>(part);
  }
  return hash ^ (hash >> 29U);
}

Result<std::optional<std::int64_t>> SqliteTexts::find(std::string_view text) {
  return find_stored(text, max_text);
}

Result<std::int64_t> SqliteTexts::intern(std::string_view text) {
  return intern_stored(text, max_text);
}

Result<std::int64_t> SqliteTexts::intern_record(std::string_view record) {
  return intern_stored(record, policy::max_seen_record);
}

Result<std::optional<std::int64_t>> SqliteTexts::find_stored(std::string_view text,
                                                             std::size_t max_size) {
  if (text.empty()) return std::optional(empty);
  const auto known = ids_.find(text);
  if (known != ids_.end()) return std::optional(known->second);
  if (!is_storable(text, max_size)) return std::optional(empty);

  Result<SqliteUse> query = database_.use(sql::find_text);
  if (!query.ok()) return std::move(query).error();
  const Result<bool> found = (*query)->bind(1, text).step();
  if (!found.ok()) return found.error();
  if (!*found) return std::optional<std::int64_t>();
  SqliteRow row(**query);
  const std::int64_t id = row.integer("id", 1);
  Status good = row.check("text");
  if (!good.ok()) return std::move(good).error();
  remember(text, id);
  return std::optional(id);
}

Result<std::int64_t> SqliteTexts::intern_stored(std::string_view text, std::size_t max_size) {
  Result<std::optional<std::int64_t>> found = find_stored(text, max_size);
  if (!found.ok()) return std::move(found).error();
  if (*found) return **found;
  Result<SqliteUse> insert = database_.use(sql::add_text);
  if (!insert.ok()) return std::move(insert).error();
  Status done = (*insert)->bind(1, text).run();
  if (!done.ok()) return std::move(done).error();
  const std::int64_t id = database_.last_insert_id();
  remember(text, id);
  return id;
}

Result<std::optional<std::int64_t>> SqliteTexts::find(const AppliedPolicy& policy) {
  PolicyKey key{static_cast<std::int64_t>(policy.type), empty, empty, empty};
  if (policy.policy_string.empty() && policy.mx_host.empty()) {  // Most of them: from a log.
    Result<std::optional<std::int64_t>> id = find_stored(policy.policy_domain, max_text);
    if (!id.ok() || !*id) return id;
    key[1] = **id;
    return find_key(key);
  }
  const auto [strings, patterns] = storable_lists(policy);
  const std::array<std::pair<std::string_view, std::size_t>, 3> texts{
      {{policy.policy_domain, max_text}, {strings, max_list}, {patterns, max_list}}};
  for (std::size_t i = 0; i < texts.size(); ++i) {
    Result<std::optional<std::int64_t>> id = find_stored(texts[i].first, texts[i].second);
    if (!id.ok() || !*id) return id;
    key[i + 1] = **id;
  }
  return find_key(key);
}

Result<std::optional<std::int64_t>> SqliteTexts::find_key(const PolicyKey& key) {
  const auto known = policies_.find(key);
  if (known != policies_.end()) return std::optional(known->second);
  Result<SqliteUse> query = database_.use(sql::find_policy);
  if (!query.ok()) return std::move(query).error();
  for (std::size_t i = 0; i < key.size(); ++i) (*query)->bind(static_cast<int>(i) + 1, key[i]);
  const Result<bool> found = (*query)->step();
  if (!found.ok()) return found.error();
  if (!*found) return std::optional<std::int64_t>();
  SqliteRow row(**query);
  const std::int64_t id = row.integer("id", 1);
  Status good = row.check("policy");
  if (!good.ok()) return std::move(good).error();
  if (policies_.size() >= max_remembered) policies_.clear();
  policies_.emplace(key, id);
  return std::optional(id);
}

Result<std::int64_t> SqliteTexts::intern(const AppliedPolicy& policy) {
  const auto [strings, patterns] = storable_lists(policy);
  PolicyKey key{static_cast<std::int64_t>(policy.type), empty, empty, empty};
  const std::array<std::pair<std::string_view, std::size_t>, 3> texts{
      {{policy.policy_domain, max_text}, {strings, max_list}, {patterns, max_list}}};
  for (std::size_t i = 0; i < texts.size(); ++i) {
    Result<std::int64_t> id = intern_stored(texts[i].first, texts[i].second);
    if (!id.ok()) return id;
    key[i + 1] = *id;
  }
  Result<std::optional<std::int64_t>> found = find_key(key);
  if (!found.ok()) return std::move(found).error();
  if (*found) return **found;

  Result<SqliteUse> insert = database_.use(sql::add_policy);
  if (!insert.ok()) return std::move(insert).error();
  for (std::size_t i = 0; i < key.size(); ++i) (*insert)->bind(static_cast<int>(i) + 1, key[i]);
  Status done = (*insert)->run();
  if (!done.ok()) return std::move(done).error();
  const std::int64_t id = database_.last_insert_id();
  policies_.emplace(key, id);
  return id;
}

void SqliteTexts::remember(std::string_view text, std::int64_t id) {
  if (ids_.size() >= max_remembered || bytes_ + text.size() > max_remembered_bytes) {
    ids_.clear();
    bytes_ = 0;
  }
  ids_.emplace(text, id);
  bytes_ += text.size();
}

void SqliteTexts::forget() {
  ids_.clear();
  bytes_ = 0;
  policies_.clear();
}

std::string encode_list(const std::vector<std::string>& list) {
  std::string text;
  for (const std::string& element : list) {
    text += std::to_string(element.size());
    text += ':';
    text += element;
    text += ',';
  }
  return text;
}

std::optional<std::vector<std::string>> decode_list(std::string_view text) {
  std::vector<std::string> list;
  while (!text.empty()) {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const auto size = policy::parse_number<std::size_t>(text.substr(0, colon));
    text.remove_prefix(colon + 1);
    if (!size || *size >= text.size() || text[*size] != ',') return std::nullopt;
    list.emplace_back(text.substr(0, *size));
    text.remove_prefix(*size + 1);
  }
  return list;
}

}  // namespace tlsrpt::reporter
