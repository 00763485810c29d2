// CaresChannel: questions to one name server and their raw answers, with c-ares.
//
// One channel a server, so that CaresResolver decides itself which server is asked when, and knows
// what each of them said. UDP with EDNS, TCP where an answer is truncated. Not thread-safe.
#pragma once

#include <poll.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "policy/resolver.h"
#include "policy/result.h"

struct ares_channeldata;

namespace tlsrpt::policy {

enum class RecordType : std::uint8_t { txt, a, aaaa };

// What one server made of one question.
struct ServerAnswer {
  DnsOutcome outcome = DnsOutcome::temporary;
  std::vector<std::string> texts;    // TXT, character-strings joined.
  std::vector<IpAddress> addresses;  // A or AAAA.
  std::string error;                 // Why temporary.
  bool replied = false;              // Whether the server said anything at all.
  bool our_fault = false;            // As in DnsAnswer.
};

// What READ returns; where it throws, an answer that is our fault. c-ares calls us from C, through
// which no exception may pass, and one answer must not stop all others.
ServerAnswer guarded_answer(const std::function<ServerAnswer()>& read);

class CaresChannel {
  struct Private {};  // Only open() makes channels.

 public:
  explicit CaresChannel(Private /*unused*/) {}
  // A channel to SERVER that waits TIMEOUT for an answer. Errc::io: c-ares cannot start.
  static Result<std::unique_ptr<CaresChannel>> open(const DnsServer& server,
                                                    std::chrono::milliseconds timeout);
  // Questions without an answer are dropped: their callbacks are not called.
  ~CaresChannel();
  CaresChannel(const CaresChannel&) = delete;
  CaresChannel& operator=(const CaresChannel&) = delete;
  CaresChannel(CaresChannel&&) = delete;  // c-ares holds a pointer to it.
  CaresChannel& operator=(CaresChannel&&) = delete;

  // Sends a question. DONE is called once, from within this call or a later process(), and must
  // neither throw nor ask.
  void ask(const std::string& name, RecordType type, std::function<void(ServerAnswer)> done);

  // The sockets to wait for and the longest time to wait (none: nothing is under way).
  const std::vector<pollfd>& sockets() const { return sockets_; }
  std::optional<std::chrono::milliseconds> wait_time() const;
  // Reads what has come and gives up what took too long. READY: sockets() with poll's results, or
  // of several channels; others than ours are passed over.
  void process(const std::vector<pollfd>& ready);

 private:
  struct Question;
  struct Close {
    void operator()(ares_channeldata* channel) const noexcept;
  };

  static void on_socket(void* self, int socket, int readable, int writable) noexcept;
  static void on_answer(void* question, int status, int timeouts, unsigned char* message,
                        int length) noexcept;

  std::vector<pollfd> sockets_;
  bool closing_ = false;
  std::unique_ptr<ares_channeldata, Close> channel_;
};

// The servers of /etc/resolv.conf. Errc::io: c-ares cannot start.
Result<std::vector<DnsServer>> system_servers();

}  // namespace tlsrpt::policy
