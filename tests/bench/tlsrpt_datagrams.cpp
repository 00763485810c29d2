// tlsrpt_datagrams: sends TLSRPT datagrams as Postfix's smtp(8) would, or receives and discards
// them.
//
//   tlsrpt_datagrams send PATH COUNT DOMAINS [LOG]
//   tlsrpt_datagrams discard PATH COUNT
//
// The sender waits where the kernel's queue is full, so that whoever receives sets the pace and
// nothing is lost. DOMAINS recipient domains in turn; one session in five has failed. What smtp(8)
// logs of the same sessions is added to the file LOG. It prints the seconds from its first datagram
// to its last.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <chrono>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "policy/utc_day.h"
#include "reporter/clock.h"

namespace {

constexpr std::size_t max_batch = 32;
constexpr std::size_t max_octets = 65536;

unsigned long number_of(std::string_view text) {
  unsigned long value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

sockaddr_un address_of(std::string_view path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(&address.sun_path[0], sizeof address.sun_path - 1);
  return address;
}

const sockaddr* generic(const sockaddr_un& address) {
  return static_cast<const sockaddr*>(static_cast<const void*>(&address));
}

std::string datagram(unsigned long number, bool is_failure) {
  const std::string domain = "domain" + std::to_string(number) + ".example";
  const std::string mx = "mx1." + domain;
  std::string text = R"({"dpv": "1","d": ")" + domain +
                     R"(","pr": "v=TLSRPTv1; rua=mailto:tlsrpt@)" + domain +
                     R"(","policies":[{"policy-type":2,"policy-domain": ")" + domain +
                     R"(","policy-string":["version: STSv1","mode: enforce","mx: *.)" + domain +
                     R"(","max_age: 604800"],"mx-host":["*.)" + domain + R"("],)";
  if (!is_failure) return text + R"("t":0,"f":0}]})";
  return text + R"("failure-details":[{"c":204,"s": "192.0.2.25","n": ")" + mx + R"(","h": "250-)" +
         mx + R"(\r\n250-STARTTLS\r\n250-PIPELINING\r\n250 SIZE 10000000","r": "198.51.100.)" +
         std::to_string(number % 250 + 1) + R"(","f": "certificate-expired"}],"t":1,"f":1}]})";
}

// What a log tells of the same session, each line without its head.
std::vector<std::string> lines(unsigned long number, bool is_failure) {
  const std::string domain = "domain" + std::to_string(number) + ".example";
  const std::string mx = "mx1." + domain + "[198.51.100." + std::to_string(number % 250 + 1) + "]";
  const std::string peer = mx + ":25";
  const std::string tls = " TLS connection established to " + peer +
                          ": TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)";
  const std::string told = ", domain=" + domain + ", receiving_mx=" + mx;
  const std::string delivery = "4F00A" + std::to_string(number % 10) + ": to=<user@" + domain +
                               ">, relay=" + peer + ", delay=1, delays=0.1/0.1/0.4/0.4, ";
  if (!is_failure)
    return {"Verified" + tls, "TLSRPT: status=success" + told,
            delivery + "dsn=2.0.0, status=sent (250 2.0.0 Ok)"};
  return {"server certificate verification failed for " + peer + ": certificate has expired",
          "TLSRPT: status=failure" + told + ", failure_type=certificate_expired", "Untrusted" + tls,
          delivery + "dsn=4.7.5, status=deferred (Server certificate not verified)"};
}

// The log of one smtp(8), which is this process.
class Log {
 public:
  // PATH empty: there is none.
  explicit Log(std::string_view path) {
    if (!path.empty()) file_.open(std::string(path), std::ios::app);
  }
  bool is_wanted() const { return file_.is_open(); }
  void add(const std::vector<std::string>& texts) {
    if (++sessions_ % sessions_between == 1) stamp();
    for (const std::string& text : texts) file_ << head_ << text << '\n';
  }

 private:
  // What waits in the buffer is written, so that the log is never far behind.
  void stamp() {
    file_.flush();
    head_ = tlsrpt::policy::to_text(clock_->now()) + " relay postfix/smtp[" +
            std::to_string(::getpid()) + "]: ";
  }

  static constexpr unsigned long sessions_between = 64;
  std::string warning_;
  const std::unique_ptr<tlsrpt::reporter::Clock> clock_ = *tlsrpt::reporter::make_clock(&warning_);
  std::ofstream file_;
  std::string head_;
  unsigned long sessions_ = 0;
};

int send_all(std::string_view path, unsigned long count, unsigned long domains,
             std::string_view log_path) {
  std::vector<std::string> texts;
  std::vector<std::vector<std::string>> logged;
  Log log(log_path);
  for (unsigned long i = 0; i < domains * 5; ++i) {
    texts.push_back(datagram(i % domains, i % 5 == 4));
    if (log.is_wanted()) logged.push_back(lines(i % domains, i % 5 == 4));
  }
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const sockaddr_un address = address_of(path);
  if (::connect(socket, generic(address), sizeof address) != 0) return 1;
  const auto begin = std::chrono::steady_clock::now();
  for (unsigned long i = 0; i < count; ++i) {
    const std::string& text = texts[i % texts.size()];
    if (::send(socket, text.data(), text.size(), MSG_NOSIGNAL) < 0) return 1;
    if (log.is_wanted()) log.add(logged[i % logged.size()]);
  }
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
  std::cout << wall.count() << '\n';
  return 0;
}

int discard(std::string_view path, unsigned long count) {
  static std::array<std::array<char, max_octets>, max_batch> octets;
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const sockaddr_un address = address_of(path);
  if (::bind(socket, generic(address), sizeof address) != 0) return 1;
  std::array<iovec, max_batch> places{};
  std::array<mmsghdr, max_batch> messages{};
  for (std::size_t i = 0; i < max_batch; ++i) {
    places[i] = {octets[i].data(), max_octets};
    messages[i].msg_hdr.msg_iov = &places[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  for (unsigned long seen = 0; seen < count;) {
    const int got = ::recvmmsg(socket, messages.data(), max_batch, MSG_WAITFORONE, nullptr);
    if (got < 0) return 1;
    seen += static_cast<unsigned long>(got);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string_view> words(argv, argv + argc);
  if ((words.size() == 5 || words.size() == 6) && words[1] == "send")
    return send_all(words[2], number_of(words[3]), number_of(words[4]),
                    words.size() == 6 ? words[5] : "");
  if (words.size() == 4 && words[1] == "discard") return discard(words[2], number_of(words[3]));
  std::cerr << "usage: tlsrpt_datagrams send PATH COUNT DOMAINS [LOG] | discard PATH COUNT\n";
  return 64;
}
