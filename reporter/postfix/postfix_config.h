// PostfixConfig: what postconf(1) says about the local Postfix, as far as it concerns us.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/result.h"

namespace tlsrpt::reporter {

struct PostfixConfig {
  std::string directory;           // Its configuration directory.
  std::string maillog_file;        // Empty: it logs through syslog.
  std::string syslog_name;         // "postfix".
  std::string smtp_bind_address;   // Empty: not bound.
  std::string smtp_bind_address6;  // The same for IPv6.
  // Local part of the sender of notifications to postmaster, "double-bounce"; empty: not known.
  std::string double_bounce_sender;
  // Hosts in brackets of relayhost, *_transport, transport tables and the like; lower case.
  std::vector<std::string> relay_hosts;
  // Configuration directories of further instances (multi_instance_directories).
  std::vector<std::string> other_directories;
  // What could not be learned, a sentence each: tables that cannot be read for relay hosts.
  std::vector<std::string> notices;
};

// Asks the Postfix configured in DIRECTORY (empty: the default one). Errc::not_found: there is no
// postconf; Errc::io: it failed or said nothing of use; Errc::temporary: it did not end in time.
policy::Result<PostfixConfig> read_postfix_config(const std::string& directory,
                                                  const std::vector<std::string>& postconf);

// The configurations that `postfix_config` asks for, given the values of that option and of
// `log_source`: `auto` means the default instance and its further ones, and only where log_source
// is auto, too. With `auto` an absent Postfix is no error, and what else fails is in notices.
// Errors: as above, of a directory that is named.
policy::Result<std::vector<PostfixConfig>> read_postfix_configs(
    const std::vector<std::string>& postfix_config, const std::vector<std::string>& log_source,
    const std::vector<std::string>& postconf);

}  // namespace tlsrpt::reporter
