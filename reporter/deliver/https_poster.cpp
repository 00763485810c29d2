#include "reporter/deliver/https_poster.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <optional>
#include <utility>

#include "policy/text.h"
#include "reporter/deliver/https_reply.h"

namespace tlsrpt::reporter {

// One post, from start() to DONE.
struct HttpsPoster::Post {
  policy::RuaUri destination;
  std::string body;
  Done done;
  std::vector<policy::IpAddress> addresses;  // Connected to, and to nothing else.
  bool unverified = false;                   // Second try of https_verify = fallback.
  CurlEasy handle;
  CurlList headers;
  CurlList resolved;
  std::array<char, CURL_ERROR_SIZE> error{};
  std::size_t reply_size = 0;
  std::string retry_after;
  bool strange_address = false;  // libcurl wanted to connect somewhere else.
  bool got_socket = false;       // It has begun to connect,
  bool begun = false;            // or to send, on a connection of its own or of another.
  bool alone = false;            // Waits for no connection of another post.
};

namespace {

// Answers are used again for this long: a thousand reports to one receiver ask once.
constexpr std::chrono::minutes answer_lifetime{5};

// User-Agent; receivers want to know whom to ask.
constexpr const char* user_agent = "tlsrpt-reporter/" TLSRPT_VERSION;

long in_milliseconds(std::chrono::milliseconds duration) {
  return std::max<long>(1, duration.count());
}

std::optional<policy::IpAddress> address_of(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address, sizeof v4);
    std::array<std::uint8_t, 4> bytes{};
    std::memcpy(bytes.data(), &v4.sin_addr, bytes.size());
    return policy::IpAddress::v4(bytes);
  }
  if (address.sa_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &address, sizeof v6);
    std::array<std::uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
    return policy::IpAddress::v6(bytes);
  }
  return std::nullopt;
}

// The last gate: whatever led libcurl here, it gets a socket for a vetted address only.
template <class Post>
curl_socket_t open_socket(void* user, curlsocktype /*purpose*/, curl_sockaddr* wanted) noexcept {
  auto* post = static_cast<Post*>(user);
  const auto address = address_of(wanted->addr);
  if (!address || std::find(post->addresses.begin(), post->addresses.end(), *address) ==
                      post->addresses.end()) {
    post->strange_address = true;
    return CURL_SOCKET_BAD;
  }
  post->got_socket = true;
  return ::socket(wanted->family, wanted->socktype | SOCK_CLOEXEC, wanted->protocol);
}

// Called before the request is sent.
template <class Post>
int note_begin(void* user, char* /*remote*/, char* /*local*/, int /*remote_port*/,
               int /*local_port*/) noexcept {
  static_cast<Post*>(user)->begun = true;
  return CURL_PREREQFUNC_OK;
}

// Counts the reply and drops it; beyond the limit the transfer is ended.
template <class Post>
std::size_t count_reply(char* /*data*/, std::size_t size, std::size_t count, void* user) noexcept {
  auto* post = static_cast<Post*>(user);
  post->reply_size += size * count;
  return post->reply_size > max_https_reply ? 0 : size * count;
}

template <class Post>
std::size_t read_header(char* data, std::size_t size, std::size_t count, void* user) noexcept {
  constexpr std::string_view name = "retry-after:";
  constexpr std::size_t longest_value = 64;  // An HTTP date has 29 characters.
  auto* post = static_cast<Post*>(user);
  const std::string_view line(data, size * count);
  if (line.size() > name.size() && policy::to_lower(line.substr(0, name.size())) == name) {
    std::string_view value = line.substr(name.size());
    while (!value.empty() && (value.back() == '\n' || value.back() == '\r')) value.remove_suffix(1);
    post->retry_after = policy::trim(value).substr(0, longest_value);
  }
  return size * count;
}

// "host:443:192.0.2.1,[2001:db8::1]", what CURLOPT_RESOLVE wants.
std::string resolve_entry(const policy::RuaUri& destination,
                          const std::vector<policy::IpAddress>& addresses) {
  std::string entry = destination.host + ":" + std::to_string(destination.port) + ":";
  for (const policy::IpAddress& each : addresses) {
    if (entry.back() != ':') entry += ',';
    entry += each.is_v4() ? each.text() : "[" + each.text() + "]";
  }
  return entry;
}

}  // namespace

std::optional<std::string> https_refusal(const policy::RuaUri& destination,
                                         const std::vector<std::uint16_t>& ports,
                                         const policy::AddressGuard& guard) {
  if (std::find(ports.begin(), ports.end(), destination.port) == ports.end()) {
    return "port " + std::to_string(destination.port) + " is not one of https_ports";
  }
  const auto address = destination.host_address();
  if (!address) return std::nullopt;
  const auto refusal = guard.refusal(*address);
  if (!refusal) return std::nullopt;
  return address->text() + " " + *refusal;
}

HttpsPoster::HttpsPoster(HttpsOptions options, const policy::AddressGuard& guard,
                         policy::Resolver& resolver, const Clock& clock)
    : options_(std::move(options)),
      guard_(guard),
      clock_(clock),
      multi_(curl_multi_init()),
      lookup_(resolver, [multi = multi_.get()] { curl_multi_wakeup(multi); }) {
  if (!multi_) throw std::bad_alloc();
}

HttpsPoster::~HttpsPoster() {
  for (const auto& [handle, post] : transfers_) curl_multi_remove_handle(multi_.get(), handle);
}

void HttpsPoster::start(const policy::RuaUri& destination, std::string body, Done done) {
  auto post = std::make_unique<Post>();
  post->destination = destination;
  post->body = std::move(body);
  post->done = std::move(done);
  ++active_;
  if (destination.scheme != policy::RuaScheme::https) {
    return finish(std::move(post), permanent_outcome("not an https URI"));
  }
  if (const auto refusal = https_refusal(destination, options_.ports, guard_)) {
    return finish(std::move(post), permanent_outcome(*refusal));
  }
  resolve(std::move(post));
}

void HttpsPoster::resolve(std::unique_ptr<Post> post) {
  const std::string& name = post->destination.host;
  if (const auto address = post->destination.host_address()) {
    Host literal;
    literal.addresses = {*address};
    return proceed(std::move(post), literal);
  }
  Host& host = hosts_[name];
  const bool known = host.answered != std::chrono::steady_clock::time_point{} &&
                     std::chrono::steady_clock::now() - host.answered < answer_lifetime;
  if (known) return proceed(std::move(post), host);
  const bool ask = !std::exchange(host.asked, true);
  host.waiting.push_back(std::move(post));
  if (ask) lookup_.ask(name);
}

void HttpsPoster::take_answers() {
  for (auto& [name, answer] : lookup_.take()) {
    Host& host = hosts_[name];
    host.asked = false;
    host.answered = std::chrono::steady_clock::now();
    vet(name, host, answer);
    for (auto& post : std::exchange(host.waiting, {})) proceed(std::move(post), host);
  }
}

void HttpsPoster::vet(const std::string& name, Host& host, const policy::AddressAnswer& answer) {
  host.addresses.clear();
  host.failure = host_failure(name + " has no address");
  if (answer.outcome == policy::DnsOutcome::temporary) {
    host.failure = host_failure(name + ": DNS: " + answer.error);
  }
  for (const policy::IpAddress& each : answer.records) {
    if (const auto refusal = guard_.refusal(each)) {
      // Temporary: what DNS says can be mended, unlike an address in the URI itself.
      host.failure = host_failure(name + ": " + each.text() + " " + *refusal);
    } else {
      host.addresses.push_back(each);
    }
  }
}

void HttpsPoster::proceed(std::unique_ptr<Post> post, const Host& host) {
  if (host.addresses.empty()) return finish(std::move(post), host.failure);
  post->addresses = host.addresses;
  transfer(std::move(post));
}

void HttpsPoster::set_options(Post& post) {
  CURL* curl = post.handle.get();
  const bool verify = options_.verify != HttpsVerify::no && !post.unverified;
  post.headers = append(nullptr, "Content-Type: application/tlsrpt+gzip");
  post.headers = append(std::move(post.headers), "Expect:");  // No pause before the body.
  if (!post.destination.host_address()) {  // libcurl does not look a literal address up.
    post.resolved = append(nullptr, resolve_entry(post.destination, post.addresses));
  }
  curl_easy_setopt(curl, CURLOPT_URL, post.destination.target.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
  curl_easy_setopt(curl, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, user_agent);
  curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
  // One HTTP/2 connection rather than eight.
  curl_easy_setopt(curl, CURLOPT_PIPEWAIT, post.alone ? 0L : 1L);
  curl_easy_setopt(curl, CURLOPT_POST, 1L);
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, post.body.c_str());
  curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(post.body.size()));
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, post.headers.get());
  curl_easy_setopt(curl, CURLOPT_RESOLVE, post.resolved.get());
  curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, &open_socket<Post>);
  curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, &post);
  curl_easy_setopt(curl, CURLOPT_PREREQFUNCTION, &note_begin<Post>);
  curl_easy_setopt(curl, CURLOPT_PREREQDATA, &post);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &count_reply<Post>);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &post);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, &read_header<Post>);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &post);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, post.error.data());
  // Whoever waits for a connection of another post shall have time left when that comes to nothing.
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
                   in_milliseconds(std::min(options_.connect_timeout, options_.timeout / 2)));
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, in_milliseconds(options_.timeout));
  curl_easy_setopt(curl, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, verify ? 1L : 0L);
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L);
  if (!options_.ca_file.empty()) {
    // Instead of the system's certificates, not beside them.
    curl_easy_setopt(curl, CURLOPT_CAINFO, options_.ca_file.c_str());
    curl_easy_setopt(curl, CURLOPT_CAPATH, nullptr);
  }
}

void HttpsPoster::transfer(std::unique_ptr<Post> post) {
  post->handle.reset(curl_easy_init());
  if (!post->handle) throw std::bad_alloc();
  set_options(*post);
  CURL* handle = post->handle.get();
  const CURLMcode added = curl_multi_add_handle(multi_.get(), handle);
  if (added != CURLM_OK) {
    return finish(std::move(post), temporary_outcome(curl_multi_strerror(added)));
  }
  transfers_.emplace(handle, std::move(post));
}

DeliveryOutcome HttpsPoster::judge(const Post& post, CURLcode code) const {
  long status = 0;
  curl_easy_getinfo(post.handle.get(), CURLINFO_RESPONSE_CODE, &status);
  // A reply with a final status counts, whether or not its text was worth waiting for. Without
  // that, a receiver that says 200 and then resets would get the report again and again.
  if (status >= 200) {
    DeliveryOutcome outcome =
        judge_https_reply(status, parse_retry_after(post.retry_after, clock_.now()));
    if (outcome.delivered() && post.unverified) outcome.text = "certificate did not verify";
    return outcome;
  }
  if (post.strange_address) return temporary_outcome("would have connected to another address");
  std::string text = post.error.data();
  if (text.empty()) text = curl_easy_strerror(code);
  return host_failure(post.destination.host + ": " + text);
}

void HttpsPoster::end_transfer(CURL* handle, CURLcode code) {
  curl_multi_remove_handle(multi_.get(), handle);
  const auto found = transfers_.find(handle);
  if (found == transfers_.end()) return;
  std::unique_ptr<Post> post = std::move(found->second);
  transfers_.erase(found);
  const bool again = code == CURLE_PEER_FAILED_VERIFICATION &&
                     options_.verify == HttpsVerify::fallback && !post->unverified;
  if (again) {
    // RFC 8460, 3: a report may be posted in spite of a certificate that does not verify.
    post->unverified = true;
    post->error.fill('\0');
    return transfer(std::move(post));
  }
  if (code == CURLE_OPERATION_TIMEDOUT && !post->alone && !post->got_socket && !post->begun) {
    // It has only waited for the connection of another, which came to nothing.
    post->alone = true;
    post->error.fill('\0');
    return transfer(std::move(post));
  }
  DeliveryOutcome outcome = judge(*post, code);
  finish(std::move(post), std::move(outcome));
}

void HttpsPoster::finish(std::unique_ptr<Post> post, DeliveryOutcome outcome) {
  finished_.emplace_back(std::move(post), std::move(outcome));
}

void HttpsPoster::collect() {
  take_answers();
  int running = 0;
  curl_multi_perform(multi_.get(), &running);
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
    if (message->msg == CURLMSG_DONE) end_transfer(message->easy_handle, message->data.result);
  }
}

void HttpsPoster::poll(std::chrono::milliseconds timeout) {
  collect();
  if (finished_.empty()) {
    const auto longest = std::chrono::milliseconds(std::chrono::minutes(1));
    curl_multi_poll(multi_.get(), nullptr, 0, static_cast<int>(std::min(timeout, longest).count()),
                    nullptr);
    collect();
  }
  for (auto& [post, outcome] : std::exchange(finished_, {})) {
    --active_;
    post->done(outcome);
  }
}

void HttpsPoster::wake() { curl_multi_wakeup(multi_.get()); }

}  // namespace tlsrpt::reporter
