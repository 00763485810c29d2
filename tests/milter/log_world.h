// LogWorld: a log as its writer and logrotate(8) treat it, and the text a perfect reader would get.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <zlib.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "policy/utc_day.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::milter {

inline void append_to(const std::string& path, std::string_view text) {
  std::ofstream(path, std::ios::binary | std::ios::app) << text;
}

inline std::string content_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline std::string gzipped(std::string_view text) {
  z_stream stream{};
  // 16 more window bits stand for the gzip format.
  if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    std::abort();
  }
  std::string in(text);
  std::string out(deflateBound(&stream, in.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) std::abort();
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

// What gzip(1) does at its end: the time of the last change stays.
inline void copy_times(const std::string& from, const std::string& to) {
  struct stat raw {};
  if (::stat(from.c_str(), &raw) != 0) std::abort();
  const struct timespec times[2] = {raw.st_atim, raw.st_mtim};
  if (::utimensat(AT_FDCWD, to.c_str(), times, 0) != 0) std::abort();
}

enum class Naming : std::uint8_t { numbers, dates };

class LogWorld {
 public:
  LogWorld(std::string path, Naming naming, std::size_t line_max)
      : path_(std::move(path)), naming_(naming), line_max_(line_max) {
    create();
  }

  const std::string& path() const { return path_; }
  // All lines written so far as a reader passes them on: overlong ones cut, and of the live file
  // only whole lines.
  const std::string& text() const { return text_; }
  policy::UtcSeconds now() const { return now_; }

  // Writes PART of a line, which begins with a stamp where it is the first part. Ends it on demand.
  void write(std::string_view part, bool end, std::chrono::seconds later) {
    now_ += later;
    std::string written;
    if (line_.empty()) {
      written = policy::to_text(now_) + " relay postfix/smtp[" + std::to_string(++lines_) + "]: ";
    }
    written += part;
    line_ += written;
    if (end) written += '\n';
    append_to(writing_to_, written);
    if (end) end_line(true);
  }

  // logrotate: renames; the writer goes on with the old file until reopen().
  void rename_away(bool create_new) {
    shift();
    const std::string old = rotated_name();
    std::filesystem::rename(path_, old);
    writing_to_ = old;
    rotated_.insert(rotated_.begin(), old);
    if (create_new) create_empty();
  }
  bool is_renamed() const { return writing_to_ != path_; }
  void reopen() {
    end_line(false);
    writing_to_ = path_;
    append_to(path_, "");
  }

  void copy_and_truncate() {
    shift();
    const std::string copy = rotated_name();
    std::filesystem::copy_file(path_, copy);
    rotated_.insert(rotated_.begin(), copy);
    std::filesystem::resize_file(path_, 0);
    end_line(false);
  }

  // gzip in two steps, of the NTH youngest rotated file that is complete; the first leaves half.
  void begin_gzip(std::size_t nth) {
    if (gzip_of_ || is_renamed() || nth >= rotated_.size() || rotated_[nth].ends_with(".gz"))
      return;
    gzip_of_ = nth;
    const std::string whole = gzipped(content_of(rotated_[nth]));
    append_to(rotated_[nth] + ".gz", whole.substr(0, whole.size() / 2));
  }
  void end_gzip() {
    if (!gzip_of_) return;
    std::string& name = rotated_[*gzip_of_];
    const std::string whole = gzipped(content_of(name));
    append_to(name + ".gz", whole.substr(whole.size() / 2));
    copy_times(name, name + ".gz");
    std::filesystem::remove(name);
    name += ".gz";
    gzip_of_.reset();
  }

 private:
  void create() {
    writing_to_ = path_;
    create_empty();
    // Stamps begin with the present, for the times of files are real.
    struct stat raw {};
    if (::stat(path_.c_str(), &raw) != 0) std::abort();
    now_ = policy::from_unix_seconds(raw.st_mtim.tv_sec);
    // Files that changed within one tick of the kernel's clock (4 ms) cannot be told apart.
    const timespec time{raw.st_mtim.tv_sec - 1, 0};
    const timespec times[2] = {time, time};
    if (::utimensat(AT_FDCWD, path_.c_str(), times, 0) != 0) std::abort();
  }
  void create_empty() const { append_to(path_, ""); }

  void end_line(bool with_newline) {
    if (line_.size() > line_max_) {
      text_ += line_.substr(0, line_max_) + '\n';
    } else {
      text_ += line_ + (with_newline ? "\n" : "");
    }
    line_.clear();
  }

  // mail.log.2.gz becomes mail.log.3.gz, and so on.
  void shift() {
    end_gzip();
    ++rotations_;
    if (naming_ == Naming::dates) return;
    for (std::size_t i = rotated_.size(); i > 0; --i) {
      const std::string& old = rotated_[i - 1];
      const std::string name =
          path_ + "." + std::to_string(i + 1) + (old.ends_with(".gz") ? ".gz" : "");
      std::filesystem::rename(old, name);
      rotated_[i - 1] = name;
    }
  }
  std::string rotated_name() const {
    if (naming_ == Naming::numbers) return path_ + ".1";
    return path_ + "-2026" + std::to_string(100000 + rotations_);
  }

  std::string path_;
  Naming naming_;
  std::size_t line_max_;
  std::string writing_to_;
  std::string text_;
  std::string line_;                  // Begun and not ended.
  std::vector<std::string> rotated_;  // Youngest first.
  std::optional<std::size_t> gzip_of_;
  unsigned rotations_ = 0;
  unsigned lines_ = 0;
  policy::UtcSeconds now_{};
};

}  // namespace tlsrpt::milter
