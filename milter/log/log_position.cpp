#include "milter/log/log_position.h"

#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <vector>

#include "policy/text.h"

namespace tlsrpt::milter {
namespace {

constexpr std::string_view version = "1";
constexpr std::size_t sha256_hex_length = 64;

std::string hexadecimal(const std::array<unsigned char, SHA256_DIGEST_LENGTH>& bytes) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : bytes) {
    text += digits[byte >> 4U];
    text += digits[byte & 0xFU];
  }
  return text;
}

std::string sha256_of(std::string_view text) {
  const std::vector<unsigned char> bytes(text.begin(), text.end());
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(bytes.data(), bytes.size(), digest.data());
  return hexadecimal(digest);
}

bool is_sha256(std::string_view text) {
  return text.size() == sha256_hex_length && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

// A file without stamps counts as begun when it was last changed.
policy::UtcSeconds begun(const FileAge& age) { return age.first_stamp.value_or(changed_at(age)); }

}  // namespace

Fingerprint Fingerprint::of(std::string_view head) {
  const std::string_view hashed = head.substr(0, fingerprint_bytes);
  return {hashed.size(), sha256_of(hashed)};
}

bool Fingerprint::matches(std::string_view head) const {
  return length > 0 && head.size() >= length && sha256_of(head.substr(0, length)) == sha256;
}

std::weak_ordering operator<=>(const FileAge& left, const FileAge& right) {
  if (begun(left) != begun(right)) return begun(left) <=> begun(right);
  return left.changed_ns <=> right.changed_ns;
}

policy::UtcSeconds changed_at(const FileAge& age) {
  constexpr std::int64_t ns_per_second = 1'000'000'000;
  return policy::from_unix_seconds(age.changed_ns / ns_per_second);
}

std::string LogPosition::text() const {
  std::string text(version);
  const auto add = [&text](const std::string& field) { text += ' ' + field; };
  add(std::to_string(id.device));
  add(std::to_string(id.inode));
  add(std::to_string(offset));
  add(in_cut_line ? "1" : "0");
  add(std::to_string(fingerprint.length));
  add(fingerprint.sha256);
  add(age.first_stamp ? std::to_string(policy::unix_seconds(*age.first_stamp)) : "-");
  add(std::to_string(age.changed_ns));
  return text;
}

policy::Result<LogPosition> LogPosition::parse(std::string_view text) {
  const policy::Error unusable(policy::Errc::syntax,
                               "not a position in a log, or of a newer version");
  const std::vector<std::string_view> fields = policy::split_words(text);
  if (fields.size() != 9 || fields[0] != version) return unusable;
  const auto device = policy::parse_number<std::uint64_t>(fields[1]);
  const auto inode = policy::parse_number<std::uint64_t>(fields[2]);
  const auto offset = policy::parse_number<std::uint64_t>(fields[3]);
  const auto cut = policy::parse_number<unsigned>(fields[4]);
  const auto length = policy::parse_number<std::size_t>(fields[5]);
  const auto first = policy::parse_number<std::int64_t>(fields[7]);
  const auto changed = policy::parse_number<std::int64_t>(fields[8]);
  if (!device || !inode || !offset || !cut || *cut > 1 || !length || *length > fingerprint_bytes ||
      !is_sha256(fields[6]) || (!first && fields[7] != "-") || !changed) {
    return unusable;
  }
  LogPosition position;
  position.id = {*device, *inode};
  position.offset = *offset;
  position.in_cut_line = *cut == 1;
  position.fingerprint = {*length, std::string(fields[6])};
  if (first) position.age.first_stamp = policy::from_unix_seconds(*first);
  position.age.changed_ns = *changed;
  return position;
}

}  // namespace tlsrpt::milter
