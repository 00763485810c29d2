// The rotated files beside a log: what they are called, which log they hold, which came first.
//
// Siblings of /var/log/mail.log are mail.log.* and mail.log-*. Their names do not say what they
// hold: names move on at each rotation, copies and compressed files come and go. So each is opened
// and known by its beginning.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "milter/log/log_file.h"
#include "milter/log/log_position.h"
#include "milter/log/log_stamp.h"
#include "policy/result.h"

namespace tlsrpt::milter {

// One file of a log, known by its beginning.
struct LogSibling {
  std::string path;
  FileStatus status;
  bool is_compressed = false;
  std::string head;  // At most fingerprint_bytes of text.
  FileAge age;
  // The part of the name after the log's, without ".gz"; empty for the log itself.
  std::string suffix;
};

struct UnreadableSibling {
  std::string reason;  // With its path.
  std::int64_t changed_ns = 0;
};

struct LogSiblings {
  std::vector<LogSibling> files;  // Oldest first.
  std::vector<UnreadableSibling> unreadable;
};

// The names we look at beside a log: rotation every ten minutes, kept for three months.
inline constexpr std::size_t siblings_max = 16'384;

// All siblings of LOG_PATH that have text, without those gzip files whose uncompressed file is
// still there (they are not finished). STAMPS, as it was made, reads their first stamps.
// Errc::temporary: names kept changing while we looked, try again; Errc::limit: more than
// siblings_max; Errc::io: the folder cannot be read.
policy::Result<LogSiblings> list_siblings(const std::string& log_path, const StampParser& stamps);

// The open FILE of the log at LOG_PATH: the log itself or one of its siblings.
policy::Result<LogSibling> examine(LogFile* file, const std::string& log_path,
                                   const StampParser& stamps);

// When a file was begun that has this HEAD, as far as more of FILE (64 KiB) tells.
policy::Result<FileAge> age_of(LogFile* file, std::string_view head, const StampParser& stamps);

// Whether A was written before B: by age, then by name. The log itself is the newest.
bool came_before(const LogSibling& a, const LogSibling& b);

// Whether both are the same log, of which one file may hold less than the other.
bool is_same_log(std::string_view head_a, std::string_view head_b);

// Whether a file is named as rotation names files: numbers, dates, "old". A sibling with another
// suffix may be another log (of /var/log/mail: mail.err), and is taken for this one only where its
// beginning says so.
bool is_rotation_suffix(std::string_view suffix);

}  // namespace tlsrpt::milter
