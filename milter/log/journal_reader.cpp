#include "milter/log/journal_reader.h"

#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "milter/log/cut_file_guard.h"
#include "policy/text.h"
#include "reporter/options/journal_place.h"

namespace tlsrpt::milter {
namespace {

using policy::Errc;
using policy::Error;
using policy::Status;

constexpr std::string_view position_prefix = "journal1 ";
constexpr std::uint64_t us_per_second = 1'000'000;

// As of a text log: a longer message is passed on cut.
constexpr std::size_t line_max = 64UL * 1024;
// Stamp, host, program and pid before a message.
constexpr std::size_t head_max = 1024;
constexpr std::size_t block_bytes = 512UL * 1024;
// Entries of others cost time, too: a block ends after so many.
constexpr unsigned block_entries = 8192;

// Of a host name; longer is none (DNS: 253, Linux: 64).
constexpr std::size_t host_max = 255;
// Digits of a pid (the kernel's limit has seven).
constexpr std::size_t pid_max = 10;

// A look costs some microseconds for each file, of which there may be hundreds.
constexpr std::chrono::seconds cut_look_interval{10};

constexpr const char* by_syslog = "_TRANSPORT=syslog";
// systemd's message catalogue: journald has dropped messages because of its rate limit.
constexpr const char* dropped_messages = "MESSAGE_ID=a596d6fe7bfa4994828e72309e95d61e";
constexpr std::string_view journald = "systemd-journald";

policy::UtcSeconds second_of(std::uint64_t us) {
  return policy::from_unix_seconds(static_cast<std::int64_t>(us / us_per_second));
}

// The host as a word: what follows in a log line must not seem to begin earlier.
std::string_view host_of(std::string_view text) {
  const bool is_word = !text.empty() && text.size() <= host_max &&
                       std::all_of(text.begin(), text.end(),
                                   [](char c) { return c > ' ' && c != '\x7F' && c != '['; });
  return is_word ? text : "-";
}

// Of what sd_journal_get_cursor(3) returns.
struct FreeText {
  // NOLINTNEXTLINE(cppcoreguidelines-no-malloc): it says so.
  void operator()(char* text) const { std::free(text); }
};

bool is_pid(std::string_view text) {
  return !text.empty() && text.size() <= pid_max && text != "0" &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// A cursor without file and number in the file ("s=", "i="): boot, times and content, which are the
// entry's own. sd_journal_test_cursor(3) would not know an entry that journald has copied, as it
// does with all of them when a volatile journal becomes persistent.
std::string_view without_file(std::string_view cursor) {
  return cursor.substr(std::min(cursor.find(";b="), cursor.size()));
}

}  // namespace

JournalReader::JournalReader(std::string place, LogLineSplitter splitter, policy::UtcSeconds since)
    : place_(std::move(place)), folders_(place_), splitter_(std::move(splitter)), since_(since) {
  text_.reserve(block_bytes + line_max + head_max);
}

Error JournalReader::failure(std::string_view what, int error) const {
  return {Errc::io, "journal:" + place_ + ": " + std::string(what) + ": " +
                        std::generic_category().message(-error)};
}

// --- position ----------------------------------------------------------------------------------

// position_prefix, the time of the entry in microseconds, its cursor.
std::string JournalReader::position() const {
  if (cursor_.empty()) return {};
  return std::string(position_prefix) + std::to_string(cursor_us_) + " " + cursor_;
}

Status JournalReader::restore(std::string_view position, std::string_view /*memory*/) {
  if (position.empty()) return policy::Unit();
  const Error unusable(Errc::syntax, "not a position in a journal, or of a newer version");
  if (!position.starts_with(position_prefix)) return unusable;
  const auto words = policy::split_words(position);
  if (words.size() != 3) return unusable;
  const auto time = policy::parse_number<std::uint64_t>(words[1]);
  if (!time) return unusable;
  cursor_us_ = *time;
  cursor_ = words[2];
  return policy::Unit();
}

std::vector<std::string> JournalReader::take_notices() { return std::exchange(notices_, {}); }

Status JournalReader::open() {
  folders_.look();
  if (auto status = reporter::check_journal(place_); !status) return status;
  sd_journal* opened = nullptr;
  int result = 0;
  if (place_.starts_with('/')) {
    result = sd_journal_open_directory(&opened, place_.c_str(), 0);
  } else {
    result = sd_journal_open_namespace(&opened, place_.empty() ? nullptr : place_.c_str(),
                                       SD_JOURNAL_LOCAL_ONLY);
  }
  if (result < 0) return failure("cannot be opened", result);
  journal_.reset(opened);
  notice_cut_files();
  auto status = go_to_position();
  if (!status) journal_.reset();
  return status;
}

Status JournalReader::add_matches() {
  sd_journal* journal = journal_.get();
  for (const int result :
       {sd_journal_set_data_threshold(journal, line_max),
        sd_journal_add_match(journal, by_syslog, 0), sd_journal_add_disjunction(journal),
        sd_journal_add_match(journal, dropped_messages, 0)}) {
    if (result < 0) return failure("cannot be searched", result);
  }
  return policy::Unit();
}

Status JournalReader::go_to_position() {
  sd_journal* journal = journal_.get();
  if (cursor_.empty()) {
    const auto since_us = static_cast<std::uint64_t>(policy::unix_seconds(since_)) * us_per_second;
    if (const int result = sd_journal_seek_realtime_usec(journal, since_us); result < 0)
      return failure("cannot seek", result);
    return add_matches();
  }
  // Without matches: the entry may be one that was passed over.
  int result = sd_journal_seek_cursor(journal, cursor_.c_str());
  if (result >= 0) result = sd_journal_next(journal);
  if (result < 0) return failure("cannot seek", result);
  const bool is_at_entry = result > 0;
  if (is_at_entry) {
    const auto cursor = read_cursor();
    if (!cursor) return cursor.error();
    if (without_file(*cursor) == without_file(cursor_)) return add_matches();
  }
  notice_gap(is_at_entry);
  // From here on, and this time the entry that it stands at is wanted, too.
  result = sd_journal_seek_cursor(journal, cursor_.c_str());
  if (result < 0) return failure("cannot seek", result);
  return add_matches();
}

policy::Result<std::string> JournalReader::read_cursor() const {
  char* cursor = nullptr;
  if (const int result = sd_journal_get_cursor(journal_.get(), &cursor); result < 0)
    return failure("cannot be read", result);
  const std::unique_ptr<char, FreeText> owned(cursor);
  return std::string(cursor);
}

void JournalReader::notice_gap(bool is_at_entry) {
  std::uint64_t next_us = 0;
  const bool has_next = is_at_entry && sd_journal_get_realtime_usec(journal_.get(), &next_us) >= 0;
  notices_.push_back(
      "journal:" + place_ + ": the entry that was read last, of " +
      policy::to_text(second_of(cursor_us_)) + ", is no longer there; what was logged after it" +
      (has_next ? " and before " + policy::to_text(second_of(next_us)) : std::string()) +
      " is lost, if anything");
}

// --- reading -----------------------------------------------------------------------------------

policy::Result<LogEntries> JournalReader::next() {
  const CutFileGuard guard;
  auto block = read_on();
  if (guard.was_needed()) {
    notice_cut_files();
    journal_.reset();  // Opened anew, it is without them.
  }
  if (!journal_ || block->octets > 0 || !must_reopen()) return block;
  journal_.reset();
  return read_on();
}

policy::Result<LogEntries> JournalReader::read_on() {
  if (!journal_) {
    if (auto status = open(); !status) return std::move(status).error();
  }
  auto block = read_block();
  if (!block) journal_.reset();  // What was not handed out is read again.
  return block;
}

void JournalReader::notice_cut_files() {
  next_cut_look_ = std::chrono::steady_clock::now() + cut_look_interval;
  for (std::string& sentence : folders_.take_cut_files()) notices_.push_back(std::move(sentence));
}

// Asked where there is nothing more to read: what is left of removed folders has been read then.
bool JournalReader::must_reopen() {
  if (std::chrono::steady_clock::now() >= next_cut_look_) notice_cut_files();
  const auto change = folders_.change();
  if (change)
    notices_.push_back("journal:" + place_ + ": " + *change + "; going on where it was read to");
  return change.has_value();
}

policy::Result<LogEntries> JournalReader::read_block() {
  text_.clear();
  entries_.clear();
  LogEntries block;
  unsigned visited = 0;
  while (visited < block_entries && text_.size() < block_bytes) {
    const int moved = sd_journal_next(journal_.get());
    if (moved < 0) return failure("cannot be read", moved);
    if (moved == 0) break;
    ++visited;
    std::uint64_t received_us = 0;
    if (const int result = sd_journal_get_realtime_usec(journal_.get(), &received_us); result < 0)
      return failure("cannot be read", result);
    const policy::UtcSeconds received = second_of(received_us);
    if (!block.newest || received > *block.newest) block.newest = received;
    take_entry(received_us);
  }
  if (visited == 0) return block;
  if (auto status = keep_position(); !status) return std::move(status).error();
  block.entries = entries_;
  block.octets = text_.size() + visited;
  return block;
}

Status JournalReader::keep_position() {
  std::uint64_t time_us = 0;
  if (const int result = sd_journal_get_realtime_usec(journal_.get(), &time_us); result < 0)
    return failure("cannot be read", result);
  auto cursor = read_cursor();
  if (!cursor) return std::move(cursor).error();
  cursor_ = *std::move(cursor);
  cursor_us_ = time_us;
  return policy::Unit();
}

// The value of a field of the entry; empty where it has none, or none that can be read.
std::string_view JournalReader::field(const char* name) {
  const void* data = nullptr;
  std::size_t size = 0;
  if (sd_journal_get_data(journal_.get(), name, &data, &size) < 0) return {};
  std::string_view text(static_cast<const char*>(data), size);
  text.remove_prefix(std::min(text.size(), text.find('=') + 1));
  return text;
}

void JournalReader::take_entry(std::uint64_t received_us) {
  program_ = field("SYSLOG_IDENTIFIER");
  if (const auto kind = splitter_.kind_of(program_)) {
    read_fields();
    add_entry(program_, *kind, received_us);
  } else if (program_ == journald) {
    notice_dropped(received_us);
  }
}

// One pass over the fields costs less than a search for each.
void JournalReader::read_fields() {
  const std::array<std::pair<std::string_view, std::string*>, 5> wanted{
      {{"MESSAGE", &fields_.message},
       {"_PID", &fields_.pid},
       {"SYSLOG_PID", &fields_.syslog_pid},
       {"_HOSTNAME", &fields_.host},
       {"_SOURCE_REALTIME_TIMESTAMP", &fields_.sent_at}}};
  for (const auto& [name, value] : wanted) value->clear();
  sd_journal_restart_data(journal_.get());
  const void* data = nullptr;
  std::size_t size = 0;
  while (sd_journal_enumerate_available_data(journal_.get(), &data, &size) > 0) {
    const std::string_view text(static_cast<const char*>(data), size);
    const std::string_view name = text.substr(0, text.find('='));
    for (const auto& [wanted_name, value] : wanted) {
      // The first of several is the one that sd_journal_get_data(3) would return.
      if (name == wanted_name && value->empty()) value->assign(text.substr(name.size() + 1));
    }
  }
}

// Composes the line that a text log would have.
void JournalReader::add_entry(std::string_view program, Program kind, std::uint64_t received_us) {
  const std::string& pid = is_pid(fields_.pid) ? fields_.pid : fields_.syslog_pid;
  if (!is_pid(pid)) return;
  const std::uint64_t at_us =
      policy::parse_number<std::uint64_t>(fields_.sent_at).value_or(received_us);
  LogEntry entry;
  entry.at = second_of(at_us);
  if (second_text_.empty() || entry.at != second_) {
    second_ = entry.at;
    second_text_ = policy::to_text(entry.at);
    second_text_.back() = '.';  // Instead of the Z.
  }
  const std::size_t begin = text_.size();
  std::string fraction = std::to_string(us_per_second + at_us % us_per_second);
  text_.append(second_text_).append(fraction, 1).append("Z ");
  const std::size_t process_begin = text_.size();
  const std::string_view host = host_of(fields_.host);
  text_.append(host).append(" ").append(program).append("[").append(pid);
  const std::size_t process_end = text_.size();
  text_.append("]: ");
  const std::size_t message_begin = text_.size();
  const std::string_view message = fields_.message;
  text_.append(message.substr(0, std::min(line_max, message.find('\n'))));

  const std::string_view all = text_;
  entry.text = all.substr(begin);
  entry.line.process = all.substr(process_begin, process_end - process_begin);
  entry.line.host = entry.line.process.substr(0, host.size());
  entry.line.program = entry.line.process.substr(host.size() + 1, program.size());
  entry.line.instance = instance_of(entry.line.program);
  entry.line.kind = kind;
  entry.line.message = all.substr(message_begin);
  entries_.push_back(entry);
}

void JournalReader::notice_dropped(std::uint64_t received_us) {
  const std::string unit(field("OBJECT_SYSTEMD_UNIT"));
  const auto dropped = policy::parse_number<std::uint64_t>(field("N_DROPPED"));
  if (!dropped || unit.find("postfix") == std::string::npos) return;
  notices_.push_back("journal:" + place_ + ": at " + policy::to_text(second_of(received_us)) +
                     " journald dropped " + std::to_string(*dropped) + " messages of " + unit +
                     ", sessions among them are lost; see RateLimitBurst in journald.conf");
}

// --- waiting -----------------------------------------------------------------------------------

int JournalReader::wait_fd() {
  const CutFileGuard guard;
  if (!journal_ && !open()) return -1;  // next() says why.
  return std::max(sd_journal_get_fd(journal_.get()), -1);
}

bool JournalReader::take_events() {
  const CutFileGuard guard;
  if (!journal_) return true;
  const int result = sd_journal_process(journal_.get());
  if (result < 0) journal_.reset();
  return result != SD_JOURNAL_NOP;
}

void raise_open_files_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace tlsrpt::milter
