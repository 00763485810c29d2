#include "reporter/socket_obstacle.h"

#include <gtest/gtest.h>

#include <set>

namespace tlsrpt::reporter {
namespace {

TEST(SocketObstacle, EachHasANameOfItsOwnThatLeadsBack) {
  std::set<std::string> names;
  for (unsigned i = 0; i <= static_cast<unsigned>(SocketObstacle::other); ++i) {
    const auto obstacle = static_cast<SocketObstacle>(i);
    EXPECT_EQ(socket_obstacle(trouble_name(obstacle)), obstacle) << i;
    EXPECT_TRUE(names.insert(trouble_name(obstacle)).second) << i;
  }
}

TEST(SocketObstacle, NamesOfOtherTroublesAreNone) {
  for (const char* name : {"", "tlsrpt", "datagram journal", "no datagrams for tlsrpt_socket: "})
    EXPECT_EQ(socket_obstacle(name), std::nullopt) << name;
  EXPECT_EQ(socket_obstacle("tlsrpt_socket: of a later version"), SocketObstacle::other);
}

}  // namespace
}  // namespace tlsrpt::reporter
