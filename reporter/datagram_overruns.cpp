#include "reporter/datagram_overruns.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "policy/text.h"
#include "reporter/deliver/disk_file.h"

namespace tlsrpt::reporter {
namespace {

std::filesystem::path file_of(const std::string& store) {
  constexpr std::string_view scheme = "sqlite:";
  return store.substr(std::min(scheme.size(), store.size())) + ".datagrams-overruns";
}

}  // namespace

std::optional<DatagramOverruns> read_datagram_overruns(const std::string& store) {
  std::ifstream file(file_of(store));
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  const std::string_view text = line;
  const std::size_t blank = text.find(' ');
  if (blank == std::string_view::npos) return std::nullopt;
  const auto count = policy::parse_number<std::uint64_t>(text.substr(0, blank));
  const auto last = policy::parse_instant(text.substr(blank + 1));
  if (!count || !last) return std::nullopt;
  return DatagramOverruns{*count, *last};
}

policy::Status write_datagram_overruns(const std::string& store, const DatagramOverruns& overruns) {
  const std::filesystem::path file = file_of(store);
  return write_file_durably(
      file.parent_path().string(), file.filename().string(),
      std::to_string(overruns.count) + " " + policy::to_text(overruns.last) + "\n");
}

unsigned max_queued_datagrams() {
  std::ifstream file("/proc/sys/net/unix/max_dgram_qlen");
  unsigned length = 0;
  return file >> length ? length : 0;
}

}  // namespace tlsrpt::reporter
