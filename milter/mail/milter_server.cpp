#include "milter/mail/milter_server.h"

#include <netdb.h>
#include <signal.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "milter/mail/milter_callbacks.h"
#include "milter/mail/unix_address.h"
#include "policy/ip_address.h"
#include "policy/unique_fd.h"

namespace tlsrpt::milter {
namespace {

using policy::Errc;
using policy::Error;

constexpr std::string_view unix_prefix = "unix:";
constexpr std::string_view inet_prefix = "inet:";
// libmilter looks at its stop flag when a connection comes, or after five seconds.
constexpr std::chrono::milliseconds end_knock_interval{10};
constexpr std::chrono::milliseconds end_limit{300};
// Far less than Postfix waits for an answer (milter_command_timeout, 30 s).
constexpr std::chrono::seconds knock_interval{1};
// Postfix keeps a connection open for as long as its SMTP client does.
constexpr int milter_timeout_seconds = 7210;

struct FreeAddresses {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

struct HostPort {
  std::string host;
  std::string port;
};

HostPort split_inet(std::string_view socket) {
  const std::string_view rest = socket.substr(inet_prefix.size());
  const std::size_t at = rest.find('@');
  return {std::string(rest.substr(at + 1)), std::string(rest.substr(0, at))};
}

Addresses addresses_of(const HostPort& place, int flags, int family = AF_UNSPEC) {
  addrinfo hints{};
  hints.ai_family = family;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  addrinfo* list = nullptr;
  if (::getaddrinfo(place.host.c_str(), place.port.c_str(), &hints, &list) != 0) return nullptr;
  return Addresses(list);
}

// PLACE with its first address instead of its name, of IPv4 where it has one; none: it has none.
std::optional<HostPort> resolve(const HostPort& place) {
  for (const int family : {AF_INET, AF_UNSPEC}) {
    const Addresses list = addresses_of(place, AI_PASSIVE, family);
    std::array<char, NI_MAXHOST> host{};
    if (list && ::getnameinfo(list->ai_addr, list->ai_addrlen, host.data(), host.size(), nullptr, 0,
                              NI_NUMERICHOST) == 0)
      return HostPort{host.data(), place.port};
  }
  return std::nullopt;
}

// What smfi_setconn() wants: the family is part of the word, an IPv6 address stands in brackets.
std::string libmilter_place(const HostPort& place) {
  const auto address = policy::IpAddress::parse(place.host);
  if (address && !address->is_v4()) return "inet6:" + place.port + "@[" + place.host + "]";
  return "inet:" + place.port + "@" + (address ? "[" + place.host + "]" : place.host);
}

std::string words(int number) { return std::generic_category().message(number); }

// libmilter tells its reasons syslog(3) alone. What it would fail at is tried here before.
policy::Status try_network_socket(const HostPort& place) {
  const Addresses list = addresses_of(place, AI_PASSIVE | AI_NUMERICHOST);
  if (!list) return Error(Errc::io, place.host + " is no address");
  const policy::UniqueFd socket(::socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(socket.get(), list->ai_addr, list->ai_addrlen) == 0) return policy::Unit{};
  const int problem = errno;
  return Error(problem == EADDRINUSE ? Errc::temporary : Errc::io, words(problem));
}

policy::Status try_unix_socket(const std::string& path) {
  const policy::UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (UnixAddress(path).bind(socket.get()) != 0) return Error(Errc::io, words(errno));
  ::unlink(path.c_str());
  return policy::Unit{};
}

// For the calling thread and those that it makes. The main thread never blocks signals, not even
// while it makes a thread: libmilter would get one that comes just then.
void block_signals() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

// SIGHUP is ignored while it lives, and lost: whoever reads options again has just read them.
class HangupIgnored {
 public:
  HangupIgnored() {
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    sigaction(SIGHUP, &ignore, &old_);
  }
  ~HangupIgnored() { sigaction(SIGHUP, &old_, nullptr); }
  HangupIgnored(const HangupIgnored&) = delete;
  HangupIgnored& operator=(const HangupIgnored&) = delete;

 private:
  struct sigaction old_ {};
};

// Whether libmilter's thread waits for signals: it alone blocks SIGUSR1, as every thread of the
// milter does, and not SIGHUP.
bool waits_for_signals() {
  std::error_code problem;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task", problem)) {
    std::ifstream status(task.path() / "status");
    for (std::string line; std::getline(status, line);) {
      if (!line.starts_with("SigBlk:")) continue;
      const std::uint64_t blocked = std::strtoull(line.c_str() + 7, nullptr, 16);
      const auto has = [blocked](int signal) { return (blocked >> (signal - 1) & 1U) != 0; };
      if (has(SIGUSR1) && !has(SIGHUP)) return true;
    }
  }
  return false;
}

bool open_listener(std::string place) {
  return smfi_register(milter_description()) == MI_SUCCESS &&
         smfi_setconn(place.data()) == MI_SUCCESS &&
         smfi_settimeout(milter_timeout_seconds) == MI_SUCCESS &&
         smfi_opensocket(false) == MI_SUCCESS;
}

Error refused() { return {Errc::io, "libmilter cannot listen there, see what it logged"}; }

}  // namespace

MilterServer::MilterServer(MilterOptions options, MilterInbox& inbox)
    : options_(std::move(options)), inbox_(inbox) {
  if (options_.socket.starts_with(unix_prefix)) {
    file_.emplace(SocketFileOptions{options_.socket.substr(unix_prefix.size()), options_.group,
                                    options_.mode, SOCK_STREAM});
  }
}

policy::Status MilterServer::start() {
  if (listener_.joinable()) return policy::Unit{};
  if (auto status = file_ ? open_unix() : open_inet(); !status) return status;
  open_inbox(inbox_);
  life_->state = State::running;
  // Until libmilter's thread waits, it would take a SIGHUP that the main thread has not got to yet.
  const HangupIgnored later;
  listener_ = std::thread([life = life_] { run(*life); });
  const auto until = std::chrono::steady_clock::now() + end_limit;
  while (!waits_for_signals() && std::chrono::steady_clock::now() < until)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  knocker_ = std::thread([this, closing = closing_.get_future()] { keep_knocking(closing); });
  return policy::Unit{};
}

// libmilter's socket stays bound to the temporary name where publishing fails.
policy::Status MilterServer::open_unix() {
  if (!is_bound_) {
    if (auto status = file_->clear_temporary(); !status) return status;
    const PrivateUmask nobody_else;
    if (auto status = try_unix_socket(file_->temporary()); !status)
      return std::move(status).error().context(options_.socket);
    is_bound_ = open_listener(std::string(unix_prefix) + file_->temporary());
    if (!is_bound_) return refused().context(options_.socket);
  }
  return file_->publish();
}

policy::Status MilterServer::open_inet() {
  const auto place = resolve(split_inet(options_.socket));
  if (!place) return Error(Errc::io, "there is no such address").context(options_.socket);
  if (auto status = try_network_socket(*place); !status)
    return std::move(status).error().context(options_.socket);
  if (!open_listener(libmilter_place(*place))) return refused().context(options_.socket);
  address_ = std::string(inet_prefix) + place->port + "@" + place->host;
  return policy::Unit{};
}

void MilterServer::run(Life& life) {
  block_signals();
  life.state = smfi_main() == MI_SUCCESS ? State::stopped : State::failed;
  life.ended.set_value();
}

MilterServer::~MilterServer() {
  if (!listener_.joinable()) return;
  close_inbox();
  closing_.set_value();
  knocker_.join();
  // It waits until the listener has seen that it shall stop.
  std::thread stopper([] {
    block_signals();
    smfi_stop();
  });
  const std::future<void> ended = life_->ended.get_future();
  const auto until = std::chrono::steady_clock::now() + end_limit;
  do {
    knock();
    if (ended.wait_for(end_knock_interval) != std::future_status::ready) continue;
    listener_.join();
    stopper.join();
    return;
  } while (std::chrono::steady_clock::now() < until);
  listener_.detach();
  stopper.detach();
}

void MilterServer::keep_knocking(const std::future<void>& closing) const {
  block_signals();
  while (closing.wait_for(knock_interval) != std::future_status::ready) knock();
}

void MilterServer::knock() const {
  if (file_) {
    const policy::UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    (void)UnixAddress(file_->lasting_path()).connect(socket.get());
    return;
  }
  // No name is looked up here, which could take its time.
  const Addresses list = addresses_of(split_inet(address_), AI_NUMERICHOST);
  if (!list) return;
  const policy::UniqueFd socket(
      ::socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  (void)::connect(socket.get(), list->ai_addr, list->ai_addrlen);
}

}  // namespace tlsrpt::milter
