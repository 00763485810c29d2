// DeliveryRules: what a `to=` line says about the sessions of its delivery, and their counting.
//
// Made for one line and thrown away. Design, section 3, rules 1, 3 to 9, 11, 12 and 15.
#pragma once

#include <string>
#include <string_view>

#include "milter/correlate/correlator.h"

namespace tlsrpt::milter {

class DeliveryRules {
 public:
  DeliveryRules(Correlator& correlator, SmtpProcess& process, const LogLine& line,
                policy::UtcSeconds at)
      : correlator_(correlator), process_(process), line_(line), at_(at) {}

  void take(const PostfixMessage& message, std::string_view text);

 private:
  void begin_delivery();
  void apply_reason();
  void refuse_certificate(const PeerView& relay);
  void fail_handshake(const PeerView& relay);
  void find_retried(const PeerView& relay);
  void judge_without_handshake(std::string_view text);
  void judge_tls_feature(std::string_view text);
  void apply_tls_feature();
  void ignore_once(policy::Ignored kind);
  void count_plaintext(bool is_proven);
  void find_addresses();
  void count_open();
  void count_attempt(const Attempt& attempt, bool has_message);
  void count_message();
  Session session_of(const Carried& connection) const;
  Carried& carry(const Peer& peer, bool is_handshake);
  bool is_past_ehlo() const;
  bool has_handshake(const PeerView& relay);
  // The domain that a session belongs to; nullptr: ignored, and counted as such.
  const std::string* domain_for(std::string_view tlsrpt_domain, const Peer& peer);

  Correlator& correlator_;
  SmtpProcess& process_;
  const LogLine& line_;
  policy::UtcSeconds at_;
  const PostfixMessage* message_ = nullptr;
  const DeliveryLine* delivery_ = nullptr;
};

}  // namespace tlsrpt::milter
