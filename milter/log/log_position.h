// LogPosition: how far a log has been read, in a form that outlives renames, copies and gzip.
//
// A file is known by (device, inode) as long as its beginning is the same, and by its beginning
// alone where it was copied or compressed: the fingerprint is the SHA-256 of its first bytes, of
// the decompressed text. A log only grows, so a fingerprint taken of a short file stays true.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "policy/result.h"
#include "policy/utc_day.h"

namespace tlsrpt::milter {

// How much of a file's beginning identifies it: some five lines, whose stamps make it unique.
inline constexpr std::size_t fingerprint_bytes = 1024;

struct Fingerprint {
  std::size_t length = 0;  // Bytes hashed, at most fingerprint_bytes; 0: the file was empty.
  std::string sha256;      // Lower-case hexadecimal.

  // Of the first fingerprint_bytes of HEAD, the beginning of a file.
  static Fingerprint of(std::string_view head);
  // Whether a file that begins with HEAD has this beginning. An empty one matches nothing.
  bool matches(std::string_view head) const;

  friend bool operator==(const Fingerprint&, const Fingerprint&) = default;
};

struct FileId {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;

  friend bool operator==(const FileId&, const FileId&) = default;
};

// When a file of a log was written: by its first stamp, then by its last change. Compares older
// before newer.
struct FileAge {
  std::optional<policy::UtcSeconds> first_stamp;  // None: no line has one. Not before 1970.
  std::int64_t changed_ns = 0;                    // mtime, nanoseconds since 1970, not before.

  friend std::weak_ordering operator<=>(const FileAge& left, const FileAge& right);
};

// The last change, in whole seconds.
policy::UtcSeconds changed_at(const FileAge& age);

struct LogPosition {
  FileId id;
  std::uint64_t offset = 0;  // Bytes of (decompressed) text that have been passed on.
  bool in_cut_line = false;  // OFFSET lies in an overlong line whose rest is dropped.
  Fingerprint fingerprint;
  FileAge age;

  // "1 DEVICE INODE OFFSET CUT LENGTH SHA256 FIRST CHANGED", numbers decimal, "-" for none. Part of
  // the store's format: a change needs another version number.
  std::string text() const;
  // Errc::syntax: not what text() writes, or of another version.
  static policy::Result<LogPosition> parse(std::string_view text);
};

}  // namespace tlsrpt::milter
