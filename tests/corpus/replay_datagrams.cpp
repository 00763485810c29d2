// Replays a recorded log and the datagrams of the same run into a store, in a chosen order.
//
// usage: replay_datagrams STORE LOG|none DATAGRAMS|none CLOCK SYSLOG_NAME ORDER DROP
//
// DATAGRAMS is a file with one a line: unix seconds, pid, octets in hexadecimal. ORDER: log (the
// log is read before any datagram is handed over), datagrams (the other way round), time (as it
// was), restart (as it was, in a new life after every few lines). DROP: each datagram is lost with
// so many per cent.
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "milter/collector.h"
#include "milter/log/log_stamp.h"
#include "policy/text.h"

namespace tlsrpt::milter {
namespace {

class FixedClock final : public reporter::Clock {
 public:
  explicit FixedClock(policy::UtcSeconds at) : at_(at) {}
  policy::UtcSeconds now() const override { return at_; }

 private:
  policy::UtcSeconds at_;
};

struct Recorded {
  std::int64_t pid = 0;
  policy::UtcSeconds at{};
  std::string octets;
};

// A log in memory, a few lines at a time; its position is the number of the next line.
class LinesReader final : public LogReader {
 public:
  LinesReader(const std::vector<std::string>& lines, const std::string& syslog_name,
              policy::UtcSeconds reference)
      : lines_(lines), splitter_({syslog_name}), reference_(reference) {}

  policy::Status restore(std::string_view position, std::string_view /*memory*/) override {
    next_ = policy::parse_number<std::size_t>(position).value_or(0);
    return policy::Unit();
  }
  policy::Result<LogEntries> next() override {
    constexpr std::size_t at_once = 7;
    entries_.clear();
    LogEntries block;
    for (; next_ < lines_.size() && block.octets < at_once; ++next_, ++block.octets) {
      const std::string& line = lines_[next_];
      const auto stamp = stamps_.parse(line, reference_);
      if (!stamp) continue;
      const auto split = splitter_.split(std::string_view(line).substr(stamp->length));
      if (split) entries_.push_back({stamp->instant, *split, line});
      block.newest = stamp->instant;
    }
    block.entries = entries_;
    return block;
  }
  std::string position() const override { return std::to_string(next_); }

 private:
  const std::vector<std::string>& lines_;
  LogLineSplitter splitter_;
  policy::UtcSeconds reference_;
  StampParser stamps_ = *StampParser::make("UTC");
  std::size_t next_ = 0;
  std::vector<LogEntry> entries_;
};

std::string from_hex(std::string_view hex) {
  std::string octets;
  for (std::size_t at = 0; at + 1 < hex.size(); at += 2) {
    const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
    octets.push_back(static_cast<char>(digit(hex[at]) * 16 + digit(hex[at + 1])));
  }
  return octets;
}

std::vector<Recorded> read_datagrams(const std::string& path, unsigned drop) {
  std::vector<Recorded> datagrams;
  std::ifstream in(path, std::ios::binary);
  std::mt19937 random(drop);  // NOLINT(cert-msc51-cpp): the same at each run.
  std::int64_t at = 0;
  std::int64_t pid = 0;
  for (std::string hex; in >> at >> pid >> hex;) {
    if (random() % 100 >= drop)
      datagrams.push_back({pid, policy::from_unix_seconds(at), from_hex(hex)});
  }
  return datagrams;
}

class Replay {
 public:
  Replay(std::vector<std::string> arguments)
      : arguments_(std::move(arguments)),
        clock_(policy::from_unix_seconds(
            policy::parse_number<std::int64_t>(arguments_[3]).value_or(0))),
        store_(*reporter::open_store(arguments_[0], reporter::StoreAccess::collector, {})) {
    if (arguments_[2] != "none")
      datagrams_ =
          read_datagrams(arguments_[2], policy::parse_number<unsigned>(arguments_[6]).value_or(0));
    std::ifstream in(arguments_[1], std::ios::binary);
    for (std::string line; std::getline(in, line);) lines_.push_back(std::move(line));
  }

  int run() {
    make();
    const std::string& order = arguments_[5];
    if (order == "datagrams" || arguments_[1] == "none") hand_over(policy::UtcSeconds::max());
    for (std::size_t block = 0; next_line_ < lines_.size(); ++block) {
      if (order == "time" || order == "restart") hand_over(stamp_of_next());
      if (!*collector_->take_block()) break;
      next_line_ += 7;
      if (order != "restart" || block % 5 != 0) continue;
      if (!collector_->commit()) return EXIT_FAILURE;
      make();
    }
    hand_over(policy::UtcSeconds::max());
    if (*collector_->take_block()) return EXIT_FAILURE;  // The end is noted, too.
    for (const std::string& notice : collector_->take_notices()) std::cerr << notice << '\n';
    return collector_->commit() ? EXIT_SUCCESS : EXIT_FAILURE;
  }

 private:
  void make() {
    CollectorOptions options;
    options.source = "file:replay";
    options.relay = "relay";
    options.join.expects_datagrams = arguments_[2] != "none";
    options.join.has_log = arguments_[1] != "none";
    options.join.relay = "relay";
    std::unique_ptr<LogReader> reader = std::make_unique<NoLog>();
    if (options.join.has_log)
      reader = std::make_unique<LinesReader>(lines_, arguments_[4], clock_.now());
    collector_ = *Collector::make(std::move(options), std::move(reader), clock_, *store_,
                                  [](std::string_view) { return std::string(); });
  }

  void hand_over(policy::UtcSeconds until) {
    for (; next_datagram_ < datagrams_.size(); ++next_datagram_) {
      const Recorded& next = datagrams_[next_datagram_];
      if (next.at > until) return;
      const ReceivedDatagram received{next.pid, next.at, next.octets, next_datagram_ + 1, false};
      collector_->take({&received, 1});
    }
  }

  policy::UtcSeconds stamp_of_next() {
    const auto stamp = stamps_.parse(lines_[next_line_], clock_.now());
    return stamp ? stamp->instant : policy::UtcSeconds();
  }

  std::vector<std::string> arguments_;
  FixedClock clock_;
  std::unique_ptr<reporter::Store> store_;
  std::vector<Recorded> datagrams_;
  std::vector<std::string> lines_;
  StampParser stamps_ = *StampParser::make("UTC");
  std::unique_ptr<Collector> collector_;
  std::size_t next_datagram_ = 0;
  std::size_t next_line_ = 0;
};

}  // namespace
}  // namespace tlsrpt::milter

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() != 7) return EXIT_FAILURE;
  return tlsrpt::milter::Replay(arguments).run();
}
