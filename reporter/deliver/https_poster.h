// HttpsPoster: posts reports to https destinations, many at the same time (RFC 8460, 5.4).
//
// Strangers choose where we post to. So each host is resolved once, by our resolver; every address
// must pass the AddressGuard, and the connection goes to one of those and nowhere else. No
// redirects, no proxies, no user names, no other ports than allowed, and a reply is cut off. The
// body is what it is: application/tlsrpt+gzip without Content-Encoding, which would mean gzip
// twice.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "policy/address_guard.h"
#include "policy/resolver.h"
#include "policy/rua_uri.h"
#include "reporter/clock.h"
#include "reporter/deliver/curl_handle.h"
#include "reporter/deliver/host_lookup.h"
#include "reporter/deliver/outcome.h"
#include "reporter/options/settings.h"

namespace tlsrpt::reporter {

struct HttpsOptions {
  HttpsVerify verify = HttpsVerify::yes;
  std::string ca_file;  // Empty: the system's.
  std::vector<std::uint16_t> ports{443};
  // Of one post. One that only waited for a connection of others begins anew.
  std::chrono::milliseconds timeout{60'000};
  // TLS included; at most half of `timeout`.
  std::chrono::milliseconds connect_timeout{10'000};
};

// A receiver has nothing to say that is longer; what it sends beyond is not waited for.
inline constexpr std::size_t max_https_reply = 64UL * 1024;

// Why nothing is ever posted to DESTINATION, whatever DNS says: its port, or an address in it that
// GUARD refuses. None: it may be tried.
std::optional<std::string> https_refusal(const policy::RuaUri& destination,
                                         const std::vector<std::uint16_t>& ports,
                                         const policy::AddressGuard& guard);

class HttpsPoster {
 public:
  using Done = std::function<void(const DeliveryOutcome&)>;

  // RESOLVER is used in a thread of the poster's own for as long as the poster lives; nobody else
  // may use it meanwhile. Everything else belongs to one thread, but for wake().
  HttpsPoster(HttpsOptions options, const policy::AddressGuard& guard, policy::Resolver& resolver,
              const Clock& clock);
  HttpsPoster(const HttpsPoster&) = delete;
  HttpsPoster& operator=(const HttpsPoster&) = delete;
  ~HttpsPoster();

  // Posts BODY to DESTINATION. DONE is called once, from within poll().
  void start(const policy::RuaUri& destination, std::string body, Done done);
  // Waits until a post ended, wake() was called or TIMEOUT is over, and calls what is done.
  void poll(std::chrono::milliseconds timeout);
  // Ends a poll() early. Any thread.
  void wake();
  // Posts that are not done yet.
  std::size_t active() const { return active_; }

 private:
  struct Post;
  struct Host {
    bool asked = false;
    std::chrono::steady_clock::time_point answered;
    std::vector<policy::IpAddress> addresses;  // That the guard lets pass.
    DeliveryOutcome failure;                   // Where there are none.
    std::vector<std::unique_ptr<Post>> waiting;
  };

  void resolve(std::unique_ptr<Post> post);
  void take_answers();
  void vet(const std::string& name, Host& host, const policy::AddressAnswer& answer);
  void proceed(std::unique_ptr<Post> post, const Host& host);
  void transfer(std::unique_ptr<Post> post);
  void set_options(Post& post);
  void collect();
  void finish(std::unique_ptr<Post> post, DeliveryOutcome outcome);
  void end_transfer(CURL* handle, CURLcode code);
  DeliveryOutcome judge(const Post& post, CURLcode code) const;

  HttpsOptions options_;
  const policy::AddressGuard& guard_;
  const Clock& clock_;
  CurlMulti multi_;
  std::map<std::string, Host> hosts_;
  std::map<CURL*, std::unique_ptr<Post>> transfers_;
  std::vector<std::pair<std::unique_ptr<Post>, DeliveryOutcome>> finished_;
  std::size_t active_ = 0;
  HostLookup lookup_;  // Last: its thread wakes multi_.
};

}  // namespace tlsrpt::reporter
