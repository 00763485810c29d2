// Peer: the remote host as Postfix writes it in log lines, `host[address]:port`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tlsrpt::milter {

// The port of MX delivery; no other port belongs to a recipient domain's report.
inline constexpr std::uint16_t smtp_port = 25;

// A view into a log line.
struct PeerView {
  std::string_view host;     // As logged: letter case kept.
  std::string_view address;  // Without brackets.
  std::uint16_t port = smtp_port;
};

// The peer at the start of TEXT; *LENGTH is set to the octets it takes. The port may be missing
// (`mx.example[192.0.2.1]`, in TLSRPT lines and in reply texts): it is 25 then. None where TEXT
// does not start with a host name (letters, digits, '-', '.', '_'), a bracketed IP address and,
// with a colon, a port. A path in brackets (`host[private/lmtp]`) is no peer.
std::optional<PeerView> parse_peer(std::string_view text, std::size_t* length);

// An owned peer that is assigned again and again without allocating.
struct Peer {
  std::string host;  // Lower case.
  std::string address;
  std::uint16_t port = smtp_port;

  void assign(const PeerView& view);
  void clear();
  bool is_known() const { return !address.empty(); }
  // Same address, and the same host name whatever its letter case.
  bool matches(const PeerView& view) const;
};

}  // namespace tlsrpt::milter
