#include "milter/correlate/proxy_table.h"

#include <gtest/gtest.h>

namespace tlsrpt::milter {
namespace {

const policy::UtcSeconds noon = policy::from_unix_seconds(1795454222);
const PeerView mx{"mx.a.example", "198.51.100.1", 25};

void take(ProxyTable& table, std::string_view pid, policy::UtcSeconds at, std::string_view text) {
  table.take(pid, at, parse_message(Program::tlsproxy, text));
}

TEST(ProxyTable, TimeOutIsLoggedAfterTheDelivery) {
  ProxyTable table;
  table.use_failure(mx, noon);
  take(table, "p", noon, "TLS handshake failed for service=smtp peer=[198.51.100.1]:25");
  EXPECT_FALSE(table.oldest_failure("a.example", noon));
  take(table, "p", noon, "TLS handshake failed for service=smtp peer=[198.51.100.1]:25");
  EXPECT_TRUE(table.oldest_failure("a.example", noon));
}

TEST(ProxyTable, TellsWhatBecameOfTlsrptLines) {
  ProxyTable table;
  const auto tlsrpt = [&table](std::uint64_t number, policy::UtcSeconds at) {
    table.take("p", at,
               parse_message(Program::tlsproxy,
                             "TLSRPT: status=failure, domain=a.example, "
                             "receiving_mx=mx.a.example[198.51.100.1], "
                             "failure_type=validation_failure"),
               number);
  };
  const char* failed = "TLS handshake failed for service=smtp peer=[198.51.100.1]:25";
  EXPECT_FALSE(table.use_failure(mx, noon));
  tlsrpt(1, noon);
  take(table, "p", noon, failed);
  EXPECT_EQ(table.take_settled(), std::vector<std::uint64_t>{1});
  tlsrpt(2, noon);
  take(table, "p", noon, failed);
  EXPECT_EQ(table.use_failure(mx, noon)->tlsrpt, 2U);
  tlsrpt(3, noon);
  tlsrpt(4, noon);
  EXPECT_EQ(table.take_abandoned(), std::vector<std::uint64_t>{3});
  table.expire(noon + proxy_memory + std::chrono::seconds(1));
  EXPECT_EQ(table.take_abandoned(), std::vector<std::uint64_t>{4});
  EXPECT_TRUE(table.empty());
}

TEST(ProxyTable, FailureThatNamesTheDomainGoesFirst) {
  ProxyTable table;
  take(table, "p", noon, "TLS handshake failed for service=smtp peer=[198.51.100.9]:25");
  take(table, "p", noon,
       "TLSRPT: status=failure, domain=b.example, receiving_mx=mx.b.example[198.51.100.2], "
       "failure_type=validation_failure, failure_reason=tls-handshake-failure");
  take(table, "p", noon, "TLS handshake failed for service=smtp peer=[198.51.100.2]:25");
  EXPECT_EQ(table.oldest_failure("b.example", noon)->peer.host, "mx.b.example");
  EXPECT_EQ(table.oldest_failure("b.example", noon)->peer.address, "198.51.100.9");
  EXPECT_FALSE(table.oldest_failure("b.example", noon));
}

TEST(ProxyTable, ForgetsByLogTime) {
  ProxyTable table;
  take(table, "p", noon, "Trusted TLS connection established to mx.a.example[198.51.100.1]:25: T");
  EXPECT_FALSE(table.handshake(mx, noon + proxy_memory + std::chrono::seconds(1)));
  EXPECT_TRUE(table.empty());
}

TEST(ProxyTable, NotesOfTwoProcessesStayApart) {
  ProxyTable table;
  take(table, "p1", noon,
       "server certificate verification failed for mx.a.example[198.51.100.1]:25: certificate has "
       "expired");
  take(table, "p2", noon, "Trusted TLS connection established to mx.a.example[198.51.100.1]:25: T");
  EXPECT_FALSE(table.handshake(mx, noon)->has_verify);
  take(table, "p1", noon,
       "Untrusted TLS connection established to mx.a.example[198.51.100.1]:25: T");
  EXPECT_TRUE(table.handshake(mx, noon)->has_verify);
}

}  // namespace
}  // namespace tlsrpt::milter
