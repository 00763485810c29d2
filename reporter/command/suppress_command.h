// `tlsrpt-reporter --suppress`: the addresses that get no reports as mail to them has come back.
#pragma once

#include <vector>

#include "reporter/command/command.h"
#include "reporter/command/command_json.h"
#include "reporter/command/table.h"
#include "reporter/store/store.h"

namespace tlsrpt::reporter {

// For --status, too: the key "suppressed" with a list, and the table.
void write_suppressions(JsonWriter& writer, const std::vector<Suppression>& suppressions);
Table suppression_table(const std::vector<Suppression>& suppressions);

// Lists them, as table or JSON, or lifts one (--lift). 65: that one is none of them; 66: there is
// no store.
int run_suppress(const CommandContext& context);

}  // namespace tlsrpt::reporter
