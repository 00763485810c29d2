#include "milter/log/log_follower.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

namespace tlsrpt::milter {
namespace {

using policy::Errc;
using policy::Error;
using policy::Result;
using policy::Status;

// Files without a line that one call of next() goes through: more than are ever rotated at once.
constexpr int steps_max = 1000;
// How often it looks again when files are renamed or truncated while it looks.
constexpr int attempts_max = 8;
// Different sentences remembered so that they are said once.
constexpr std::size_t said_max = 1000;

// The bytes of TEXT up to and with its last '\n'; 0 where there is none.
std::size_t lines_end(std::string_view text) {
  const std::size_t last = text.rfind('\n');
  return last == std::string_view::npos ? 0 : last + 1;
}

// Whether FILE was written after one that is gone. Of one that was empty only its last change is
// known, and its inode.
bool is_later(const LogSibling& file, const LogSibling& gone) {
  if (gone.age.first_stamp) return file.age > gone.age;
  if (file.age.changed_ns != gone.age.changed_ns) return file.age.changed_ns > gone.age.changed_ns;
  return file.status.id == gone.status.id;
}

// Opens what was listed, not what has its name now.
Result<LogFile> open_sibling(const LogSibling& sibling) {
  Result<LogFile> file = LogFile::open(sibling.path);
  if (!file.ok() && file.error().code() != Errc::not_found) return file.error();
  const Result<FileStatus> status = file.ok() ? file->status() : Result<FileStatus>(file.error());
  if (!status.ok() || !(status->id == sibling.status.id)) {
    return Error(Errc::temporary, sibling.path + ": was renamed while we looked at it");
  }
  return file;
}

}  // namespace

LogFollower::LogFollower(std::string path, const StampParser& stamps, const reporter::Clock& clock,
                         LogFollowerLimits limits)
    : path_(std::move(path)),
      stamps_(stamps),
      clock_(clock),
      // A line that is passed on must have been long enough to know its file by.
      line_max_(std::max(limits.line_max, fingerprint_bytes)),
      // Room for the longest line, its end, and something to go on with.
      buffer_(std::max(limits.buffer_bytes, line_max_ + 2)) {}

Status LogFollower::restore(std::string_view text) {
  if (text.empty()) return policy::Unit();
  Result<LogPosition> position = LogPosition::parse(text);
  if (!position.ok()) return std::move(position).error().context(path_);
  start_ = std::move(*position);
  return policy::Unit();
}

std::string LogFollower::position() const {
  if (current_) return here().text();
  return start_ ? start_->text() : std::string();
}

std::vector<std::string> LogFollower::take_notices() { return std::exchange(notices_, {}); }

void LogFollower::notice(const std::string& text) {
  if (said_.size() >= said_max) said_.clear();
  if (said_.insert(text).second) notices_.push_back(text);
}

LogPosition LogFollower::here() const {
  LogPosition position;
  position.id = current_->id;
  position.offset = offset_;
  position.in_cut_line = in_cut_line_;
  // Half a line, such as the first bytes of a date, would be the beginning of other files, too. One
  // that was passed on is all there is.
  const std::string_view head = current_->head;
  const bool is_whole = current_->is_final || head.size() >= fingerprint_bytes;
  position.fingerprint = Fingerprint::of(is_whole ? head : head.substr(0, lines_end(head)));
  position.age = current_->age;
  return position;
}

LogBlock LogFollower::block_of(std::string_view text) const {
  if (!current_ || current_->is_live) return {text, clock_.now()};
  return {text, changed_at(current_->age)};
}

Result<LogBlock> LogFollower::next() {
  for (int attempt = 1;; ++attempt) {
    Result<LogBlock> block = next_block();
    if (block.ok() || block.error().code() != Errc::temporary || attempt == attempts_max) {
      return block;
    }
  }
}

Result<LogBlock> LogFollower::next_block() {
  for (int step = 0; step < steps_max; ++step) {
    if (!current_) {
      const Status opened = open_current();
      if (!opened.ok()) return opened.error();
    }
    Fill filled = Fill::got_text;
    const Result<std::string_view> lines = read_lines(&filled);
    if (!lines.ok()) return lines.error();
    if (!lines->empty()) return block_of(*lines);
    if (filled == Fill::replaced) {
      start_ = here();
      current_.reset();
      continue;
    }
    if (current_->is_final) {
      const std::string_view rest = take_rest();
      if (!rest.empty()) return block_of(rest);
    }
    const Result<bool> more = advance();
    if (!more.ok()) return more.error();
    if (!*more) break;
  }
  return block_of({});
}

// Reads until there are whole lines, or says with *FILLED why there are none.
Result<std::string_view> LogFollower::read_lines(Fill* filled) {
  while (true) {
    const std::string_view lines = take_lines();
    if (!lines.empty()) return lines;
    const Result<Fill> result = fill();
    if (!result.ok() && result.error().code() != Errc::syntax) return result.error();
    if (!result.ok()) notice(result.error().message() + "; the rest of it is lost");
    *filled = result.ok() ? *result : Fill::at_end;
    if (*filled != Fill::got_text) return lines;
  }
}

// --- lines in the buffer -----------------------------------------------------------------------

std::string_view LogFollower::take(std::size_t count) {
  const std::string_view text(buffer_.data() + text_begin_, count);
  text_begin_ += count;
  offset_ += count;
  return text;
}

void LogFollower::skip_cut_line() {
  const std::string_view text(buffer_.data() + text_begin_, text_end_ - text_begin_);
  const std::size_t end = text.find('\n');
  in_cut_line_ = end == std::string_view::npos;
  take(in_cut_line_ ? text.size() : end + 1);
}

// All whole lines in the buffer, up to one that is too long; that one then, cut. Looks for the last
// '\n' only, and once in each line_max_ bytes, so that text is not read twice.
std::string_view LogFollower::take_lines() {
  if (in_cut_line_) skip_cut_line();
  const std::string_view text(buffer_.data() + text_begin_, text_end_ - text_begin_);
  std::size_t good = 0;
  while (text.size() - good > line_max_) {
    const std::size_t end = lines_end(text.substr(good, line_max_ + 1));
    if (end > 0) {
      good += end;
      continue;
    }
    if (good > 0) return take(good);
    buffer_[text_begin_ + line_max_] = '\n';  // Instead of a byte that is dropped.
    in_cut_line_ = true;
    return take(line_max_ + 1);
  }
  return take(good + lines_end(text.substr(good)));
}

// The last line, which nobody ends any more.
std::string_view LogFollower::take_rest() {
  if (in_cut_line_) return {};
  return take(text_end_ - text_begin_);
}

// --- the file being read -----------------------------------------------------------------------

Result<LogFollower::Fill> LogFollower::fill() {
  std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(text_begin_),
            buffer_.begin() + static_cast<std::ptrdiff_t>(text_end_), buffer_.begin());
  text_end_ -= std::exchange(text_begin_, 0);
  const std::uint64_t read_begin = offset_ + text_end_;
  const Result<std::size_t> got =
      current_->file.read(read_begin, std::span(buffer_).subspan(text_end_));
  if (!got.ok()) return got.error();
  // Only after reading can we know that what we read was this file's.
  const Result<bool> unchanged = is_unchanged(read_begin + *got);
  if (!unchanged.ok()) return unchanged.error();
  if (!*unchanged) return Fill::replaced;
  text_end_ += *got;
  return *got > 0 ? Fill::got_text : Fill::at_end;
}

// Whether the file still has the beginning we know and reaches up to READ_END: copytruncate begins
// it anew in place. Learns more of the beginning of a young file.
Result<bool> LogFollower::is_unchanged(std::uint64_t read_end) {
  if (current_->is_final) return true;
  const Result<FileStatus> status = current_->file.status();
  if (!status.ok()) return status.error();
  if (status->size < read_end) return false;
  Result<std::string> head = current_->file.head(fingerprint_bytes);
  if (!head.ok()) return head.error();
  if (!head->starts_with(current_->head)) return false;
  // An empty file with a change: it may have been written to and truncated since.
  if (current_->head.empty() && status->changed_ns != current_->age.changed_ns) return false;
  if (head->size() > current_->head.size()) {
    const Result<FileAge> age = age_of(&current_->file, *head, stamps_);
    if (!age.ok()) return age.error();
    current_->head = std::move(*head);
    current_->age = *age;
  }
  current_->age.changed_ns = status->changed_ns;
  return true;
}

Status LogFollower::take_up(Candidate chosen, std::uint64_t offset, bool is_final) {
  LogFile file = std::move(chosen.file);
  Result<LogSibling> seen = examine(&file, path_, stamps_);
  if (!seen.ok()) return seen.error();
  // Copied and truncated since it was chosen: its copy may be what comes first now.
  if (!seen->head.starts_with(chosen.head)) {
    return Error(Errc::temporary, file.path() + ": was begun anew while we looked at it");
  }
  const Result<FileStatus> live = file_status(path_);
  const bool is_live = live.ok() && live->id == seen->status.id;
  is_final = is_final || file.is_compressed();
  current_.emplace(Current{std::move(file), seen->status.id, std::move(seen->head), seen->age,
                           is_live, is_final});
  start_.reset();
  text_begin_ = text_end_ = 0;
  offset_ = offset;
  in_cut_line_ = false;
  return policy::Unit();
}

Result<std::optional<LogFile>> LogFollower::open_live() const {
  Result<LogFile> file = LogFile::open(path_);
  if (file.ok()) return std::optional<LogFile>(std::move(*file));
  if (file.error().code() == Errc::not_found) return std::optional<LogFile>();
  return file.error();
}

// --- from file to file -------------------------------------------------------------------------

Status LogFollower::open_current() {
  if (start_) {
    const LogPosition wanted = *start_;  // Taking up a file forgets the original.
    return find_again(wanted);
  }
  if (known_until_) {
    Result<std::optional<Candidate>> first = find_first(*known_until_);
    if (!first.ok()) return first.error();
    if (*first) return take_up(std::move(**first), 0, false);
  }
  Result<LogFile> live = LogFile::open(path_);
  if (!live.ok()) return live.error();
  return take_up({std::move(*live), {}}, 0, false);
}

// The rotated file to begin with where lines up to UNTIL are known: the newest that was begun by
// then, else the oldest. None: the log itself was.
Result<std::optional<LogFollower::Candidate>> LogFollower::find_first(policy::UtcSeconds until) {
  Result<std::optional<LogFile>> live = open_live();
  if (!live.ok()) return live.error();
  std::string live_head;
  if (*live) {
    Result<LogSibling> seen = examine(&**live, path_, stamps_);
    if (!seen.ok()) return seen.error();
    if (seen->age.first_stamp && *seen->age.first_stamp <= until) return std::optional<Candidate>();
    live_head = std::move(seen->head);
  }
  const Result<LogSiblings> siblings = list_siblings(path_, stamps_);
  if (!siblings.ok()) return siblings.error();
  const LogSibling* first = nullptr;
  for (const LogSibling& sibling : siblings->files) {
    if (!is_rotation_suffix(sibling.suffix) || !sibling.age.first_stamp) continue;
    if (!live_head.empty() && is_same_log(sibling.head, live_head)) continue;
    if (first == nullptr || *sibling.age.first_stamp <= until) first = &sibling;
  }
  if (first == nullptr) return std::optional<Candidate>();
  Result<LogFile> file = open_sibling(*first);
  if (!file.ok()) return file.error();
  return std::optional<Candidate>({std::move(*file), first->head});
}

// Finds the file of a position: under the log's name, renamed, copied, or compressed.
Status LogFollower::find_again(const LogPosition& wanted) {
  Result<std::optional<LogFile>> live = open_live();
  if (!live.ok()) return live.error();
  bool in_place = false;
  bool is_live_copy = false;
  std::string live_head;
  if (*live) {
    Result<LogSibling> seen = examine(&**live, path_, stamps_);
    if (!seen.ok()) return seen.error();
    in_place = seen->status.id == wanted.id;
    const bool fits = seen->status.size >= wanted.offset && wanted.fingerprint.matches(seen->head);
    if (fits && in_place) return go_on({std::move(**live), std::move(seen->head)}, wanted, false);
    is_live_copy = fits;
    live_head = std::move(seen->head);
  }
  const Result<LogSiblings> siblings = list_siblings(path_, stamps_);
  if (!siblings.ok()) return siblings.error();
  const auto is_itself = [&wanted](const LogSibling& sibling) {
    return sibling.status.id == wanted.id;
  };
  const LogSibling* found = nullptr;
  for (const LogSibling& sibling : siblings->files) {
    if (!wanted.fingerprint.matches(sibling.head)) continue;
    const auto worth = [&is_itself](const LogSibling& copy) {
      return std::tuple(is_itself(copy), !copy.is_compressed, copy.status.size);
    };
    if (found == nullptr || worth(sibling) > worth(*found)) found = &sibling;
  }
  if (is_live_copy && (found == nullptr || !is_itself(*found))) {
    return go_on({std::move(**live), std::move(live_head)}, wanted, false);
  }
  if (found == nullptr) return leave_behind(wanted, in_place);
  Result<LogFile> file = open_sibling(*found);
  if (!file.ok()) return file.error();
  return go_on({std::move(*file), found->head}, wanted, !is_itself(*found));
}

Status LogFollower::go_on(Candidate chosen, const LogPosition& from, bool is_final) {
  Status taken = take_up(std::move(chosen), from.offset, is_final);
  if (taken.ok()) in_cut_line_ = from.in_cut_line;
  return taken;
}

// The file of a position is nowhere: goes on with what was written after it.
Status LogFollower::leave_behind(const LogPosition& wanted, bool in_place) {
  LogSibling gone;
  gone.status.id = wanted.id;
  gone.age = wanted.age;
  // Of a file without a whole line nothing was passed on: it comes after itself.
  if (wanted.fingerprint.length == 0 && gone.age.first_stamp) --gone.age.changed_ns;
  Result<std::optional<Candidate>> next = find_successor(gone, true);
  if (!next.ok()) return next.error();
  if (!*next) return Error(Errc::not_found, path_ + ": no such file");
  Status taken = take_up(std::move(**next), 0, false);
  if (!taken.ok()) return taken;
  // Whatever will be written to an empty log comes after what was lost.
  if (current_->head.empty()) current_->age.first_stamp = wanted.age.first_stamp;
  if (wanted.fingerprint.length > 0) {
    notice(path_ + ": " +
           (in_place ? "was begun anew in place, and no copy of what it held is there"
                     : "the file that was being read is gone") +
           "; what it held after byte " + std::to_string(wanted.offset) + " is lost, if anything");
  }
  return taken;
}

// At the end of the file: stays, or goes on to the next when its writer has.
Result<bool> LogFollower::advance() {
  if (!current_->is_final) {
    const Result<FileStatus> live = file_status(path_);
    if (!live.ok() && live.error().code() != Errc::not_found) return live.error();
    current_->is_live = live.ok() && live->id == current_->id;
    if (current_->is_live) return false;
  }
  LogSibling self;
  self.status.id = current_->id;
  self.head = current_->head;
  self.age = current_->age;
  Result<std::optional<Candidate>> next = find_successor(self, false);
  if (!next.ok()) return next.error();
  if (!*next) return false;
  if (current_->is_final) {
    const Status taken = take_up(std::move(**next), 0, false);
    if (!taken.ok()) return taken.error();
    return true;
  }
  // The successor has text, so nothing more will be written to this one; but something may have
  // been since we reached its end.
  current_->is_final = true;
  return true;
}

// The oldest file that was written after BEFORE.
Result<std::optional<LogFollower::Candidate>> LogFollower::find_successor(const LogSibling& before,
                                                                          bool take_empty) {
  // The log first: if it is renamed while we look at its siblings, we still hold the right file.
  Result<std::optional<LogFile>> live = open_live();
  if (!live.ok()) return live.error();
  std::optional<LogSibling> live_seen;
  if (*live) {
    Result<LogSibling> seen = examine(&**live, path_, stamps_);
    if (!seen.ok()) return seen.error();
    if (take_empty || !seen->head.empty()) live_seen = std::move(*seen);
  }
  const Result<LogSiblings> siblings = list_siblings(path_, stamps_);
  if (!siblings.ok()) return siblings.error();
  for (const UnreadableSibling& unreadable : siblings->unreadable) {
    if (unreadable.changed_ns < before.age.changed_ns) continue;
    notice(unreadable.reason + "; what it holds is not read");
  }
  // The inode of a file that is gone may have another file by now.
  const auto is_same = [](const LogSibling& a, const LogSibling& b) {
    return (a.status.id == b.status.id && !b.head.empty()) || is_same_log(a.head, b.head);
  };
  // Where the file is still there, its name helps to tell which came later.
  const auto self =
      std::find_if(siblings->files.begin(), siblings->files.end(), [&](const LogSibling& sibling) {
        return is_same(sibling, before) && is_rotation_suffix(sibling.suffix);
      });
  for (const LogSibling& sibling : siblings->files) {
    if (!is_rotation_suffix(sibling.suffix) || is_same(sibling, before)) continue;
    const bool comes_later =
        self != siblings->files.end() ? came_before(*self, sibling) : is_later(sibling, before);
    if (!comes_later) continue;
    if (live_seen && is_same(sibling, *live_seen)) continue;
    // The log may have been renamed since it was opened, and be followed by this one.
    if (live_seen && !live_seen->head.empty() && came_before(*live_seen, sibling)) continue;
    Result<LogFile> file = open_sibling(sibling);
    if (!file.ok()) return file.error();
    return std::optional<Candidate>({std::move(*file), sibling.head});
  }
  if (!live_seen) return std::optional<Candidate>();
  return std::optional<Candidate>({std::move(**live), std::move(live_seen->head)});
}

}  // namespace tlsrpt::milter
