#include "milter/log/text_log_reader.h"

#include <utility>

namespace tlsrpt::milter {

TextLogReader::TextLogReader(const std::string& path, StampParser stamps, LogLineSplitter splitter,
                             const reporter::Clock& clock)
    : path_(path),
      stamps_(std::move(stamps)),
      splitter_(std::move(splitter)),
      follower_(path, stamps_, clock) {}

policy::Status TextLogReader::restore(std::string_view position, std::string_view memory) {
  if (auto status = follower_.restore(position); !status) return status;
  stamps_.restore(memory);
  return policy::Unit();
}

policy::Result<LogEntries> TextLogReader::next() {
  const auto block = follower_.next();
  if (!block) return block.error();
  entries_.clear();
  LogEntries result;
  result.octets = block->text.size();
  std::string_view text = block->text;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const auto stamp = stamps_.parse(line, block->reference);
    if (!stamp) continue;
    if (!result.newest || stamp->instant > *result.newest) result.newest = stamp->instant;
    const auto split = splitter_.split(line.substr(stamp->length));
    if (split) entries_.push_back({stamp->instant, *split, line});
  }
  result.entries = entries_;
  return result;
}

int TextLogReader::wait_fd() {
  if (!watcher_) watcher_.emplace(std::vector<std::string>{path_});
  return watcher_->fd();
}

bool TextLogReader::take_events() { return !watcher_ || watcher_->take_events(); }

}  // namespace tlsrpt::milter
