// MilterServer: libmilter listening on the socket of `milter_socket`, in threads of its own.
//
// libmilter keeps everything in variables of the process: there is one server at a time, and after
// stop() there is never another. Its signal thread waits for SIGHUP, SIGTERM and SIGINT. Linux
// gives a signal that was sent to the process to the main thread where that one does not block it
// and has no other one to handle; hence the main thread handles these signals and never blocks
// them, and libmilter sees none, except where two different ones come at once. It stops listening
// then, and state() says so: the daemon has to end, as there is no second milter in a process.
#pragma once

#include <atomic>
#include <cstdint>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "milter/mail/milter_inbox.h"
#include "milter/mail/socket_file.h"
#include "policy/result.h"

namespace tlsrpt::milter {

struct MilterOptions {
  std::string socket;  // "unix:/PATH" or "inet:PORT@HOST".
  std::string group;
  unsigned mode = 0;
};

class MilterServer {
 public:
  // INBOX outlives the server. Nothing happens before start().
  MilterServer(MilterOptions options, MilterInbox& inbox);
  // Stops listening. libmilter mostly needs some milliseconds for that, and is not waited for
  // longer than a few tenths of a second: its threads then end with the process, and know nothing
  // of ours.
  ~MilterServer();
  MilterServer(const MilterServer&) = delete;
  MilterServer& operator=(const MilterServer&) = delete;

  // Listens and answers from now on; does nothing where that is so already. May be tried again
  // after an error. Errc::temporary: another program has the socket; Errc::io: it cannot be made;
  // Errc::not_found: there is no such group.
  policy::Status start();
  enum class State : std::uint8_t {
    not_started,
    running,
    stopped,  // libmilter does not listen any more, and not because of us.
    failed,   // libmilter has given up. It cannot be started again.
  };
  State state() const { return life_->state; }
  // Whether Postfix can find the socket, while it is running: the file may have been taken away.
  bool is_in_place() const { return !file_ || file_->is_in_place(); }

 private:
  // A connection that says nothing, once it listens. Costs next to nothing.
  void knock() const;
  // Knocks each second until CLOSING, in a thread that nothing else can hold up.
  //
  // libmilter 8.17 leaves a connection that has something to say to a thread that it takes for
  // free, and forgets it where that thread is held by a peer that stops within a packet. Whatever
  // comes next makes it look again.
  void keep_knocking(const std::future<void>& closing) const;
  policy::Status open_unix();
  policy::Status open_inet();

  MilterOptions options_;
  MilterInbox& inbox_;
  std::optional<SocketFile> file_;  // None: a network socket.
  bool is_bound_ = false;
  std::string address_;  // "inet:PORT@ADDRESS", once it listens there.
  // What libmilter's thread has of us, as it may outlive us.
  struct Life {
    std::atomic<State> state{State::not_started};
    std::promise<void> ended;
  };
  static void run(Life& life);

  // Shared with libmilter's thread.
  std::shared_ptr<Life> life_ = std::make_shared<Life>();
  std::thread listener_;
  std::promise<void> closing_;
  std::thread knocker_;  // Uses the above; joined before they go.
};

}  // namespace tlsrpt::milter
