#include "reporter/report/report_maker.h"

#include <sys/random.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <utility>

#include "reporter/flush/flush_schedule.h"
#include "reporter/report/evaluation.h"
#include "reporter/report/report_builder.h"
#include "reporter/report/report_name.h"

namespace tlsrpt::reporter {

std::string random_token() {
  std::array<unsigned char, 16> bytes{};
  while (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    // Up to 256 bytes come whole once the kernel's pool is ready, unless a signal was first.
    if (errno != EINTR) throw std::runtime_error("getrandom failed");
  }
  constexpr std::string_view digits = "0123456789abcdef";
  std::string token;
  for (const unsigned char byte : bytes) {
    token += digits[byte >> 4U];
    token += digits[byte & 15U];
  }
  return token;
}

std::vector<Delivery> plan_deliveries(const std::string& report_id,
                                      const policy::TlsrptRecord& record, const std::string& bcc,
                                      policy::UtcSeconds not_before) {
  std::vector<Delivery> deliveries;
  std::string first_message_id;
  for (const policy::RuaUri& rua : record.rua) {
    Delivery delivery;
    delivery.destination = rua.text();
    delivery.not_before = not_before;
    if (rua.scheme == policy::RuaScheme::mailto) {
      const auto number = static_cast<unsigned>(deliveries.size() + 1);
      delivery.message_id = make_message_id(report_id, number, random_token());
      if (first_message_id.empty()) first_message_id = delivery.message_id;
    }
    deliveries.push_back(std::move(delivery));
  }
  if (bcc.empty()) return deliveries;
  Delivery copy;
  copy.destination = "bcc:" + bcc;
  copy.not_before = not_before;
  const auto number = static_cast<unsigned>(deliveries.size() + 1);
  copy.message_id = first_message_id.empty() ? make_message_id(report_id, number, random_token())
                                             : first_message_id;
  deliveries.push_back(std::move(copy));
  return deliveries;
}

policy::Result<MadeReport> ReportMaker::make(policy::UtcDay day, const std::string& domain,
                                             std::uint32_t revision, const Discovery& discovery,
                                             policy::UtcSeconds now) {
  has_undecided_ = false;
  const auto facts = store_.facts(day, domain, 0);
  if (!facts.ok()) return facts.error();
  EvaluationContext context;
  context.report_plaintext = settings_.report_plaintext;
  context.max_failure_details = settings_.max_failure_details;
  context.tls_logged = [this](std::string_view relay, std::string_view service,
                              policy::UtcSeconds instant) {
    return store_.tls_logged(relay, service, instant);
  };
  auto evaluation = evaluate(domain, *facts, context);
  if (!evaluation.ok()) return std::move(evaluation).error();
  has_undecided_ = evaluation->tls_unknown > 0;
  auto report = build_report(*evaluation, settings_, day, domain, revision, now);
  if (!report.ok()) return std::move(report).error();
  MadeReport made;
  if (discovery.outcome == DiscoveryOutcome::record) {
    const auto due =
        now + spread_offset(settings_.organization_name, domain, settings_.delivery_spread);
    made.deliveries = plan_deliveries(report->report_id, discovery.record, settings_.bcc, due);
  }
  made.report = *std::move(report);
  made.report.by_seen_record = discovery.as_seen;
  made.sessions = evaluation->sessions;
  made.sessions_seen = evaluation->sessions_seen;
  made.proven = std::move(evaluation->proven);
  return made;
}

}  // namespace tlsrpt::reporter
