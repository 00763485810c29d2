#include "policy/cares_resolver.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <iterator>
#include <list>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "policy/cares_channel.h"

namespace tlsrpt::policy {
namespace {

constexpr std::size_t most_servers = 32;
// How a server's share of the time is parted among its tries, in tenths: a lost datagram costs
// little, and a resolver that has to ask far away has its answer by the last try.
constexpr std::array<unsigned, 3> try_tenths = {1, 3, 6};
// Questions in a row without an answer that make a server silent. Only those count during which the
// server answered nothing else: a burst that overran a buffer loses as many, and means nothing.
constexpr unsigned silent_after = 64;
// Longest wait where c-ares names no time though a question is under way.
constexpr std::chrono::milliseconds longest_wait{1000};

struct LookUp;

// One record type of one look-up, on its way from server to server.
struct Query {
  LookUp* look_up = nullptr;
  RecordType type = RecordType::txt;
  std::size_t attempt = 0;
  std::bitset<most_servers> replied;  // Servers that said something that was of no use.
  ServerAnswer answer;                // The best so far.
};

using TxtDone = std::function<void(TxtAnswer)>;
using AddressDone = std::function<void(AddressAnswer)>;

struct LookUp {
  std::string name;
  std::variant<TxtDone, AddressDone> done;
  std::array<Query, 2> queries;  // TXT has one, addresses two.
  std::size_t unsettled = 0;
  std::list<LookUp>::iterator self;
};

// A and AAAA together: found when either has an address, absent only when both are.
AddressAnswer merge(const std::array<Query, 2>& queries) {
  AddressAnswer merged{DnsOutcome::absent, {}, "", false};
  for (const Query& query : queries) {
    merged.records.insert(merged.records.end(), query.answer.addresses.begin(),
                          query.answer.addresses.end());
    if (query.answer.outcome == DnsOutcome::temporary) {
      merged.outcome = DnsOutcome::temporary;
      merged.error = query.answer.error;
      merged.our_fault = query.answer.our_fault;
    }
  }
  if (!merged.records.empty()) {
    merged.outcome = DnsOutcome::found;
    merged.error.clear();
    merged.our_fault = false;
  }
  return merged;
}

class CaresResolver : public Resolver {
 public:
  explicit CaresResolver(const CaresOptions& options)
      : most_in_flight_(std::max(options.in_flight, 1U)) {}

  // A server whose tries take SHARE together.
  Status add_server(const DnsServer& server, std::chrono::milliseconds share);

  void look_up_txt(const std::string& name, TxtDone done) override {
    start(name, std::move(done), {RecordType::txt});
  }
  void look_up_addresses(const std::string& name, AddressDone done) override {
    start(name, std::move(done), {RecordType::a, RecordType::aaaa});
  }
  void run() override;

 private:
  struct Server {
    // One a try, since c-ares waits equally long for all answers of a channel.
    std::array<std::unique_ptr<CaresChannel>, try_tenths.size()> channels;
    std::uint64_t replies = 0;
    unsigned unanswered = 0;  // In a row.
  };

  void start(const std::string& name, std::variant<TxtDone, AddressDone> done,
             std::initializer_list<RecordType> types);
  std::optional<std::size_t> next_attempt(Query& query) const;
  void ask(Query& query);
  void receive(Query& query, std::size_t at, std::uint64_t replies_before, ServerAnswer answer);
  void settle(Query& query);
  void send_waiting();
  void deliver_finished();
  void wait();

  unsigned most_in_flight_;
  unsigned in_flight_ = 0;
  std::list<LookUp> look_ups_;  // Under way; queries point into it.
  std::list<LookUp> finished_;  // Settled, their callbacks not yet called.
  std::deque<Query*> to_ask_;
  std::vector<pollfd> sockets_;
  std::vector<Server> servers_;  // Last: their end must not find the queries gone.
};

Status CaresResolver::add_server(const DnsServer& server, std::chrono::milliseconds share) {
  Server added;
  for (std::size_t i = 0; i < try_tenths.size(); ++i) {
    auto channel = CaresChannel::open(server, share * try_tenths[i] / 10);
    if (!channel) return std::move(channel).error();
    added.channels[i] = *std::move(channel);
  }
  servers_.push_back(std::move(added));
  return Unit{};
}

void CaresResolver::start(const std::string& name, std::variant<TxtDone, AddressDone> done,
                          std::initializer_list<RecordType> types) {
  LookUp& look_up = look_ups_.emplace_back(LookUp{name, std::move(done), {}, types.size(), {}});
  look_up.self = std::prev(look_ups_.end());
  std::size_t at = 0;
  for (const RecordType type : types) {
    Query& query = look_up.queries[at++];
    query.look_up = &look_up;
    query.type = type;
    to_ask_.push_back(&query);
  }
}

// The attempt whose turn it is; none when all have had theirs. Advances query.attempt behind it.
std::optional<std::size_t> CaresResolver::next_attempt(Query& query) const {
  while (query.attempt < servers_.size() * try_tenths.size()) {
    const std::size_t attempt = query.attempt++;
    const std::size_t at = attempt % servers_.size();
    if (query.replied.test(at)) continue;
    if (servers_[at].unanswered < silent_after) return attempt;
    if (query.answer.error.empty()) query.answer.error = "timeout";
  }
  return std::nullopt;
}

void CaresResolver::ask(Query& query) {
  const auto attempt = next_attempt(query);
  if (!attempt) {
    settle(query);
    return;
  }
  const std::size_t at = *attempt % servers_.size();
  const Server& server = servers_[at];
  ++in_flight_;
  server.channels[*attempt / servers_.size()]->ask(
      query.look_up->name, query.type,
      [this, &query, at, replies_before = server.replies](ServerAnswer answer) {
        receive(query, at, replies_before, std::move(answer));
      });
}

// Called from within c-ares: nothing is asked and no caller's code runs here.
void CaresResolver::receive(Query& query, std::size_t at, std::uint64_t replies_before,
                            ServerAnswer answer) {
  --in_flight_;
  Server& server = servers_[at];
  if (answer.replied) {
    ++server.replies;
    server.unanswered = 0;
  } else if (server.replies == replies_before) {
    ++server.unanswered;
  }
  if (answer.outcome != DnsOutcome::temporary || answer.our_fault) {
    query.answer = std::move(answer);
    settle(query);
    return;
  }
  // What a server said tells more than that another kept silent.
  if (answer.replied || query.answer.error.empty()) query.answer.error = std::move(answer.error);
  if (answer.replied) query.replied.set(at);
  to_ask_.push_back(&query);
}

void CaresResolver::settle(Query& query) {
  LookUp& look_up = *query.look_up;
  if (--look_up.unsettled > 0) return;
  finished_.splice(finished_.end(), look_ups_, look_up.self);
}

void CaresResolver::send_waiting() {
  while (in_flight_ < most_in_flight_ && !to_ask_.empty()) {
    Query& query = *to_ask_.front();
    to_ask_.pop_front();
    ask(query);
  }
}

void CaresResolver::deliver_finished() {
  while (!finished_.empty()) {
    LookUp look_up = std::move(finished_.front());
    finished_.pop_front();
    if (auto* done = std::get_if<TxtDone>(&look_up.done)) {
      ServerAnswer& answer = look_up.queries.front().answer;
      (*done)({answer.outcome, std::move(answer.texts), std::move(answer.error), answer.our_fault});
    } else {
      std::get<AddressDone>(look_up.done)(merge(look_up.queries));
    }
  }
}

void CaresResolver::wait() {
  std::vector<pollfd>& ready = sockets_;
  ready.clear();
  auto time = longest_wait;
  for (const Server& server : servers_) {
    for (const auto& channel : server.channels) {
      const auto& sockets = channel->sockets();
      ready.insert(ready.end(), sockets.begin(), sockets.end());
      if (const auto own = channel->wait_time()) time = std::min(time, *own);
    }
  }
  if (poll(ready.data(), ready.size(), static_cast<int>(time.count())) < 0) ready.clear();
  for (const Server& server : servers_) {
    for (const auto& channel : server.channels) channel->process(ready);
  }
}

void CaresResolver::run() {
  for (Server& server : servers_) server.unanswered = 0;
  while (true) {
    send_waiting();
    deliver_finished();
    if (in_flight_ > 0) {
      wait();
    } else if (to_ask_.empty() && finished_.empty()) {
      return;
    }
  }
}

}  // namespace

Result<std::unique_ptr<Resolver>> make_cares_resolver(const CaresOptions& options) {
  std::vector<DnsServer> servers = options.servers;
  if (servers.empty()) {
    auto found = system_servers();
    if (!found) return std::move(found).error();
    servers = *std::move(found);
    if (servers.size() > most_servers) servers.resize(most_servers);
  }
  if (servers.size() > most_servers) {
    return Error(Errc::limit, "more than " + std::to_string(most_servers) + " name servers");
  }
  auto resolver = std::make_unique<CaresResolver>(options);
  const auto share = options.timeout / static_cast<int>(std::max<std::size_t>(servers.size(), 1));
  for (const DnsServer& server : servers) {
    if (auto added = resolver->add_server(server, share); !added) return std::move(added).error();
  }
  return std::unique_ptr<Resolver>(std::move(resolver));
}

}  // namespace tlsrpt::policy
