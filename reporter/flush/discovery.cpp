#include "reporter/flush/discovery.h"

#include <utility>

#include "policy/domain_name.h"
#include "policy/isolate.h"
#include "policy/text.h"

namespace tlsrpt::reporter {
namespace {

using policy::Result;

Discovery without_record(DiscoveryOutcome outcome, std::string reason, bool from_dns) {
  return {outcome, {}, std::move(reason), from_dns};
}

// RFC 8460, 3: not exactly one usable record is as good as none.
Discovery choose_from(const std::vector<std::string>& texts, const RecordChooser& choose,
                      bool from_dns) {
  auto chosen = policy::isolate([&] { return choose(texts); });
  if (chosen.ok()) return {DiscoveryOutcome::record, *std::move(chosen), "", from_dns};
  const bool thrown = chosen.error().code() == policy::Errc::internal;
  return without_record(thrown ? DiscoveryOutcome::broken : DiscoveryOutcome::none,
                        chosen.error().message(), from_dns);
}

Discovery from_answer(const policy::TxtAnswer& answer, const RecordChooser& choose) {
  switch (answer.outcome) {
    case policy::DnsOutcome::found:
      return choose_from(answer.records, choose, true);
    case policy::DnsOutcome::absent:
      return without_record(DiscoveryOutcome::none, "no record", true);
    case policy::DnsOutcome::temporary:
      break;
  }
  return without_record(answer.our_fault ? DiscoveryOutcome::broken : DiscoveryOutcome::temporary,
                        policy::escape_untrusted(answer.error), true);
}

}  // namespace

std::vector<Discovery> discover(const std::vector<std::string>& domains, const RecordMap& map,
                                policy::Resolver& resolver, const std::function<void()>& on_answer,
                                const RecordChooser& choose) {
  std::vector<Discovery> found(domains.size());
  const auto answered = [&on_answer] {
    if (on_answer) on_answer();
  };
  for (std::size_t i = 0; i < domains.size(); ++i) {
    const auto name = policy::DomainName::parse(domains[i]);
    if (!name.ok()) {
      // The collector stores none: it was damaged since, and may be mended.
      found[i] = without_record(DiscoveryOutcome::broken, "not a domain name", false);
      answered();
      continue;
    }
    if (const MappedRecords* mapped = map.find(*name)) {
      found[i] = mapped->discard
                     ? without_record(DiscoveryOutcome::discard, "record_map: discard", false)
                     : choose_from(mapped->records, choose, false);
      answered();
      continue;
    }
    Discovery& place = found[i];
    resolver.look_up_txt(policy::tlsrpt_name(name->text()),
                         [&place, &answered, &choose](const policy::TxtAnswer& answer) {
                           place = from_answer(answer, choose);
                           answered();
                         });
  }
  resolver.run();
  return found;
}

}  // namespace tlsrpt::reporter
