// Sockets that systemd made for us and keeps while we are not there (sd_listen_fds(3)).
#pragma once

#include <string>
#include <vector>

#include "policy/unique_fd.h"

namespace tlsrpt::milter {

struct HandedOver {
  policy::UniqueFd socket;           // None: there is no such socket among them.
  std::vector<std::string> notices;  // What is wrong with the others, a sentence each.
};

// The datagram socket at PATH ("none": none is wanted) among the sockets that were handed over to
// this process; all others are closed. To be called once, before fork(2).
HandedOver take_handed_over(const std::string& path);

}  // namespace tlsrpt::milter
