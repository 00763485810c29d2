#include "milter/mail/milter_server.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/support/mta.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::milter {
namespace {

using testing_support::Mta;

void say_message(const Mta& mta) {
  mta.say('M', Mta::texts({"<tls@a.example>"}));
  mta.say('R', Mta::texts({"<u@b.example>"}));
  mta.say('L', Mta::texts({"Message-ID", "<tlsrpt.20261122.b.example.1.0.ff@a.example>"}));
  mta.say('D', Mta::texts({"Ei", "4XyZabcdefgh"}));
  mta.say('E', "");
}

// Whether every peer is answered that speaks right after STUCK others have stopped within a packet.
// Which of them libmilter's threads take up is chance, hence the rounds.
bool answers_beside_stuck(const std::string& path, std::size_t stuck) {
  for (unsigned round = 0; round < 30; ++round) {
    std::vector<std::unique_ptr<Mta>> peers;
    while (peers.size() <= stuck) {
      peers.push_back(std::make_unique<Mta>(path));
      peers.back()->negotiate();
    }
    for (std::size_t peer = 0; peer < stuck; ++peer) peers[peer]->begin_to_say('M');
    say_message(*peers.back());
    if (peers.back()->hear() != "c") return false;
  }
  return true;
}

// One test: libmilter can be started once in a process.
TEST(MilterServer, ListensLearnsAndIsGoneBeforeLibmilterLooks) {
  const testing_support::TempDir folder;
  MilterInbox inbox({{"tls@a.example"}, true});
  const MilterOptions options{"unix:" + folder.file("late/m.sock"), "", 0600};
  auto server = std::make_unique<MilterServer>(options, inbox);
  const auto too_early = server->start();
  ASSERT_FALSE(too_early.ok());
  EXPECT_NE(too_early.error().message().find("No such file"), std::string::npos)
      << too_early.error().message();
  std::filesystem::create_directory(folder.file("late"));
  ASSERT_TRUE(server->start().ok());
  ASSERT_TRUE(server->start().ok());
  EXPECT_EQ(server->state(), MilterServer::State::running);
  const Mta mta(folder.file("late/m.sock"));
  const std::string agreed = mta.negotiate();
  ASSERT_GE(agreed.size(), 13U);
  EXPECT_EQ(agreed.substr(1, 4), Mta::number(6));
  EXPECT_EQ(agreed.substr(5, 4), Mta::number(0));
  say_message(mta);
  EXPECT_EQ(mta.hear(), "c");
  const auto content = inbox.take();
  ASSERT_EQ(content.mails.size(), 1U);
  EXPECT_EQ(content.mails[0].queue_id, "4XyZabcdefgh");
  EXPECT_EQ(content.mails[0].message_id, "<tlsrpt.20261122.b.example.1.0.ff@a.example>");
  EXPECT_TRUE(content.mails[0].sender_is_listed);
  EXPECT_EQ(content.domains, std::unordered_set<std::string>{"b.example"});
  EXPECT_TRUE(answers_beside_stuck(folder.file("late/m.sock"), 1));
  EXPECT_TRUE(answers_beside_stuck(folder.file("late/m.sock"), 2));
  const auto begin = std::chrono::steady_clock::now();
  server.reset();
  // By itself libmilter sees after five seconds that it shall stop. It is not waited for so long.
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(3500));
  EXPECT_FALSE(std::filesystem::exists(folder.file("late/m.sock")));
}

}  // namespace
}  // namespace tlsrpt::milter
