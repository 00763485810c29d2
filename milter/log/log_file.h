// LogFile: one open file of a log, plain or compressed with gzip, read by offset in its text.
//
// Opening never blocks and takes regular files only. Whoever reads a plain file that grows, is
// truncated or renamed meanwhile compares status() and head() himself.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "milter/log/gzip_text.h"
#include "milter/log/log_position.h"
#include "policy/result.h"
#include "policy/unique_fd.h"

namespace tlsrpt::milter {

struct FileStatus {
  FileId id;
  std::uint64_t size = 0;       // Bytes on disk, compressed or not.
  std::int64_t changed_ns = 0;  // mtime, nanoseconds since 1970.
};

// Of the file that PATH names, links followed. Errc::not_found: there is none; Errc::io: it cannot
// be looked at.
policy::Result<FileStatus> file_status(const std::string& path);

class LogFile {
 public:
  // Opens PATH; a file that begins like gzip is read decompressed. Errc::not_found: there is none.
  // Errc::io: not readable, not a regular file, or compressed in a way that we cannot read.
  static policy::Result<LogFile> open(const std::string& path);

  const std::string& path() const { return path_; }
  bool is_compressed() const { return gzip_ != nullptr; }
  policy::Result<FileStatus> status() const;

  // Fills INTO with text from OFFSET on and returns the bytes got, 0 at the (present) end. For a
  // compressed file forward reading is cheap, going back is not, and an OFFSET beyond the end is
  // the end. Errc::syntax: the compressed data are damaged or end too early; what was readable has
  // been returned by earlier calls. Errc::io: the system cannot read.
  policy::Result<std::size_t> read(std::uint64_t offset, std::span<char> into);

  // The first bytes of the text, at most COUNT.
  policy::Result<std::string> head(std::size_t count);

 private:
  LogFile(std::string path, policy::UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  policy::Result<std::size_t> read_plain(std::uint64_t offset, std::span<char> into) const;
  policy::Error failure(policy::Errc code, const std::string& what) const;

  std::string path_;
  policy::UniqueFd fd_;
  std::unique_ptr<GzipText> gzip_;
};

}  // namespace tlsrpt::milter
