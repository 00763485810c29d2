#include "reporter/flush/flush_output.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "policy/isolate.h"
#include "policy/text.h"
#include "reporter/deliver/disk_file.h"
#include "reporter/flush/discovery.h"
#include "reporter/flush/flush_schedule.h"
#include "reporter/flush/outgoing.h"
#include "reporter/flush/withheld.h"
#include "reporter/report/report_maker.h"
#include "reporter/report/report_name.h"

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using policy::Result;
using policy::Status;
using policy::Unit;

class Output {
 public:
  Output(Store& store, const Settings& settings, const RecordMap& records,
         policy::Resolver& resolver, const Clock& clock, const DeliveryFilter& filter,
         const std::string& directory, const DkimSigner* signer)
      : store_(store),
        settings_(settings),
        records_(records),
        resolver_(resolver),
        clock_(clock),
        filter_(filter),
        directory_(directory),
        sender_{settings.mail_from, '\0', signer},
        maker_(store, settings) {}

  Status run() {
    Status made = ensure_directory(directory_);
    if (!made.ok()) return made;
    const auto days = store_.days();
    if (!days.ok()) return days.error();
    const auto collectors = store_.collectors();
    if (!collectors.ok()) return collectors.error();
    for (const policy::UtcDay day : *days) {
      if (filter_.day && *filter_.day != day) continue;
      const bool closed = why_open(day, clock_.now(), settings_, *collectors).empty();
      Status done = render_day(day, closed || filter_.day);
      if (!done.ok()) return done;
    }
    return Unit{};
  }

  OutputSummary& summary() { return summary_; }

 private:
  bool means(const std::string& domain) const {
    return !filter_.domain || *filter_.domain == domain;
  }

  Status render_day(policy::UtcDay day, bool with_open) {
    std::map<std::string, std::uint32_t> last_revisions;
    // Without their contents first: a day may have a hundred thousand.
    const auto reports = store_.list_reports(day);
    if (!reports.ok()) return reports.error();
    for (const StoredReport& each : *reports) {
      if (!means(each.domain) && !each.domain.empty()) continue;
      std::uint32_t& last = last_revisions[each.domain];
      last = std::max(last, each.revision);
      Status done = render_stored(each.id);
      if (!done.ok()) return done;
    }
    if (!with_open) return Unit{};
    auto domains = store_.domains(day);
    if (!domains.ok() && domains.error().code() == Errc::syntax) {
      fault(domains.error().message());
      return Unit{};
    }
    if (!domains.ok()) return std::move(domains).error();
    std::erase_if(*domains, [&](const std::string& each) {
      return !means(each) || is_excluded(settings_, each) ||
             (last_revisions.contains(each) && is_settled(day, each));
    });
    const std::vector<Discovery> found = discover(*domains, records_, resolver_);
    for (std::size_t i = 0; i < domains->size(); ++i) {
      Status done = render_open(day, (*domains)[i], last_revisions[(*domains)[i]], found[i]);
      if (!done.ok()) return done;
    }
    return Unit{};
  }

  // Whether all facts are in reports: there is nothing to look a record up for.
  bool is_settled(policy::UtcDay day, const std::string& domain) {
    const auto open = store_.facts(day, domain, 0);
    return open.ok() && open->empty();
  }

  Status render_stored(std::int64_t id) {
    const auto report = store_.report(id);
    if (!report.ok() && report.error().code() == Errc::syntax) {
      fault(report.error().message());
      return Unit{};
    }
    if (!report.ok()) return report.error();
    auto deliveries = store_.deliveries(id);
    if (!deliveries.ok()) return std::move(deliveries).error();
    return write(*report, *std::move(deliveries));
  }

  Status render_open(policy::UtcDay day, const std::string& domain, std::uint32_t last_revision,
                     const Discovery& discovery) {
    if (discovery.outcome == DiscoveryOutcome::temporary) ++summary_.unanswered;
    if (discovery.outcome == DiscoveryOutcome::broken) {
      fault(policy::to_text(day) + " " + domain + ": " + discovery.reason);
    }
    if (discovery.outcome != DiscoveryOutcome::record &&
        discovery.outcome != DiscoveryOutcome::discard) {
      return Unit{};
    }
    auto made = policy::isolate(
        [&] { return maker_.make(day, domain, last_revision + 1, discovery, clock_.now()); });
    if (made.ok() && has_too_few(settings_, made->sessions)) return Unit{};
    if (made.ok()) return write(made->report, std::move(made->deliveries));
    if (made.error().code() == Errc::not_found) return Unit{};  // Nothing to report.
    if (made.error().code() == Errc::temporary) return std::move(made).error();
    fault(policy::to_text(day) + " " + domain + ": " + made.error().message());
    return Unit{};
  }

  void fault(const std::string& text) {
    if (summary_.first_fault.empty()) summary_.first_fault = policy::escape_untrusted(text);
  }

  Status write(const StoredReport& report, std::vector<Delivery> deliveries) {
    Status written = write_file_durably(directory_, disk_name(report.file_name), report.json_gz);
    if (!written.ok()) return written;
    ++summary_.reports;
    if (deliveries.empty()) {  // discard: somebody wants to see what a message looks like.
      Delivery placeholder;
      placeholder.destination = "bcc:" + settings_.contact_info;
      placeholder.message_id = make_message_id(report.report_id, 1, random_token());
      deliveries.push_back(std::move(placeholder));
    }
    // Those of a report that is not stored have no ids yet.
    for (std::size_t i = 0; i < deliveries.size(); ++i) {
      deliveries[i].id = static_cast<std::int64_t>(i) + 1;
    }
    for (const Delivery& each : deliveries) {
      const auto outgoing = make_outgoing(report, each, deliveries, sender_);
      if (!outgoing.ok()) {
        fault(report.file_name + ": " + outgoing.error().message());
        continue;
      }
      const auto* mail = std::get_if<OutgoingMail>(&*outgoing);
      if (mail == nullptr) continue;
      written = write_file_durably(directory_, mail->disk_name, mail->message);
      if (!written.ok()) return written;
      ++summary_.messages;
    }
    return Unit{};
  }

  Store& store_;
  const Settings& settings_;
  const RecordMap& records_;
  policy::Resolver& resolver_;
  const Clock& clock_;
  const DeliveryFilter& filter_;
  const std::string& directory_;
  OutgoingSender sender_;
  ReportMaker maker_;
  OutputSummary summary_;
};

}  // namespace

Result<OutputSummary> render_output(Store& store, const Settings& settings,
                                    const RecordMap& records, policy::Resolver& resolver,
                                    const Clock& clock, const DeliveryFilter& filter,
                                    const std::string& directory, const DkimSigner* signer) {
  Output output(store, settings, records, resolver, clock, filter, directory, signer);
  Status done = output.run();
  if (!done.ok()) return std::move(done).error();
  return std::move(output.summary());
}

}  // namespace tlsrpt::reporter
