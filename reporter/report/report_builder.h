// From an evaluation to the finished report that the store keeps.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "policy/result.h"
#include "reporter/options/settings.h"
#include "reporter/report/evaluation.h"
#include "reporter/report/report.h"
#include "reporter/store/store.h"

namespace tlsrpt::reporter {

// The beginning of every boundary of ours.
inline constexpr std::string_view boundary_prefix = "=_tlsrpt_";

// The report of (DAY, DOMAIN), revision REVISION.
Report make_report(const Evaluation& evaluation, const Settings& settings, policy::UtcDay day,
                   const std::string& domain, std::uint32_t revision);

// The same as it is stored and delivered: JSON within max_report_size, gzipped; report-id, file
// name and boundary; CREATED_AT becomes the Date of its messages. The id is left 0. Equal
// evaluations give equal bytes. Errc::not_found: there is nothing to report; Errc::internal.
policy::Result<StoredReport> build_report(const Evaluation& evaluation, const Settings& settings,
                                          policy::UtcDay day, const std::string& domain,
                                          std::uint32_t revision, policy::UtcSeconds created_at);

}  // namespace tlsrpt::reporter
