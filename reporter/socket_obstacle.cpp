#include "reporter/socket_obstacle.h"

#include <algorithm>
#include <array>
#include <utility>

namespace tlsrpt::reporter {
namespace {

constexpr std::string_view prefix = "tlsrpt_socket: ";

constexpr auto words = std::to_array<std::pair<SocketObstacle, std::string_view>>({
    {SocketObstacle::listener, "listener"},
    {SocketObstacle::hidden, "hidden"},
    {SocketObstacle::no_socket, "no-socket"},
    {SocketObstacle::no_group, "no-group"},
    {SocketObstacle::no_folder, "no-folder"},
    {SocketObstacle::closed_folder, "closed-folder"},
    {SocketObstacle::read_only, "read-only"},
    {SocketObstacle::group, "group"},
    {SocketObstacle::handed_over, "handed-over"},
    {SocketObstacle::other, "other"},
});

}  // namespace

std::string trouble_name(SocketObstacle obstacle) {
  const auto* const found = std::find_if(
      words.begin(), words.end(), [obstacle](const auto& each) { return each.first == obstacle; });
  return std::string(prefix) + std::string(found == words.end() ? "" : found->second);
}

std::optional<SocketObstacle> socket_obstacle(std::string_view name) {
  if (!name.starts_with(prefix)) return std::nullopt;
  const std::string_view word = name.substr(prefix.size());
  const auto* const found = std::find_if(words.begin(), words.end(),
                                         [word](const auto& each) { return each.second == word; });
  return found == words.end() ? SocketObstacle::other : found->first;
}

}  // namespace tlsrpt::reporter
