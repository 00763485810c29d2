#include "policy/cares_resolver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "tests/support/scripted_dns.h"
#include "tests/support/unbound.h"

namespace tlsrpt::policy {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;
using testing_support::answer_with_rcode;
using testing_support::ScriptedDns;
using testing_support::Unbound;

DnsServer at_port(std::uint16_t port) { return {IpAddress::v4({127, 0, 0, 1}), port}; }

std::unique_ptr<Resolver> resolver(std::vector<DnsServer> servers, milliseconds timeout,
                                   unsigned in_flight = 128) {
  auto made = make_cares_resolver({std::move(servers), timeout, in_flight});
  EXPECT_TRUE(made.ok());
  return *std::move(made);
}

TxtAnswer txt(Resolver& dns, const std::string& name) {
  std::vector<TxtAnswer> answers;
  dns.look_up_txt(name, [&answers](TxtAnswer answer) { answers.push_back(std::move(answer)); });
  EXPECT_TRUE(answers.empty()) << "called back before run()";
  dns.run();
  EXPECT_EQ(answers.size(), 1U);
  return answers.at(0);
}

AddressAnswer addresses(Resolver& dns, const std::string& name) {
  std::vector<AddressAnswer> answers;
  dns.look_up_addresses(name,
                        [&answers](AddressAnswer answer) { answers.push_back(std::move(answer)); });
  EXPECT_TRUE(answers.empty()) << "called back before run()";
  dns.run();
  EXPECT_EQ(answers.size(), 1U);
  return answers.at(0);
}

std::vector<std::string> texts(const AddressAnswer& answer) {
  std::vector<std::string> out;
  for (const IpAddress& address : answer.records) out.push_back(address.text());
  return out;
}

void absent(const TxtAnswer& answer) {
  EXPECT_EQ(answer.outcome, DnsOutcome::absent) << answer.error;
  EXPECT_TRUE(answer.records.empty());
  EXPECT_EQ(answer.error, "");
}

void temporary(const TxtAnswer& answer, std::string_view error) {
  EXPECT_EQ(answer.outcome, DnsOutcome::temporary);
  EXPECT_TRUE(answer.records.empty());
  EXPECT_EQ(answer.error, error);
}

// 18 character-strings of 250 octets.
std::string long_text() {
  std::string text;
  for (char c = 'a'; c < 'a' + 18; ++c) text += std::string(250, c);
  return text;
}

std::string zone() {
  std::string out =
      "_smtp._tls.one TXT \"v=TLSRPTv1; rua=mailto:a@one.example\"\n"
      "_smtp._tls.parts TXT \"v=TLS\" \"RPTv1; rua=mai\" \"lto:a@parts.example\"\n"
      "_smtp._tls.three TXT \"v=spf1 -all\"\n"
      "_smtp._tls.three TXT \"v=TLSRPTv1; rua=mailto:a@three.example\"\n"
      "_smtp._tls.three TXT \"\"\n"
      "_smtp._tls.nodata A 192.0.2.1\n"
      "_smtp._tls.cname CNAME one-step\n"
      "one-step CNAME two-steps\n"
      "two-steps CNAME _smtp._tls.one\n"
      "_smtp._tls.nowhere CNAME does-not-exist\n"
      "_smtp._tls.dead-end CNAME host-4\n"
      "*.wild TXT \"v=TLSRPTv1; rua=mailto:a@wild.example\"\n"
      "_smtp._tls.bytes TXT \"\\000\\255\\\"\\010\"\n"
      "host-4 A 192.0.2.4\n"
      "host-6 AAAA 2001:db8::6\n"
      "host-46 A 192.0.2.46\nhost-46 A 192.0.2.47\nhost-46 AAAA 2001:db8::46\n"
      "host-cname CNAME host-46\n"
      "host-mapped AAAA ::ffff:127.0.0.1\n"
      "many A 192.0.2.1\n";
  out += "_smtp._tls.long TXT";
  const std::string text = long_text();
  for (std::size_t at = 0; at < text.size(); at += 250) out += " \"" + text.substr(at, 250) + '"';
  out += '\n';
  for (int i = 0; i < 500; ++i) {
    out += "_smtp._tls.n" + std::to_string(i) + " TXT \"number " + std::to_string(i) + "\"\n";
  }
  for (int i = 0; i < 60; ++i) out += "big A 198.51.100." + std::to_string(i + 1) + "\n";
  for (int i = 0; i < 60; ++i) out += "big AAAA 2001:db8::" + std::to_string(i + 1) + "\n";
  return out;
}

// One server for all tests of the suite.
class CaresResolverWithUnbound : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = Unbound::start(zone()); }
  static void TearDownTestSuite() { server_.reset(); }
  void SetUp() override {
    if (!std::filesystem::exists("/usr/sbin/unbound")) GTEST_SKIP() << "unbound is not installed";
    ASSERT_NE(server_, nullptr) << "unbound does not start";
    dns_ = resolver({at_port(server_->port())}, milliseconds(10000));
  }

  static std::unique_ptr<Unbound> server_;
  std::unique_ptr<Resolver> dns_;
};
std::unique_ptr<Unbound> CaresResolverWithUnbound::server_;

TEST_F(CaresResolverWithUnbound, CharacterStringsAreJoinedWithoutSpaces) {
  const auto one = txt(*dns_, "_smtp._tls.one.example");
  EXPECT_EQ(one.outcome, DnsOutcome::found) << one.error;
  EXPECT_THAT(one.records, ElementsAre("v=TLSRPTv1; rua=mailto:a@one.example"));
  EXPECT_EQ(one.error, "");
  EXPECT_THAT(txt(*dns_, "_smtp._tls.parts.example").records,
              ElementsAre("v=TLSRPTv1; rua=mailto:a@parts.example"));
}

TEST_F(CaresResolverWithUnbound, EachRecordIsATextOfItsOwn) {
  EXPECT_THAT(txt(*dns_, "_smtp._tls.three.example").records,
              UnorderedElementsAre("v=spf1 -all", "v=TLSRPTv1; rua=mailto:a@three.example", ""));
}

TEST_F(CaresResolverWithUnbound, BytesComeAsTheyAre) {
  EXPECT_THAT(txt(*dns_, "_smtp._tls.bytes.example").records,
              ElementsAre(std::string("\0\xFF\"\n", 4)));
}

TEST_F(CaresResolverWithUnbound, LongAnswersComeOverTcp) {
  const auto answer = txt(*dns_, "_smtp._tls.long.example");
  ASSERT_EQ(answer.outcome, DnsOutcome::found) << answer.error;
  ASSERT_EQ(answer.records.size(), 1U);
  EXPECT_GT(answer.records[0].size(), 4096U);
  EXPECT_EQ(answer.records[0], long_text());
  EXPECT_EQ(addresses(*dns_, "big.example").records.size(), 120U);
}

TEST_F(CaresResolverWithUnbound, AbsenceIsNxdomainOrNoRecordOfTheType) {
  absent(txt(*dns_, "_smtp._tls.none.example"));
  absent(txt(*dns_, "_smtp._tls.nodata.example"));
  absent(txt(*dns_, "_smtp._tls.invalid"));
}

TEST_F(CaresResolverWithUnbound, NamesAreAskedAsTheyAre) {
  // With a search list this could become one.example.
  absent(txt(*dns_, "_smtp._tls.one.invalid"));
  absent(txt(*dns_, "one.invalid"));
  EXPECT_EQ(txt(*dns_, "_SMTP._tls.One.EXAMPLE.").outcome, DnsOutcome::found);
}

TEST_F(CaresResolverWithUnbound, CnamesAreFollowed) {
  EXPECT_THAT(txt(*dns_, "_smtp._tls.cname.example").records,
              ElementsAre("v=TLSRPTv1; rua=mailto:a@one.example"));
  EXPECT_THAT(texts(addresses(*dns_, "host-cname.example")),
              UnorderedElementsAre("192.0.2.46", "192.0.2.47", "2001:db8::46"));
  absent(txt(*dns_, "_smtp._tls.nowhere.example"));
  absent(txt(*dns_, "_smtp._tls.dead-end.example"));
}

TEST_F(CaresResolverWithUnbound, WildcardsAreAnswersLikeAnyOther) {
  EXPECT_THAT(txt(*dns_, "_smtp._tls.a.wild.example").records,
              ElementsAre("v=TLSRPTv1; rua=mailto:a@wild.example"));
}

TEST_F(CaresResolverWithUnbound, AddressesAreOfBothFamilies) {
  EXPECT_THAT(texts(addresses(*dns_, "host-4.example")), ElementsAre("192.0.2.4"));
  EXPECT_THAT(texts(addresses(*dns_, "host-6.example")), ElementsAre("2001:db8::6"));
  EXPECT_THAT(texts(addresses(*dns_, "host-46.example")),
              UnorderedElementsAre("192.0.2.46", "192.0.2.47", "2001:db8::46"));
  EXPECT_THAT(texts(addresses(*dns_, "host-mapped.example")), ElementsAre("127.0.0.1"));
  EXPECT_EQ(addresses(*dns_, "none.example").outcome, DnsOutcome::absent);
  EXPECT_EQ(addresses(*dns_, "_smtp._tls.one.example").outcome, DnsOutcome::absent);
}

TEST_F(CaresResolverWithUnbound, RefusalAndServfailAreTemporary) {
  temporary(txt(*dns_, "_smtp._tls.refused.test"), "REFUSED");
  temporary(txt(*dns_, "_smtp._tls.servfail.test"), "SERVFAIL");
  const auto answer = addresses(*dns_, "servfail.test");
  EXPECT_EQ(answer.outcome, DnsOutcome::temporary);
  EXPECT_EQ(answer.error, "SERVFAIL");
}

TEST_F(CaresResolverWithUnbound, ManyAreInFlightAtATime) {
  for (const unsigned in_flight : {1U, 7U, 128U, 400U}) {
    const auto dns = resolver({at_port(server_->port())}, milliseconds(10000), in_flight);
    std::map<int, std::vector<std::string>> found;
    for (int i = 0; i < 500; ++i) {
      dns->look_up_txt("_smtp._tls.n" + std::to_string(i) + ".example",
                       [&found, i](TxtAnswer answer) { found[i] = std::move(answer.records); });
    }
    dns->run();
    ASSERT_EQ(found.size(), 500U);
    for (const auto& [i, records] : found) {
      EXPECT_THAT(records, ElementsAre("number " + std::to_string(i)));
    }
  }
}

TEST_F(CaresResolverWithUnbound, CallbacksMayStartMore) {
  int left = 300;
  std::function<void(TxtAnswer)> next = [&](const TxtAnswer& answer) {
    EXPECT_EQ(answer.outcome, DnsOutcome::found) << answer.error;
    if (--left > 0) {
      dns_->look_up_txt("_smtp._tls.n" + std::to_string(left) + ".example", next);
    }
  };
  dns_->look_up_txt("_smtp._tls.n0.example", next);
  dns_->run();
  EXPECT_EQ(left, 0);
  dns_->run();  // Nothing to do: it returns.
}

TEST_F(CaresResolverWithUnbound, TheNextServerIsAskedWhereOneFails) {
  const ScriptedDns refusing([](std::string query) { return answer_with_rcode(query, 5); });
  const ScriptedDns silent([](const std::string&) { return std::nullopt; });
  const auto dns = resolver({at_port(refusing.port()), at_port(silent.port()),
                             at_port(testing_support::free_port()), at_port(server_->port())},
                            milliseconds(8000));
  EXPECT_THAT(txt(*dns, "_smtp._tls.one.example").records,
              ElementsAre("v=TLSRPTv1; rua=mailto:a@one.example"));
  EXPECT_EQ(refusing.asked(), 1U);
  EXPECT_EQ(silent.asked(), 1U);
}

TEST_F(CaresResolverWithUnbound, NamesOfOddBytesNeverCrash) {
  const std::string alphabet("\0\x01\x7F\x80\xFF.\\\"@ ()0a9", 16);
  std::mt19937 random(8460);  // The same names in each run.
  std::vector<std::string> names = {"",
                                    ".",
                                    "..",
                                    "a..b",
                                    ".a",
                                    "\\",
                                    "a\\",
                                    "\\.",
                                    "\\256",
                                    "\\2",
                                    std::string(64, 'a') + ".invalid",
                                    std::string(300, 'a'),
                                    std::string(1000, '.'),
                                    "onion",
                                    "a.onion"};
  for (int i = 0; i < 200; ++i) {
    std::string name;
    for (auto length = random() % 20; length > 0; --length) name += alphabet[random() % 16];
    names.push_back(name + ".invalid");
  }
  std::size_t answers = 0;
  for (const std::string& name : names) {
    dns_->look_up_txt(name, [&answers](const TxtAnswer& answer) {
      EXPECT_NE(answer.outcome, DnsOutcome::found);
      ++answers;
    });
    dns_->look_up_addresses(name, [&answers](const AddressAnswer&) { ++answers; });
  }
  dns_->run();
  EXPECT_EQ(answers, 2 * names.size());
}

// --- without a real server ----------------------------------------------------------------------

TEST(CaresResolver, ASilentServerIsATimeout) {
  const ScriptedDns silent([](const std::string&) { return std::nullopt; });
  const auto dns = resolver({at_port(silent.port())}, milliseconds(60));
  temporary(txt(*dns, "a.example"), "timeout");
  EXPECT_EQ(silent.asked(), 3U);
  EXPECT_EQ(addresses(*dns, "a.example").error, "timeout");
}

TEST(CaresResolver, ASilentServerIsLeftOutAfterAWhile) {
  const ScriptedDns silent([](const std::string&) { return std::nullopt; });
  const auto dns = resolver({at_port(silent.port())}, milliseconds(1000), 100);
  unsigned timeouts = 0;
  for (int i = 0; i < 5000; ++i) {
    dns->look_up_txt("n" + std::to_string(i) + ".example", [&timeouts](const TxtAnswer& answer) {
      if (answer.outcome == DnsOutcome::temporary && answer.error == "timeout") ++timeouts;
    });
  }
  const auto start = std::chrono::steady_clock::now();
  dns->run();
  EXPECT_EQ(timeouts, 5000U);
  EXPECT_LT(silent.asked(), 300U);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
  // The next run gives it another chance.
  const unsigned before = silent.asked();
  temporary(txt(*dns, "a.example"), "timeout");
  EXPECT_GT(silent.asked(), before);
}

TEST(CaresResolver, LossInABurstDoesNotMakeAServerSilent) {
  // The first query for each name with "x" is lost, while others are answered.
  std::set<std::string> seen;
  const ScriptedDns lossy([&seen](const std::string& query) -> std::optional<std::string> {
    if (query[13] == 'x' && seen.insert(query.substr(12)).second) return std::nullopt;
    return answer_with_rcode(query, 3);
  });
  const auto dns = resolver({at_port(lossy.port())}, milliseconds(3000), 1000);
  unsigned absent = 0;
  for (int i = 0; i < 300; ++i) {
    const std::string name = (i < 150 ? "x" : "y") + std::to_string(i) + ".example";
    dns->look_up_txt(name, [&absent](const TxtAnswer& answer) {
      if (answer.outcome == DnsOutcome::absent) ++absent;
    });
  }
  dns->run();
  EXPECT_EQ(absent, 300U);
}

TEST(CaresResolver, WhereNobodyListensTheServerIsNotReachable) {
  const auto dns = resolver({at_port(testing_support::free_port())}, milliseconds(2000));
  temporary(txt(*dns, "a.example"), "name server not reachable");
}

TEST(CaresResolver, EveryOtherRcodeIsTemporary) {
  const std::map<unsigned, std::string> errors = {{1, "FORMERR"}, {2, "SERVFAIL"},
                                                  {4, "NOTIMP"},  {5, "REFUSED"},
                                                  {9, "RCODE 9"}, {11, "RCODE 11"}};
  for (const auto& [rcode, error] : errors) {
    SCOPED_TRACE(error);
    const ScriptedDns server(
        [code = rcode](std::string query) { return answer_with_rcode(query, code); });
    const auto dns = resolver({at_port(server.port())}, milliseconds(2000));
    temporary(txt(*dns, "a.example"), error);
    EXPECT_EQ(server.asked(), 1U);  // It would say the same again.
  }
  const ScriptedDns server([](std::string query) { return answer_with_rcode(query, 3); });
  const auto dns = resolver({at_port(server.port())}, milliseconds(2000));
  absent(txt(*dns, "a.example"));
}

TEST(CaresResolver, AServerWithoutEdnsIsAskedWithoutIt) {
  // FORMERR without OPT record; a query without OPT (ARCOUNT 0) gets its answer.
  const ScriptedDns server([](std::string query) {
    const bool has_opt = query[11] != 0;
    if (!has_opt) return answer_with_rcode(query, 3);
    query.resize(query.size() - 11);
    query[11] = 0;
    return answer_with_rcode(query, 1);
  });
  const auto dns = resolver({at_port(server.port())}, milliseconds(2000));
  absent(txt(*dns, "a.example"));
  EXPECT_EQ(server.asked(), 2U);
}

TEST(CaresResolver, WhatAServerSaidCountsMoreThanSilence) {
  const ScriptedDns failing([](std::string query) { return answer_with_rcode(query, 2); });
  const ScriptedDns silent([](const std::string&) { return std::nullopt; });
  temporary(txt(*resolver({at_port(failing.port()), at_port(silent.port())}, milliseconds(600)),
                "a.example"),
            "SERVFAIL");
  temporary(txt(*resolver({at_port(silent.port()), at_port(failing.port())}, milliseconds(600)),
                "a.example"),
            "SERVFAIL");
}

TEST(CaresResolver, MalformedAnswersAreTemporary) {
  // Each script breaks a good answer to "a.example TXT" in one place.
  const std::string record = "\xC0\x0C" + std::string("\0\x10\0\1\0\0\0\x3C\0\x04\x03", 11) + "abc";
  const auto with_answer = [](std::string query, const std::string& records, char count) {
    query[2] = static_cast<char>(0x81);
    query[3] = static_cast<char>(0x80);
    query[7] = count;
    query[11] = 0;
    return query.substr(0, query.size() - 11) + records;
  };
  const auto ask = [](const ScriptedDns::Script& script, milliseconds timeout) {
    const ScriptedDns server(script);
    return txt(*resolver({at_port(server.port())}, timeout), "a.example");
  };
  // The unbroken one.
  EXPECT_THAT(
      ask([&](const std::string& q) { return with_answer(q, record, 1); }, milliseconds(10000))
          .records,
      ElementsAre("abc"));
  const auto broken = [&](const std::string& records, char count) {
    const auto answer = ask([&](const std::string& q) { return with_answer(q, records, count); },
                            milliseconds(10000));
    EXPECT_EQ(answer.outcome, DnsOutcome::temporary);
    EXPECT_TRUE(answer.records.empty());
  };
  broken("", 1);                                   // No record though one is announced.
  broken(record.substr(0, record.size() - 1), 1);  // Cut inside the text.
  broken(record.substr(0, 5), 1);                  // Cut inside the header.
  broken(record, 2);                               // One of two is missing.
  std::string bad = record;
  bad[12] = 0x7F;  // The text is longer than its record.
  broken(bad, 1);
  bad = record;
  bad[11] = 0x7F;  // The record is longer than the message.
  broken(bad, 1);
  bad = record;
  bad[0] = static_cast<char>(0xFF),
  bad[1] = static_cast<char>(0xFF);  // A wild compression pointer.
  broken(bad, 1);
  // Not even an answer: waited for in vain.
  for (const std::size_t length : {0U, 1U, 11U, 12U, 13U}) {
    const auto answer =
        ask([length](const std::string& q) { return answer_with_rcode(q, 0).substr(0, length); },
            milliseconds(100));
    EXPECT_EQ(answer.outcome, DnsOutcome::temporary) << length;
  }
}

TEST(CaresResolver, AnswersToOtherQuestionsAreNotTaken) {
  const ScriptedDns wrong_id([](std::string query) {
    query[0] = static_cast<char>(query[0] + 1);
    return answer_with_rcode(query, 3);
  });
  temporary(txt(*resolver({at_port(wrong_id.port())}, milliseconds(100)), "a.example"), "timeout");
  const ScriptedDns wrong_name([](std::string query) {
    query[13] = 'b';
    return answer_with_rcode(query, 3);
  });
  temporary(txt(*resolver({at_port(wrong_name.port())}, milliseconds(100)), "a.example"),
            "timeout");
}

TEST(CaresResolver, OneFamilyThatFailsDoesNotHideTheOther) {
  // A answers with an address, AAAA with SERVFAIL.
  const auto script = [](std::string query) {
    const std::size_t type = query.size() - 11 - 3;
    if (query[type] == 28) return answer_with_rcode(query, 2);
    query[2] = static_cast<char>(0x81);
    query[3] = static_cast<char>(0x80);
    query[7] = 1;
    query[11] = 0;
    return query.substr(0, query.size() - 11) + "\xC0\x0C" +
           std::string("\0\1\0\1\0\0\0\x3C\0\x04\xC0\0\2\1", 14);
  };
  const ScriptedDns server(script);
  const auto answer =
      addresses(*resolver({at_port(server.port())}, milliseconds(2000)), "a.example");
  EXPECT_EQ(answer.outcome, DnsOutcome::found) << answer.error;
  EXPECT_THAT(texts(answer), ElementsAre("192.0.2.1"));
  EXPECT_EQ(answer.error, "");
  // A is absent, AAAA fails: nobody knows.
  const ScriptedDns other([](std::string query) {
    const std::size_t type = query.size() - 11 - 3;
    return answer_with_rcode(query, query[type] == 28 ? 2 : 3);
  });
  EXPECT_EQ(addresses(*resolver({at_port(other.port())}, milliseconds(2000)), "a.example").outcome,
            DnsOutcome::temporary);
}

TEST(CaresResolver, MayGoAwayBeforeItsLookUpsHaveRun) {
  const ScriptedDns silent([](const std::string&) { return std::nullopt; });
  bool called = false;
  {
    const auto dns = resolver({at_port(silent.port())}, milliseconds(50));
    dns->look_up_txt("a.example", [&called](const TxtAnswer&) { called = true; });
  }
  EXPECT_FALSE(called);
}

TEST(CaresResolver, ServersOfTheSystemAreTakenWhereNoneAreGiven) {
  const auto made = make_cares_resolver({});
  EXPECT_TRUE(made.ok()) << made.error().message();
}

TEST(CaresResolver, TooManyServersAreRefused) {
  const auto made =
      make_cares_resolver({std::vector<DnsServer>(33, at_port(53)), milliseconds(1000), 128});
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().code(), Errc::limit);
}

}  // namespace
}  // namespace tlsrpt::policy
