#include "reporter/check/dkim_probe.h"

#include <algorithm>
#include <string>
#include <utility>

#include "policy/cares_resolver.h"
#include "reporter/dkim/dkim_signer.h"

namespace tlsrpt::reporter {

std::vector<DkimKeyFacts> gather_dkim_keys(const Settings& settings) {
  if (settings.dkim_domain.empty()) return {};
  policy::CaresOptions options;
  options.servers = settings.dns_servers;
  options.timeout = settings.dns_timeout;
  const auto resolver = policy::make_cares_resolver(options);
  const auto reader = find_secret_reader(settings);
  const std::size_t count = std::min(settings.dkim_key_file.size(), settings.dkim_selector.size());
  std::vector<DkimKeyFacts> all(count);
  std::vector<DkimKey> keys;
  keys.reserve(count);  // Callbacks point to them.
  for (std::size_t i = 0; i < count; ++i) {
    DkimKeyFacts& facts = all[i];
    facts.key_file = settings.dkim_key_file[i];
    facts.record = dkim_record_name(settings.dkim_selector[i], settings.dkim_domain);
    auto key = reader.ok() ? load_dkim_key(facts.key_file, *reader) : reader.error();
    if (!key.ok()) {
      facts.key_problem = key.error().message();
    } else if (!resolver.ok()) {
      facts.findings = {{false, "could not be looked up: " + resolver.error().message()}};
    } else {
      const DkimKey& kept = keys.emplace_back(*std::move(key));
      (*resolver)->look_up_txt(facts.record, [&facts, &kept](const policy::TxtAnswer& answer) {
        facts.findings = judge_dkim_record(answer, kept);
      });
    }
  }
  if (resolver.ok()) (*resolver)->run();
  return all;
}

}  // namespace tlsrpt::reporter
