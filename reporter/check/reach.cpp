#include "reporter/check/reach.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <iterator>
#include <memory>
#include <optional>
#include <system_error>
#include <vector>

#include "policy/unique_fd.h"

namespace tlsrpt::reporter {
namespace {

// A local server greets at once; one that asks DNS about us first takes some seconds.
constexpr int greeting_timeout_ms = 10'000;

std::string reason(int error) { return std::generic_category().message(error); }

// "" where we may use PATH as MODE says.
std::string access_problem(const std::string& path, int mode) {
  if (::faccessat(AT_FDCWD, path.c_str(), mode, AT_EACCESS) == 0) return {};
  return path + ": " + reason(errno);
}

// The same of a plain file.
std::string file_problem(const std::string& path, int mode) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode))
    return path + ": " + (S_ISDIR(status.st_mode) ? reason(EISDIR) : "is no plain file");
  return access_problem(path, mode);
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

struct FreeAddresses {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};

bool becomes_ready(int fd, short what) {
  pollfd watched{fd, what, 0};
  return ::poll(&watched, 1, greeting_timeout_ms) == 1;
}

// None: PATH is too long for one.
std::optional<sockaddr_un> local_address(std::string_view path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return std::nullopt;
  std::copy(path.begin(), path.end(), std::begin(address.sun_path));
  return address;
}

// 0 where a new socket, SERVER, is connected to ADDRESS, else the error.
int connect_to(const sockaddr* address, socklen_t length, policy::UniqueFd* server) {
  server->reset(::socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!server->valid()) return errno;
  if (::connect(server->get(), address, length) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  int error = ETIMEDOUT;
  socklen_t size = sizeof(error);
  if (becomes_ready(server->get(), POLLOUT))
    ::getsockopt(server->get(), SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

// What the SMTP server at ADDRESS has against us.
std::string greeting_problem(const addrinfo& address) {
  policy::UniqueFd server;
  if (const int error = connect_to(address.ai_addr, address.ai_addrlen, &server); error != 0)
    return reason(error);
  std::array<char, 512> greeting{};
  if (!becomes_ready(server.get(), POLLIN)) return "it does not greet";
  const ssize_t got = ::read(server.get(), greeting.data(), greeting.size());
  if (got < 3 || std::string_view(greeting.data(), 3) != "220") return "it does not greet with 220";
  return {};
}

// The addresses of HOST, asked one after the other: what the last one has against us, where no one
// is content.
std::string any_problem(std::string host, const std::string& port,
                        std::string (*ask)(const addrinfo& address)) {
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (const int code = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &list); code != 0)
    return host + ": " + ::gai_strerror(code);
  const std::unique_ptr<addrinfo, FreeAddresses> addresses(list);
  std::string problem;
  for (const addrinfo* each = addresses.get(); each != nullptr; each = each->ai_next) {
    problem = ask(*each);
    if (problem.empty()) return {};
  }
  return problem;
}

std::string server_problem(std::string_view authority) {
  const std::size_t colon = authority.rfind(':');
  const bool has_port =
      colon != std::string_view::npos && authority.find(']', colon) == std::string_view::npos;
  return any_problem(std::string(authority.substr(0, has_port ? colon : authority.size())),
                     has_port ? std::string(authority.substr(colon + 1)) : "25", greeting_problem);
}

// What the milter at the other end of SERVER says when it is offered version 6 of the protocol, all
// actions and all steps: its version, actions and steps, of which it must want no actions.
std::string negotiation_problem(int server) {
  constexpr std::string_view offer("\0\0\0\x0DO\0\0\0\x06\0\0\x01\xFF\0\x1F\xFF\xFF", 17);
  constexpr std::size_t actions_begin = 9;
  if (::send(server, offer.data(), offer.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(offer.size()))
    return reason(errno);
  std::array<char, offer.size()> answer{};
  std::size_t have = 0;
  while (have < answer.size()) {
    if (!becomes_ready(server, POLLIN)) return "it says nothing";
    const ssize_t got = ::read(server, answer.data() + have, answer.size() - have);
    if (got <= 0) return "it hangs up";
    have += static_cast<std::size_t>(got);
  }
  if (answer[4] != 'O') return "it is no milter";
  const std::string_view actions(answer.data() + actions_begin, 4);
  if (actions != std::string_view("\0\0\0\0", 4)) return "it is another milter, which changes mail";
  return {};
}

std::string inet_milter_problem(const addrinfo& address) {
  policy::UniqueFd server;
  const int error = connect_to(address.ai_addr, address.ai_addrlen, &server);
  return error != 0 ? reason(error) : negotiation_problem(server.get());
}

}  // namespace

std::string reading_problem(const std::string& path) { return file_problem(path, R_OK); }

std::string writing_problem(const std::string& path) {
  const std::string folder = access_problem(folder_of(path), W_OK | X_OK);
  if (!folder.empty()) return folder;
  if (::faccessat(AT_FDCWD, path.c_str(), F_OK, AT_EACCESS) != 0) return {};  // It will be made.
  return access_problem(path, R_OK | W_OK);
}

std::string transport_problem(std::string_view transport) {
  constexpr std::string_view sendmail = "sendmail:";
  constexpr std::string_view directory = "directory:";
  constexpr std::string_view smtp = "smtp://";
  if (transport.starts_with(sendmail))
    return file_problem(std::string(transport.substr(sendmail.size())), X_OK);
  if (transport.starts_with(directory))
    return access_problem(std::string(transport.substr(directory.size())), W_OK | X_OK);
  if (transport.starts_with(smtp)) return server_problem(transport.substr(smtp.size()));
  return {};
}

bool has_datagram_listener(const std::string& path) {
  const auto address = local_address(path);
  const policy::UniqueFd probe(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  return address && ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&*address),
                              sizeof(*address)) == 0;
}

std::string milter_silence(std::string_view socket) {
  constexpr std::string_view inet = "inet:";
  constexpr std::string_view local = "unix:";
  if (socket.starts_with(inet)) {
    const std::string_view rest = socket.substr(inet.size());
    const std::size_t at = std::min(rest.find('@'), rest.size());
    return any_problem(std::string(rest.substr(std::min(at + 1, rest.size()))),
                       std::string(rest.substr(0, at)), inet_milter_problem);
  }
  if (!socket.starts_with(local)) return {};
  const auto address = local_address(socket.substr(local.size()));
  if (!address) return reason(ENAMETOOLONG);
  policy::UniqueFd server;
  // The system's interface wants the general type.
  const int error =
      connect_to(reinterpret_cast<const sockaddr*>(&*address), sizeof(*address), &server);
  if (error == EACCES) return {};
  return error != 0 ? reason(error) : negotiation_problem(server.get());
}

}  // namespace tlsrpt::reporter
