#include "milter/datagram/socket_activation.h"

#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include <utility>

namespace tlsrpt::milter {

HandedOver take_handed_over(const std::string& path) {
  HandedOver result;
  const int count = ::sd_listen_fds(1);
  for (int i = 0; i < count; ++i) {
    policy::UniqueFd handed(SD_LISTEN_FDS_START + i);
    const bool is_ours =
        path != "none" && ::sd_is_socket_unix(handed.get(), SOCK_DGRAM, -1, path.c_str(), 0) > 0;
    if (is_ours && !result.socket.valid()) {
      result.socket = std::move(handed);
    } else {
      result.notices.push_back(
          "a socket was handed over that is not the datagram socket of tlsrpt_socket (" + path +
          "); ignoring it");
    }
  }
  return result;
}

}  // namespace tlsrpt::milter
