// postconf(1): asks the local Postfix for its configuration.
//
// Postfix is only asked, never changed: fixed arguments, no shell, with a time limit. Parameters
// that an older Postfix does not know are as if they were empty.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "policy/result.h"

namespace tlsrpt::reporter {

using PostfixValues = std::map<std::string, std::string, std::less<>>;

// Where to look for postconf(1); the first that exists is run.
const std::vector<std::string>& usual_postconf();

// What the first program of POSTCONF that exists prints for ARGUMENTS about the Postfix configured
// in DIRECTORY (empty: the default one). Errc::not_found: there is no postconf; Errc::io: it
// failed; Errc::temporary: it did not end in time.
policy::Result<std::string> run_postconf(const std::string& directory,
                                         const std::vector<std::string>& arguments,
                                         const std::vector<std::string>& postconf);

// Its lines "name = value", blanks around both removed.
PostfixValues parse_postfix_values(std::string_view output);

// The value of NAME; empty where it has none.
std::string value_of(const PostfixValues& values, std::string_view name);

}  // namespace tlsrpt::reporter
