// Asks a name server what a flush asks it, and nothing else: the bare time of the questions.
//
// usage: ask_dns ADDRESS PORT IN_FLIGHT <NAMES
//
// TXT records of names, one a line, over UDP from one socket, at most IN_FLIGHT at a time; without
// an answer for a second a question is asked again. Prints how many had an answer with records.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <deque>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr std::size_t most_in_flight = 4096;
constexpr int patience_ms = 1000;
constexpr std::size_t header_size = 12;

// A query with EDNS(0) for 1,232 octets (RFC 6891), as resolvers ask nowadays.
std::string query_for(std::string_view name) {
  std::string query("\0\0\1\0\0\1\0\0\0\0\0\1", header_size);
  while (!name.empty()) {
    const std::string_view label = name.substr(0, name.find('.'));
    query += static_cast<char>(label.size());
    query += label;
    name.remove_prefix(std::min(label.size() + 1, name.size()));
  }
  query.append("\0\0\20\0\1", 5);
  return query.append("\0\0\51\4\320\0\0\0\0\0\0", 11);
}

unsigned number_from(std::string_view text) {
  unsigned number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

struct Asker {
  int socket = -1;
  std::vector<std::string> queries;
  std::vector<std::size_t> asked;  // Query of each id under way.
  std::deque<std::uint16_t> free_ids;
  std::size_t next = 0;
  std::size_t answered = 0;
  std::size_t found = 0;

  void send(std::uint16_t id) {
    std::string& query = queries[asked[id]];
    query[0] = static_cast<char>(id >> 8U);
    query[1] = static_cast<char>(id & 0xFFU);
    // Where the buffer is full, the question is asked again later.
    (void)!::send(socket, query.data(), query.size(), MSG_DONTWAIT);
  }

  void fill() {
    while (!free_ids.empty() && next < queries.size()) {
      const std::uint16_t id = free_ids.front();
      free_ids.pop_front();
      asked[id] = next++;
      send(id);
    }
  }

  void receive() {
    std::array<unsigned char, 4096> reply{};
    ssize_t got = 0;
    while ((got = ::recv(socket, reply.data(), reply.size(), MSG_DONTWAIT)) >=
           static_cast<ssize_t>(header_size)) {
      const auto id = static_cast<std::uint16_t>(reply[0] << 8U | reply[1]);
      if (id >= asked.size() || asked[id] >= queries.size()) continue;
      // Not of an earlier question with this id: the name is the same.
      const std::string& query = queries[asked[id]];
      const std::size_t question = query.size() - header_size - 11;
      if (static_cast<std::size_t>(got) < header_size + question ||
          std::memcmp(reply.data() + header_size, query.data() + header_size, question) != 0) {
        continue;
      }
      asked[id] = queries.size();
      free_ids.push_back(id);
      ++answered;
      if (reply[6] != 0 || reply[7] != 0) ++found;
    }
  }

  void run() {
    while (answered < queries.size()) {
      fill();
      pollfd readable{socket, POLLIN, 0};
      if (::poll(&readable, 1, patience_ms) > 0) {
        receive();
        continue;
      }
      for (std::size_t id = 0; id < asked.size(); ++id) {
        if (asked[id] < queries.size()) send(static_cast<std::uint16_t>(id));
      }
    }
  }
};

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() != 3) return 64;
  const std::size_t in_flight = std::min<std::size_t>(number_from(arguments[2]), most_in_flight);
  Asker asker;
  std::string name;
  while (std::getline(std::cin, name)) asker.queries.push_back(query_for(name));
  asker.asked.assign(in_flight, asker.queries.size());
  for (std::size_t id = 0; id < in_flight; ++id) {
    asker.free_ids.push_back(static_cast<std::uint16_t>(id));
  }
  asker.socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in server{};
  server.sin_family = AF_INET;
  server.sin_port = htons(static_cast<std::uint16_t>(number_from(arguments[1])));
  if (::inet_pton(AF_INET, arguments[0].c_str(), &server.sin_addr) != 1 ||
      ::connect(asker.socket, reinterpret_cast<const sockaddr*>(&server), sizeof server) != 0) {
    std::cerr << "ask_dns: cannot reach " << arguments[0] << '\n';
    return 69;
  }
  asker.run();
  std::cout << asker.found << '\n';
  return 0;
}
