#include "reporter/report/report_builder.h"

#include "reporter/report/gzip.h"
#include "reporter/report/report_json.h"
#include "reporter/report/report_name.h"
#include "reporter/report/report_text.h"

namespace tlsrpt::reporter {
namespace {

// A boundary that stands nowhere else in the message: "=_" is impossible in base64 and
// quoted-printable (RFC 2045, 6.7), and the text part begins no line with "--".
std::string make_boundary(const std::string& report_id) {
  return std::string(boundary_prefix) + short_hash(report_id);
}

}  // namespace

Report make_report(const Evaluation& evaluation, const Settings& settings, policy::UtcDay day,
                   const std::string& domain, std::uint32_t revision) {
  Report report;
  report.organization_name = clean_text(settings.organization_name, max_organization);
  report.contact_info = settings.contact_info;
  report.submitter = settings.submitter;
  report.domain = domain;
  report.day = day;
  report.revision = revision;
  report.policies = evaluation.policies;
  return report;
}

policy::Result<StoredReport> build_report(const Evaluation& evaluation, const Settings& settings,
                                          policy::UtcDay day, const std::string& domain,
                                          std::uint32_t revision, policy::UtcSeconds created_at) {
  if (evaluation.policies.empty()) {
    return policy::Error(policy::Errc::not_found, domain + ": nothing to report");
  }
  Report report = make_report(evaluation, settings, day, domain, revision);
  auto json_gz = gzip_compress(fit_report_json(report, settings.max_report_size));
  if (!json_gz) return std::move(json_gz).error();
  const ReportKey key{day, domain, revision, settings.submitter};
  StoredReport stored;
  stored.day = day;
  stored.domain = domain;
  stored.revision = revision;
  stored.report_id = make_report_id(key);
  stored.file_name = make_file_name(key);
  stored.json_gz = *std::move(json_gz);
  stored.boundary = make_boundary(stored.report_id);
  stored.created_at = created_at;
  return stored;
}

}  // namespace tlsrpt::reporter
