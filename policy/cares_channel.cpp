#include "policy/cares_channel.h"

#include <ares.h>
#include <arpa/nameser.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>
#include <utility>

#include "policy/isolate.h"

namespace tlsrpt::policy {
namespace {

// Larger answers come over TCP: with this size no UDP answer is fragmented (DNS Flag Day 2020).
constexpr int edns_size = 1232;
// Room for the answers to all questions in flight; the kernel gives less where it has less.
constexpr int receive_buffer = 1 << 20;
// Addresses of one name that are used: nobody tries more.
constexpr int most_addresses = 64;
constexpr int header_length = 12;  // RFC 1035, 4.1.1.

// c-ares wants to be told once in each process.
int start_library() {
  static const int status = ares_library_init(ARES_LIB_INIT_ALL);
  return status;
}

Error start_failure(int status) {
  return {Errc::io, std::string("c-ares: ") + ares_strerror(status)};
}

struct FreeAresData {
  void operator()(void* data) const noexcept { ares_free_data(data); }
};

int rcode_of(const unsigned char* message, int length) {
  return message != nullptr && length >= header_length ? message[3] & 0x0F : 0;
}

ServerAnswer temporary(std::string error, bool replied) {
  return {DnsOutcome::temporary, {}, {}, std::move(error), replied, false};
}

ServerAnswer absent() { return {DnsOutcome::absent, {}, {}, "", true, false}; }

ServerAnswer parse_texts(const unsigned char* message, int length) {
  ares_txt_ext* list = nullptr;
  const int status = ares_parse_txt_reply_ext(message, length, &list);
  const std::unique_ptr<ares_txt_ext, FreeAresData> owner(list);
  if (status == ARES_ENODATA) return absent();
  if (status != ARES_SUCCESS) return temporary("malformed answer", true);
  ServerAnswer answer{DnsOutcome::found, {}, {}, "", true, false};
  for (const ares_txt_ext* chunk = list; chunk != nullptr; chunk = chunk->next) {
    if (chunk->record_start != 0 || answer.texts.empty()) answer.texts.emplace_back();
    answer.texts.back().append(reinterpret_cast<const char*>(chunk->txt), chunk->length);
  }
  return answer.texts.empty() ? absent() : answer;
}

ServerAnswer addresses_answer(int status, std::vector<IpAddress> addresses) {
  if (status != ARES_SUCCESS && status != ARES_ENODATA) return temporary("malformed answer", true);
  if (addresses.empty()) return absent();
  return {DnsOutcome::found, {}, std::move(addresses), "", true, false};
}

ServerAnswer parse_a(const unsigned char* message, int length) {
  std::array<ares_addrttl, most_addresses> records{};
  int count = most_addresses;
  const int status = ares_parse_a_reply(message, length, nullptr, records.data(), &count);
  std::vector<IpAddress> addresses;
  for (int i = 0; status == ARES_SUCCESS && i < count; ++i) {
    std::array<std::uint8_t, 4> bytes{};
    std::memcpy(bytes.data(), &records[static_cast<std::size_t>(i)].ipaddr, bytes.size());
    addresses.push_back(IpAddress::v4(bytes));
  }
  return addresses_answer(status, std::move(addresses));
}

ServerAnswer parse_aaaa(const unsigned char* message, int length) {
  std::array<ares_addr6ttl, most_addresses> records{};
  int count = most_addresses;
  const int status = ares_parse_aaaa_reply(message, length, nullptr, records.data(), &count);
  std::vector<IpAddress> addresses;
  for (int i = 0; status == ARES_SUCCESS && i < count; ++i) {
    std::array<std::uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), &records[static_cast<std::size_t>(i)].ip6addr, bytes.size());
    addresses.push_back(IpAddress::v6(bytes));
  }
  return addresses_answer(status, std::move(addresses));
}

ServerAnswer parse_records(RecordType type, const unsigned char* message, int length) {
  switch (type) {
    case RecordType::a:
      return parse_a(message, length);
    case RecordType::aaaa:
      return parse_aaaa(message, length);
    case RecordType::txt:
      break;
  }
  return parse_texts(message, length);
}

// What c-ares says of an answer. Only NXDOMAIN and an empty answer are absence; whatever else went
// wrong may be right in an hour, and must not make a domain's report vanish.
ServerAnswer interpret(RecordType type, int status, const unsigned char* message, int length) {
  const int rcode = rcode_of(message, length);
  switch (status) {
    case ARES_SUCCESS:
      // c-ares 1.18 takes an rcode that it does not know for success.
      if (rcode == ns_r_noerror) return parse_records(type, message, length);
      return temporary("RCODE " + std::to_string(rcode), true);
    case ARES_ENODATA:
    case ARES_ENOTFOUND:  // NXDOMAIN.
    case ARES_EBADNAME:   // No such name can exist: an empty or long label, more than 255 octets.
      return absent();
    case ARES_ETIMEOUT:
      return temporary("timeout", false);
    case ARES_ECONNREFUSED:
      return temporary("name server not reachable", false);
    case ARES_ESERVFAIL:
      return temporary("SERVFAIL", true);
    case ARES_EREFUSED:
      return temporary("REFUSED", true);
    case ARES_EFORMERR:
      return temporary("FORMERR", true);
    case ARES_ENOTIMP:
      return temporary("NOTIMP", true);
    case ARES_EBADRESP:
      return temporary("malformed answer", true);
    default:
      return temporary(ares_strerror(status), false);
  }
}

int number_of(RecordType type) {
  if (type == RecordType::txt) return ns_t_txt;
  return type == RecordType::a ? ns_t_a : ns_t_aaaa;
}

ares_addr_port_node to_node(const DnsServer& server) {
  ares_addr_port_node node{};
  const auto& bytes = server.address.bytes();
  node.family = server.address.is_v4() ? AF_INET : AF_INET6;
  if (server.address.is_v4()) {
    std::memcpy(&node.addr.addr4, bytes.data(), sizeof node.addr.addr4);
  } else {
    std::memcpy(&node.addr.addr6, bytes.data(), sizeof node.addr.addr6);
  }
  node.udp_port = server.port;
  node.tcp_port = server.port;
  return node;
}

DnsServer to_server(const ares_addr_port_node& node) {
  DnsServer server;
  if (node.family == AF_INET) {
    std::array<std::uint8_t, 4> bytes{};
    std::memcpy(bytes.data(), &node.addr.addr4, bytes.size());
    server.address = IpAddress::v4(bytes);
  } else {
    std::array<std::uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), &node.addr.addr6, bytes.size());
    server.address = IpAddress::v6(bytes);
  }
  if (node.udp_port > 0) server.port = static_cast<std::uint16_t>(node.udp_port);
  return server;
}

}  // namespace

ServerAnswer guarded_answer(const std::function<ServerAnswer()>& read) {
  auto answer = isolate([&read]() -> Result<ServerAnswer> { return read(); });
  if (answer.ok()) return *std::move(answer);
  return {DnsOutcome::temporary, {}, {}, std::move(answer).error().message(), true, true};
}

struct CaresChannel::Question {
  CaresChannel* channel;
  RecordType type;
  std::function<void(ServerAnswer)> done;
};

void CaresChannel::Close::operator()(ares_channeldata* channel) const noexcept {
  ares_destroy(channel);
}

Result<std::unique_ptr<CaresChannel>> CaresChannel::open(const DnsServer& server,
                                                         std::chrono::milliseconds timeout) {
  if (const int status = start_library(); status != ARES_SUCCESS) return start_failure(status);
  auto self = std::make_unique<CaresChannel>(Private{});
  ares_options options{};
  // NOCHECKRESP: errors come to us instead of another try. Who is asked next is CaresResolver's.
  options.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_NOCHECKRESP | ARES_FLAG_EDNS;
  options.timeout = static_cast<int>(std::max(timeout, std::chrono::milliseconds(1)).count());
  options.tries = 1;
  options.ednspsz = edns_size;
  options.socket_receive_buffer_size = receive_buffer;
  options.sock_state_cb = on_socket;
  options.sock_state_cb_data = self.get();
  ares_channel channel = nullptr;
  int status =
      ares_init_options(&channel, &options,
                        ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_EDNSPSZ |
                            ARES_OPT_SOCK_RCVBUF | ARES_OPT_SOCK_STATE_CB);
  if (status != ARES_SUCCESS) return start_failure(status);
  self->channel_.reset(channel);
  ares_addr_port_node node = to_node(server);
  status = ares_set_servers_ports(channel, &node);
  if (status != ARES_SUCCESS) return start_failure(status);
  return self;
}

CaresChannel::~CaresChannel() { closing_ = true; }

void CaresChannel::on_socket(void* self, int socket, int readable, int writable) noexcept {
  auto& sockets = static_cast<CaresChannel*>(self)->sockets_;
  const auto known = std::find_if(sockets.begin(), sockets.end(),
                                  [socket](const pollfd& entry) { return entry.fd == socket; });
  const auto events =
      static_cast<short>((readable != 0 ? POLLIN : 0) | (writable != 0 ? POLLOUT : 0));
  if (events == 0) {
    if (known != sockets.end()) sockets.erase(known);
  } else if (known != sockets.end()) {
    known->events = events;
  } else {
    sockets.push_back({socket, events, 0});
  }
}

void CaresChannel::on_answer(void* question, int status, int /*timeouts*/, unsigned char* message,
                             int length) noexcept {
  const std::unique_ptr<Question> owner(static_cast<Question*>(question));
  if (owner->channel->closing_) return;
  owner->done(guarded_answer([&] { return interpret(owner->type, status, message, length); }));
}

void CaresChannel::ask(const std::string& name, RecordType type,
                       std::function<void(ServerAnswer)> done) {
  if (name.find('\0') != std::string::npos) {  // c-ares would ask for what is before it.
    done(absent());
    return;
  }
  auto question = std::make_unique<Question>(Question{this, type, std::move(done)});
  // on_answer takes the question back.
  ares_query(channel_.get(), name.c_str(), ns_c_in, number_of(type), on_answer, question.release());
}

std::optional<std::chrono::milliseconds> CaresChannel::wait_time() const {
  timeval buffer{};
  const timeval* wait = ares_timeout(channel_.get(), nullptr, &buffer);
  if (wait == nullptr) return std::nullopt;
  const auto time = std::chrono::seconds(wait->tv_sec) + std::chrono::microseconds(wait->tv_usec);
  return std::chrono::ceil<std::chrono::milliseconds>(time);
}

void CaresChannel::process(const std::vector<pollfd>& ready) {
  bool processed = false;
  for (const pollfd& entry : ready) {
    if (entry.revents == 0) continue;
    const bool ours = std::any_of(sockets_.begin(), sockets_.end(),
                                  [&entry](const pollfd& own) { return own.fd == entry.fd; });
    if (!ours) continue;
    const bool readable = (entry.revents & (POLLIN | POLLERR | POLLHUP)) != 0;
    const bool writable = (entry.revents & (POLLOUT | POLLERR | POLLHUP)) != 0;
    ares_process_fd(channel_.get(), readable ? entry.fd : ARES_SOCKET_BAD,
                    writable ? entry.fd : ARES_SOCKET_BAD);
    processed = true;
  }
  // For the time-outs.
  if (!processed) ares_process_fd(channel_.get(), ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

Result<std::vector<DnsServer>> system_servers() {
  if (const int status = start_library(); status != ARES_SUCCESS) return start_failure(status);
  ares_channel channel = nullptr;
  if (const int status = ares_init(&channel); status != ARES_SUCCESS) return start_failure(status);
  const std::unique_ptr<ares_channeldata, void (*)(ares_channel)> owner(channel, ares_destroy);
  ares_addr_port_node* list = nullptr;
  const int status = ares_get_servers_ports(channel, &list);
  if (status != ARES_SUCCESS) return start_failure(status);
  const std::unique_ptr<ares_addr_port_node, FreeAresData> list_owner(list);
  std::vector<DnsServer> servers;
  for (const ares_addr_port_node* node = list; node != nullptr; node = node->next) {
    servers.push_back(to_server(*node));
  }
  return servers;
}

}  // namespace tlsrpt::policy
