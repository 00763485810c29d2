#include "reporter/check/dkim_rules.h"

#include <string>

namespace tlsrpt::reporter {

void check_dkim_records(const CheckFacts& facts, std::vector<CheckFinding>* findings) {
  for (const DkimKeyFacts& key : facts.dkim_keys) {
    const std::string show =
        "tlsrpt-reporter -c " + facts.config_file + " --make-dkim-key " + key.key_file;
    if (!key.key_problem.empty()) {
      findings->push_back({CheckFinding::Level::fault,
                           "dkim-record",
                           "no report can be signed: " + key.key_problem,
                           {"ls -lL " + key.key_file, "editor " + facts.config_file}});
    }
    for (const DkimRecordFinding& finding : key.findings) {
      findings->push_back(
          {finding.is_fault ? CheckFinding::Level::fault : CheckFinding::Level::hint,
           "dkim-record",
           "the record " + key.record + " " + finding.text,
           {show + "  # " + finding.advice}});
    }
  }
}

}  // namespace tlsrpt::reporter
