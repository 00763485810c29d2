#include "reporter/deliver/https_poster.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/fake_clock.h"
#include "tests/support/fake_resolver.h"
#include "tests/support/nginx_server.h"
#include "tests/support/server_process.h"

namespace tlsrpt::reporter {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing_support::Certificate;
using testing_support::dns_addresses;
using testing_support::NginxServer;
using testing_support::TempDir;

constexpr const char* statuses = R"(
location ~ ^/status/(2\d\d|3\d\d|4\d\d|5\d\d)$ { return 404; }
location = /status/200 { return 200 "thanks"; }
location = /status/201 { return 201; }
location = /status/202 { return 202; }
location = /status/204 { return 204; }
location = /status/301 { return 301 https://report.example/elsewhere; }
location = /status/302 { return 302 https://report.example/elsewhere; }
location = /status/307 { return 307 https://report.example/elsewhere; }
location = /status/308 { return 308 https://report.example/elsewhere; }
location = /status/400 { return 400; }
location = /status/403 { return 403; }
location = /status/404 { return 404; }
location = /status/410 { return 410; }
location = /status/429 { add_header Retry-After 77 always; return 429; }
location = /status/500 { return 500; }
location = /status/503 {
  add_header Retry-After "Tue, 24 Nov 2026 11:00:00 GMT" always; return 503;
}
location = /small { client_max_body_size 10; proxy_pass http://unix:sink.sock; }
location = /huge { error_page 405 =200 /file; return 405; }
location = /file { root .; }
location = /reports { client_body_in_file_only on; proxy_pass http://unix:sink.sock; }
)";

// The certificates of all tests, made once: keys cost time.
class Authority {
 public:
  static const Authority& get() {
    static const Authority authority;
    return authority;
  }
  const TempDir dir;
  const Certificate root = testing_support::self_signed(dir, "root", "DNS:root.example");
  const Certificate good = testing_support::issued(dir, "good", "DNS:report.example", root, 30);
  const Certificate wrong = testing_support::issued(dir, "wrong", "DNS:other.example", root, 30);
  const Certificate expired =
      testing_support::issued(dir, "expired", "DNS:report.example", root, -1);
  const Certificate stranger = testing_support::self_signed(dir, "self", "DNS:report.example");
};

class HttpsPosterTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!testing_support::has_nginx()) GTEST_SKIP() << "no " << testing_support::nginx_program;
  }

  void serve(const Certificate& certificate, const std::string& locations = statuses,
             const std::string& listen_options = "ssl http2") {
    server_ = std::make_unique<NginxServer>(certificate, locations, listen_options);
    options_.ports = {server_->port()};
    options_.ca_file = Authority::get().root.certificate;
    resolver_.world().addresses["report.example"] = dns_addresses({server_->address().c_str()});
  }
  std::string uri(const std::string& path, const std::string& host = "report.example") const {
    return "https://" + host + ":" + std::to_string(server_->port()) + path;
  }

  // Posts to all URIs at the same time; the outcomes in their order.
  std::vector<DeliveryOutcome> post_all(const std::vector<std::string>& uris,
                                        const std::string& body = "body") {
    HttpsPoster poster(options_, guard_, resolver_, clock_);
    std::vector<DeliveryOutcome> outcomes(uris.size());
    std::size_t done = 0;
    for (std::size_t i = 0; i < uris.size(); ++i) {
      const auto destination = policy::parse_destination(uris[i]);
      EXPECT_TRUE(destination.ok()) << uris[i];
      poster.start(*destination, body, [&outcomes, &done, i](const DeliveryOutcome& outcome) {
        outcomes[i] = outcome;
        ++done;
      });
    }
    EXPECT_EQ(poster.active(), uris.size());
    while (done < uris.size()) poster.poll(seconds(5));
    EXPECT_EQ(poster.active(), 0U);
    return outcomes;
  }
  DeliveryOutcome post(const std::string& uri_text) { return post_all({uri_text}).front(); }

  CurlGlobal curl_;
  HttpsOptions options_;
  policy::AddressGuard guard_{{*policy::IpNetwork::parse("127.0.0.0/8")}, {}};
  testing_support::FakeResolver resolver_;
  testing_support::FakeClock clock_{"2026-11-24T10:00:00Z"};
  std::unique_ptr<NginxServer> server_;
};

TEST_F(HttpsPosterTest, PostsTheReportAsItIs) {
  serve(Authority::get().good, std::string(statuses) +
                                   "}\nserver { listen unix:sink.sock;\n"
                                   "location / { return 201; }");
  std::string body("\x1f\x8b\0gzip", 7);
  body.resize(100'000, 'x');
  const auto outcome = post_all({uri("/reports")}, body).front();
  EXPECT_TRUE(outcome.delivered()) << outcome.text;
  EXPECT_EQ(outcome.text, "");
  EXPECT_EQ(server_->body(), body);
  const std::string log = server_->final_log();
  EXPECT_NE(log.find("POST|/reports|HTTP/2.0|report.example|application/tlsrpt+gzip|-|100000|"),
            std::string::npos)
      << log;
  EXPECT_NE(log.find("|tlsrpt-reporter/"), std::string::npos) << log;
}

// Hands connections on to a server, but for the first HANGING ones, which get no answer at all.
constexpr const char* half_dead_relay = R"(
import socket, sys, threading
hanging, host, port = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
def pump(a, b):
    while data := a.recv(65536): b.sendall(data)
    b.shutdown(socket.SHUT_WR)
def accept(listener, number=0, kept=[]):
    while True:
        kept.append(listener.accept()[0])
        number += 1
        if number <= hanging: continue
        server = socket.create_connection((host, port))
        for ends in (kept[-1], server), (server, kept[-1]):
            threading.Thread(target=pump, args=ends, daemon=True).start()
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
threading.Thread(target=accept, args=(listener,), daemon=True).start()
sys.stdin.read()
)";

TEST_F(HttpsPosterTest, AConnectionThatHangsFailsNobodyWhoOnlyWaitsForIt) {
  serve(Authority::get().good);
  for (const int hanging : {1, 2}) {
    testing_support::ServerProcess relay({"python3", "-c", half_dead_relay, std::to_string(hanging),
                                          server_->address(), std::to_string(server_->port())});
    const std::uint16_t port = relay.read_port();
    options_.ports = {port};
    options_.timeout = milliseconds(3000);
    resolver_.world().addresses["report.example"] = dns_addresses({"127.0.0.1"});
    const std::string uri = "https://report.example:" + std::to_string(port) + "/status/201";
    const auto outcomes = post_all({uri, uri, uri, uri});
    const auto delivered = std::count_if(outcomes.begin(), outcomes.end(),
                                         [](const auto& each) { return each.delivered(); });
    EXPECT_EQ(delivered, 4 - hanging) << outcomes.back().text;
  }
}

TEST_F(HttpsPosterTest, SpeaksHttp11Too) {
  serve(Authority::get().good, statuses, "ssl");
  EXPECT_TRUE(post(uri("/status/201")).delivered());
  EXPECT_NE(server_->final_log().find("POST|/status/201|HTTP/1.1|"), std::string::npos);
}

TEST_F(HttpsPosterTest, EveryStatusHasItsMeaning) {
  serve(Authority::get().good);
  for (const char* good : {"200", "201", "202", "204"}) {
    EXPECT_TRUE(post(uri(std::string("/status/") + good)).delivered()) << good;
  }
  for (const char* bad : {"301", "302", "307", "308", "400", "403", "404", "410"}) {
    const auto outcome = post(uri(std::string("/status/") + bad));
    EXPECT_EQ(outcome.kind, OutcomeKind::permanent) << bad;
    EXPECT_TRUE(outcome.text.starts_with(std::string("HTTP ") + bad)) << outcome.text;
  }
  for (const char* later : {"429", "500", "503"}) {
    EXPECT_EQ(post(uri(std::string("/status/") + later)).kind, OutcomeKind::temporary) << later;
  }
  EXPECT_EQ(post(uri("/status/429")).retry_after, seconds(77));
  EXPECT_EQ(post(uri("/status/503")).retry_after, std::chrono::hours(1));
  EXPECT_EQ(post(uri("/status/500")).retry_after, std::nullopt);
  const auto too_large = post_all({uri("/small")}, std::string(20'000, 'x')).front();
  EXPECT_EQ(too_large.text, "HTTP 413");
  EXPECT_EQ(too_large.kind, OutcomeKind::permanent);
  EXPECT_EQ(server_->final_log().find("elsewhere"), std::string::npos) << "a redirect was followed";
}

TEST_F(HttpsPosterTest, CertificatesUnderEachVerification) {
  struct Case {
    const Certificate& certificate;
    HttpsVerify verify;
    bool delivered;
  };
  const Authority& all = Authority::get();
  const Case cases[] = {
      {all.good, HttpsVerify::yes, true},         {all.wrong, HttpsVerify::yes, false},
      {all.expired, HttpsVerify::yes, false},     {all.stranger, HttpsVerify::yes, false},
      {all.good, HttpsVerify::fallback, true},    {all.wrong, HttpsVerify::fallback, true},
      {all.expired, HttpsVerify::fallback, true}, {all.stranger, HttpsVerify::fallback, true},
      {all.wrong, HttpsVerify::no, true},         {all.expired, HttpsVerify::no, true},
      {all.stranger, HttpsVerify::no, true},
  };
  for (const Case& each : cases) {
    serve(each.certificate);
    options_.verify = each.verify;
    const auto outcome = post(uri("/status/201"));
    const std::string name =
        each.certificate.certificate + " " + std::to_string(static_cast<int>(each.verify));
    EXPECT_EQ(outcome.delivered(), each.delivered) << name << ": " << outcome.text;
    if (!each.delivered) {
      EXPECT_EQ(outcome.kind, OutcomeKind::temporary) << name;
      EXPECT_NE(outcome.text.find("certificate"), std::string::npos) << outcome.text;
      EXPECT_EQ(server_->final_log(), "") << name << ": the report was sent before verification";
    } else if (each.verify == HttpsVerify::fallback && &each.certificate != &all.good) {
      EXPECT_EQ(outcome.text, "certificate did not verify") << name;
    }
  }
}

TEST_F(HttpsPosterTest, FallbackIsForCertificatesOnly) {
  serve(Authority::get().good);
  options_.verify = HttpsVerify::fallback;
  options_.ca_file = "/nonexistent/ca.pem";  // A fault of ours, not of the receiver's.
  EXPECT_EQ(post(uri("/status/201")).kind, OutcomeKind::temporary);
  EXPECT_EQ(server_->final_log(), "");
}

TEST_F(HttpsPosterTest, TheSystemsCertificatesAreTheDefault) {
  serve(Authority::get().good);
  options_.ca_file.clear();
  EXPECT_FALSE(post(uri("/status/201")).delivered());
}

TEST_F(HttpsPosterTest, NamesThatLeadToOurNetworksAreRefused) {
  serve(Authority::get().good);
  const policy::AddressGuard strict({}, {*policy::IpAddress::parse("198.51.100.7")});
  for (const char* address :
       {"127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "::1",
        "fe80::1", "fd00::1", "64:ff9b::7f00:1", "::ffff:127.0.0.1", "198.51.100.7"}) {
    resolver_.world().addresses["report.example"] = dns_addresses({address});
    HttpsPoster poster(options_, strict, resolver_, clock_);
    std::optional<DeliveryOutcome> outcome;
    poster.start(*policy::parse_destination(uri("/status/201")), "body",
                 [&outcome](const DeliveryOutcome& each) { outcome = each; });
    while (!outcome) poster.poll(seconds(5));
    EXPECT_EQ(outcome->kind, OutcomeKind::temporary) << address;
    EXPECT_NE(outcome->text.find("report.example: "), std::string::npos) << outcome->text;
  }
  EXPECT_EQ(server_->final_log(), "");
}

TEST_F(HttpsPosterTest, OnlyVettedAddressesOfANameAreUsed) {
  serve(Authority::get().good);
  // The guard lets 127/8 pass, not 10/8; were 10.0.0.1 tried, the post would hang.
  resolver_.world().addresses["report.example"] =
      dns_addresses({"10.0.0.1", server_->address().c_str()});
  options_.connect_timeout = seconds(3);
  EXPECT_TRUE(post(uri("/status/201")).delivered());
}

// A second answer of DNS, which leads elsewhere, changes nothing: what was vetted is connected to.
TEST_F(HttpsPosterTest, ANameThatChangesBetweenLookUpAndConnectGainsNothing) {
  serve(Authority::get().good);
  class Rebinder : public testing_support::FakeResolver {
   public:
    void run() override {
      FakeResolver::run();
      world().addresses["report.example"] = dns_addresses({"10.0.0.1"});
    }
  };
  Rebinder resolver;
  resolver.world().addresses["report.example"] = dns_addresses({server_->address().c_str()});
  HttpsPoster poster(options_, guard_, resolver, clock_);
  for (int i = 0; i < 3; ++i) {
    std::optional<DeliveryOutcome> outcome;
    poster.start(*policy::parse_destination(uri("/status/201")), "body",
                 [&outcome](const DeliveryOutcome& each) { outcome = each; });
    while (!outcome) poster.poll(seconds(5));
    EXPECT_TRUE(outcome->delivered()) << outcome->text;
  }
  EXPECT_EQ(resolver.asked().size(), 1U);
}

TEST_F(HttpsPosterTest, SpeaksIpv6) {
  const auto port = static_cast<std::uint16_t>(21000 + ::getpid() % 20000);
  const std::string listen = "[::1]:" + std::to_string(port);
  serve(Authority::get().good, statuses, "ssl http2; listen " + listen + " ssl http2");
  options_.ports = {port};
  guard_ = policy::AddressGuard({*policy::IpNetwork::parse("::1/128")}, {});
  resolver_.world().addresses["report.example"] = dns_addresses({"::1"});
  const auto by_name = post("https://report.example:" + std::to_string(port) + "/status/201");
  EXPECT_TRUE(by_name.delivered()) << by_name.text;
  options_.verify = HttpsVerify::no;  // The certificate is for a name.
  const auto by_address = post("https://" + listen + "/status/201");
  EXPECT_TRUE(by_address.delivered()) << by_address.text;
}

TEST_F(HttpsPosterTest, FailuresOfTheHostAreToldFromThoseOfAReport) {
  serve(Authority::get().good);
  EXPECT_TRUE(post(uri("/status/503")).host_failed);
  EXPECT_TRUE(post(uri("/status/429")).host_failed);
  EXPECT_FALSE(post(uri("/status/500")).host_failed);
  EXPECT_FALSE(post(uri("/status/404")).host_failed);
  EXPECT_FALSE(post(uri("/status/201")).host_failed);
  options_.ca_file.clear();
  EXPECT_TRUE(post(uri("/status/201")).host_failed);
}

TEST_F(HttpsPosterTest, LiteralAddressesMeetTheGuardToo) {
  serve(Authority::get().good);
  const auto refused = post(uri("/status/201", "10.0.0.1"));
  EXPECT_EQ(refused.kind, OutcomeKind::permanent);
  EXPECT_NE(refused.text.find("10.0.0.1"), std::string::npos) << refused.text;
  options_.verify = HttpsVerify::no;
  EXPECT_TRUE(post(uri("/status/201", server_->address())).delivered());
}

TEST_F(HttpsPosterTest, OtherPortsAreRefused) {
  serve(Authority::get().good);
  options_.ports = {443};
  const auto outcome = post(uri("/status/201"));
  EXPECT_EQ(outcome.kind, OutcomeKind::permanent);
  EXPECT_NE(outcome.text.find("https_ports"), std::string::npos) << outcome.text;
  EXPECT_TRUE(resolver_.asked().empty());
}

TEST_F(HttpsPosterTest, ProxiesOfTheEnvironmentAreNotUsed) {
  serve(Authority::get().good);
  ::setenv("https_proxy", "http://127.0.0.1:9", 1);  // NOLINT(concurrency-mt-unsafe): a test.
  ::setenv("ALL_PROXY", "http://127.0.0.1:9", 1);    // NOLINT(concurrency-mt-unsafe): a test.
  const auto outcome = post(uri("/status/201"));
  ::unsetenv("https_proxy");  // NOLINT(concurrency-mt-unsafe): a test.
  ::unsetenv("ALL_PROXY");    // NOLINT(concurrency-mt-unsafe): a test.
  EXPECT_TRUE(outcome.delivered()) << outcome.text;
}

TEST_F(HttpsPosterTest, DnsFailuresAreTemporary) {
  serve(Authority::get().good);
  resolver_.world().addresses["report.example"] =
      testing_support::dns_addresses_temporary("SERVFAIL");
  const auto servfail = post(uri("/status/201"));
  EXPECT_EQ(servfail.kind, OutcomeKind::temporary);
  EXPECT_NE(servfail.text.find("SERVFAIL"), std::string::npos) << servfail.text;
  resolver_.world().addresses.clear();
  const auto absent = post(uri("/status/201"));
  EXPECT_EQ(absent.kind, OutcomeKind::temporary);
  EXPECT_NE(absent.text.find("no address"), std::string::npos) << absent.text;
}

TEST_F(HttpsPosterTest, ManyPostsToOneReceiverShareConnectionAndLookUp) {
  serve(Authority::get().good);
  const auto outcomes = post_all(std::vector<std::string>(60, uri("/status/201")));
  EXPECT_TRUE(std::all_of(outcomes.begin(), outcomes.end(),
                          [](const DeliveryOutcome& each) { return each.delivered(); }));
  EXPECT_EQ(resolver_.asked().size(), 1U);
  std::set<std::string> connections;
  std::istringstream log(server_->final_log());
  for (std::string line; std::getline(log, line);) {
    std::vector<std::string> fields;
    std::istringstream fields_of(line);
    for (std::string field; std::getline(fields_of, field, '|');) fields.push_back(field);
    connections.insert(fields.at(7));
  }
  EXPECT_LE(connections.size(), 2U);
}

TEST_F(HttpsPosterTest, AHugeReplyIsCutOff) {
  const TempDir dir;
  serve(Authority::get().good,
        "location / { root " + dir.path().string() + "; error_page 405 =200 $uri; }");
  dir.write("huge", std::string(20'000'000, 'x'));
  const auto before = std::chrono::steady_clock::now();
  const auto outcome = post(uri("/huge"));
  EXPECT_TRUE(outcome.delivered()) << outcome.text;
  EXPECT_LT(std::chrono::steady_clock::now() - before, seconds(5));
}

// A listener that never accepts, so that nginx waits for its upstream for ever.
TEST_F(HttpsPosterTest, ASlowServerMeetsTheTimeOut) {
  const policy::UniqueFd hole(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in local{};
  local.sin_family = AF_INET;
  local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof local;
  ASSERT_EQ(::bind(hole.get(), reinterpret_cast<sockaddr*>(&local), length), 0);
  ASSERT_EQ(::listen(hole.get(), 10), 0);
  ASSERT_EQ(::getsockname(hole.get(), reinterpret_cast<sockaddr*>(&local), &length), 0);
  serve(Authority::get().good, "location / { proxy_pass http://127.0.0.1:" +
                                   std::to_string(ntohs(local.sin_port)) + "; }");
  options_.timeout = milliseconds(800);
  const auto before = std::chrono::steady_clock::now();
  const auto outcome = post(uri("/"));
  EXPECT_EQ(outcome.kind, OutcomeKind::temporary);
  EXPECT_NE(outcome.text.find("timed out"), std::string::npos) << outcome.text;
  EXPECT_LT(std::chrono::steady_clock::now() - before, seconds(5));
}

TEST_F(HttpsPosterTest, NobodyListeningIsTemporary) {
  serve(Authority::get().good);
  options_.ports = {1};
  const auto outcome = post("https://report.example:1/");
  EXPECT_EQ(outcome.kind, OutcomeKind::temporary);
  EXPECT_NE(outcome.text.find("report.example"), std::string::npos) << outcome.text;
}

TEST_F(HttpsPosterTest, ALostConnectionIsTemporaryAndALostReplyTextIsNot) {
  // An upstream that announces more than it sends, so that nginx breaks off; and one that sends
  // nothing but closes.
  testing_support::ServerProcess upstream({"python3", "-c", R"(
import socket, sys
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    link, _ = listener.accept()
    request = link.recv(65536)
    if b"/cut" in request:
        link.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100)
    link.close()
)"});
  const std::string port = std::to_string(upstream.read_port());
  serve(Authority::get().good, "location / { proxy_buffering off; proxy_pass http://127.0.0.1:" +
                                   port + "; }\nlocation /gone { return 444; }");
  EXPECT_EQ(post(uri("/gone")).kind, OutcomeKind::temporary);
  EXPECT_TRUE(post(uri("/cut")).delivered());
}

}  // namespace
}  // namespace tlsrpt::reporter
