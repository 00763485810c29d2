#include <utility>

#include "milter/correlate/correlator.h"
#include "milter/correlate/state_codec.h"

namespace tlsrpt::milter {
namespace {

// Raised whenever the layout below or in what it calls changes.
constexpr std::uint64_t state_version = 3;
constexpr std::uint64_t max_entries = 4096;

}  // namespace

std::string Correlator::state() const {
  StateWriter writer;
  writer.number(state_version);
  writer.instant(next_sweep_);
  writer.number(processes_.size());
  for (const SmtpProcess& process : processes_) process.write(writer);
  queue_ids_.write(writer);
  verify_memory_.write(writer);
  writer.number(proxies_.size());
  for (const auto& [key, table] : proxies_) {
    writer.text(key);
    table.write(writer);
  }
  writer.number(tls_logged_.size());
  for (const auto& [key, at] : tls_logged_) {
    writer.text(key);
    writer.instant(at);
  }
  return writer.take();
}

void Correlator::restore_processes(StateReader& reader) {
  for (std::uint64_t left = reader.count(max_processes); left > 0 && reader.ok(); --left) {
    SmtpProcess& process = processes_.emplace_back();
    process.read(reader);
    if (!reader.ok() || !by_key_.emplace(process.key, std::prev(processes_.end())).second)
      processes_.pop_back();
  }
}

policy::Status Correlator::restore(std::string_view octets) {
  by_key_.clear();
  processes_.clear();
  proxies_.clear();
  queue_ids_.clear();
  verify_memory_.clear();
  tls_logged_.clear();
  next_sweep_ = {};
  if (octets.empty()) return policy::Unit();
  StateReader reader(octets);
  if (reader.number() != state_version)
    return policy::Error(policy::Errc::syntax, "pending state of another version");
  next_sweep_ = reader.instant();
  restore_processes(reader);
  queue_ids_.read(reader);
  verify_memory_.read(reader);
  for (std::uint64_t left = reader.count(max_entries); left > 0 && reader.ok(); --left) {
    std::string key(reader.text());
    proxies_[std::move(key)].read(reader);
  }
  for (std::uint64_t left = reader.count(max_entries); left > 0 && reader.ok(); --left) {
    std::string key(reader.text());
    tls_logged_[std::move(key)] = reader.instant();
  }
  if (reader.ok() && reader.at_end()) return policy::Unit();
  by_key_.clear();
  processes_.clear();
  proxies_.clear();
  queue_ids_.clear();
  verify_memory_.clear();
  tls_logged_.clear();
  return policy::Error(policy::Errc::syntax, "pending state is damaged");
}

}  // namespace tlsrpt::milter
