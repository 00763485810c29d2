// ReportMaker: from the open facts of a (day, domain) to a report with its deliveries, ready for
// Store::close_day. Reads the store, writes nothing.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "policy/result.h"
#include "policy/tlsrpt_record.h"
#include "reporter/flush/discovery.h"
#include "reporter/options/settings.h"
#include "reporter/store/store.h"

namespace tlsrpt::reporter {

struct MadeReport {
  StoredReport report;
  std::vector<Delivery> deliveries;
  std::uint64_t sessions = 0;           // Reported.
  std::uint64_t sessions_seen = 0;      // What close_day wants to know.
  std::vector<ProvenPlaintext> proven;  // The same.
};

// 128 random bits from the kernel, in hexadecimal.
std::string random_token();

// One delivery for each destination of RECORD, and one for BCC where that is not empty: the archive
// copy of the first message, with its Message-ID (it is ours, hence exempt), or a message of its
// own where no other destination gets mail. Ids are left 0.
std::vector<Delivery> plan_deliveries(const std::string& report_id,
                                      const policy::TlsrptRecord& record, const std::string& bcc,
                                      policy::UtcSeconds not_before);

class ReportMaker {
 public:
  ReportMaker(Store& store, const Settings& settings) : store_(store), settings_(settings) {}

  // The report of REVISION about the sessions of revision 0, made at NOW for what DISCOVERY found
  // (record or discard). Deliveries are due after the domain's share of delivery_spread.
  // Errc::not_found: nothing to report, now; `has_undecided` tells whether that can change.
  // Errc::temporary: the store is locked. Everything else: these facts cannot be reported by this
  // version.
  policy::Result<MadeReport> make(policy::UtcDay day, const std::string& domain,
                                  std::uint32_t revision, const Discovery& discovery,
                                  policy::UtcSeconds now);

  // Whether the last make() saw sessions that a later TLS line of the log may still prove.
  bool has_undecided() const { return has_undecided_; }

 private:
  Store& store_;
  const Settings& settings_;
  bool has_undecided_ = false;
};

}  // namespace tlsrpt::reporter
