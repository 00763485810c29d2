// Tally: counts sessions into rows until the next commit.
//
// Equal facts are one row. Memory follows distinct facts since the last commit, not sessions. What
// a row needs beside the session (relay name, sending address, whether plaintext looks like
// stripping) is found here, once for each row.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "milter/correlate/session_sink.h"
#include "policy/result.h"
#include "policy/text_hash.h"
#include "reporter/store/store.h"

namespace tlsrpt::milter {

struct TallyOptions {
  std::string relay_name;  // Empty: the log's host.
};

class Tally final : public SessionSink {
 public:
  // The address of ours that talks to the MX with this address; empty: not known.
  using SendingAddress = std::function<std::string(std::string_view mx_ip)>;

  // STORE and SENDING_ADDRESS must outlive the tally.
  Tally(TallyOptions options, reporter::Store& store, SendingAddress sending_address);

  void count(const Session& session) override;
  void ignore(policy::Ignored kind, policy::UtcSeconds at, std::string_view domain) override;
  void take_back(const Session& session) override;
  void take_back(policy::Ignored kind, policy::UtcSeconds at) override;
  void not_understood(policy::UtcSeconds at, std::string_view line) override;
  void tls_logged(policy::UtcSeconds at, std::string_view log_host,
                  std::string_view service) override;
  bool is_report_message(std::string_view message_id, policy::UtcSeconds at) override;
  // COUNT datagrams were lost, AT the latest.
  void lose(policy::DatagramLoss why, std::uint64_t count, policy::UtcSeconds at);

  // Queue ids were forgotten for want of room, AT the latest.
  void forget_queue_ids(std::uint64_t ours, std::uint64_t doubtful, policy::UtcSeconds at);

  // Distinct rows since the last clear().
  std::size_t size() const { return counted_.facts.size() + taken_back_.facts.size(); }
  // About how many octets of text they have.
  std::size_t octets() const { return octets_; }
  // The counts since the last clear(), in the order in which the rows came; the caller fills in
  // relay, source and state.
  reporter::Batch batch() const;
  // After the batch is committed.
  void clear();
  // The first failure of the store in is_report_message() or in looking for a handshake, since the
  // last call: the counts since then are not to be committed.
  std::optional<policy::Error> take_error();

 private:
  struct ServiceSpan {
    policy::UtcSeconds first{};
    policy::UtcSeconds last{};
  };
  // Distinct facts, by what tells them apart.
  struct Rows {
    std::unordered_map<std::string, std::size_t, policy::TextHash, std::equal_to<>> by_key;
    std::vector<policy::Fact> facts;
  };

  std::size_t row_for(const Session& session);
  std::size_t find_row(const Session& session, Rows& rows);
  policy::Fact make_row(const Session& session, std::string_view reason);
  std::string_view plaintext_reason(const Session& session);
  void remember_handshake(const Session& session);
  std::string_view relay_of(std::string_view log_host) const;

  TallyOptions options_;
  reporter::Store& store_;
  SendingAddress sending_address_;
  std::optional<policy::Error> error_;

  std::string key_;  // Reused.
  std::size_t octets_ = 0;
  Rows counted_;
  Rows taken_back_;
  std::uint64_t batch_ = 1;  // Number of this one: that of CountedRow.
  std::map<std::pair<policy::UtcDay, policy::Ignored>, std::uint64_t> ignored_;
  std::map<std::pair<policy::UtcDay, policy::Ignored>, std::uint64_t> ignored_taken_back_;
  std::vector<reporter::NotUnderstood> not_understood_;
  std::map<std::pair<policy::UtcDay, policy::DatagramLoss>, reporter::LostDatagrams>
      lost_datagrams_;
  std::map<policy::UtcDay, reporter::ForgottenQueueIds> forgotten_queue_ids_;
  // By relay, blank, service; a new element for each UTC day.
  std::map<std::string, std::vector<ServiceSpan>, std::less<>> tls_logged_;
  // (MX host, blank, address) → day of the last handshake, for this batch and what was asked of
  // the store.
  std::unordered_map<std::string, policy::UtcDay, policy::TextHash, std::equal_to<>> handshakes_;
  std::vector<reporter::Batch::MxHandshake> new_handshakes_;
  std::map<std::pair<policy::UtcDay, std::string>, std::string> seen_records_;
};

}  // namespace tlsrpt::milter
