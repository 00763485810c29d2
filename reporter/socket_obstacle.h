// What keeps a collector from its tlsrpt_socket, as the name of its trouble tells it to `--check`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tlsrpt::reporter {

enum class SocketObstacle : std::uint8_t {
  listener,       // Another program listens on it.
  hidden,         // Whether one does cannot be told: we may not ask it.
  no_socket,      // What lies there is none.
  no_group,       // There is no such group.
  no_folder,      // Its folder is absent.
  closed_folder,  // We may not write to its folder.
  read_only,      // Nobody may.
  group,          // We may not give it to its group.
  handed_over,    // Somebody has removed it, and it was not us who made it.
  other,
};

// The name of a collector's trouble with that; kept in the store, so never changed.
std::string trouble_name(SocketObstacle obstacle);
// Which one has this NAME; none: it is no trouble with the socket.
std::optional<SocketObstacle> socket_obstacle(std::string_view name);

}  // namespace tlsrpt::reporter
