#include "milter/catch_up.h"

#include <chrono>
#include <ostream>
#include <string_view>

#include "milter/collector_setup.h"
#include "policy/text.h"
#include "reporter/store/sqlite_open.h"

namespace tlsrpt::milter {
namespace {

using policy::Errc;
using policy::Status;

constexpr std::string_view prefix = "tlsrpt-milter: ";
// A kill costs at most this much reading; the counts are the same whatever it is.
constexpr std::chrono::seconds commit_interval{1};

int complain(std::ostream& err, const policy::Error& error, int status) {
  err << prefix << policy::escape_untrusted(error.message()) << '\n';
  return status;
}

int exit_of(const policy::Error& error) {
  // No configuration mends that; whoever does may start us again.
  if (reporter::tells_of_damage(error)) return reporter::exit_temporary;
  switch (error.code()) {
    case Errc::not_found:
      return reporter::exit_no_input;
    case Errc::syntax:
      return reporter::exit_config;
    default:
      return reporter::exit_temporary;
  }
}

Status read_to_end(Collector& collector) {
  auto last_commit = std::chrono::steady_clock::now();
  for (;;) {
    auto more = collector.take_block();
    if (!more) return std::move(more).error();
    const auto now = std::chrono::steady_clock::now();
    if (*more && !collector.wants_commit() && now - last_commit < commit_interval) continue;
    if (auto status = collector.commit(); !status) return status;
    last_commit = now;
    if (!*more) return policy::Unit();
  }
}

}  // namespace

int catch_up(const reporter::CommandContext& context) {
  const auto setup = CollectorSetup::make(context.settings, context.clock);
  if (!setup) return complain(context.err, setup.error(), exit_of(setup.error()));
  for (const std::string& notice : setup->notices()) context.err << prefix << notice << '\n';
  auto store = reporter::open_store(context.settings.store, reporter::StoreAccess::collector,
                                    store_limits(context.settings));
  if (!store) return complain(context.err, store.error(), exit_of(store.error()));
  int status = reporter::exit_ok;
  for (const reporter::LogSource& source : setup->sources()) {
    const auto lock = setup->lock(source);
    if (!lock) return complain(context.err, lock.error(), exit_of(lock.error()));
    auto collector = setup->collector(source, **store);
    if (!collector) return complain(context.err, collector.error(), exit_of(collector.error()));
    const Status read = read_to_end(**collector);
    for (const std::string& notice : (*collector)->take_notices())
      context.err << prefix << policy::escape_untrusted(notice) << '\n';
    if (!read) status = complain(context.err, read.error(), exit_of(read.error()));
  }
  return status;
}

}  // namespace tlsrpt::milter
