// ReportMail: what the milter has learnt of one message that may be a report.
#pragma once

#include <chrono>
#include <string>

namespace tlsrpt::milter {

struct ReportMail {
  std::string queue_id;
  std::string message_id;           // With its brackets; empty: not of the shape of ours.
  bool sender_is_listed = false;    // The envelope sender is in `report_senders`.
  bool has_report_headers = false;  // TLS-Report-Domain or TLS-Report-Submitter.
  // When its last byte had come.
  std::chrono::steady_clock::time_point seen{};
};

}  // namespace tlsrpt::milter
