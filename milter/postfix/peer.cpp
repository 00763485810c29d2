#include "milter/postfix/peer.h"

#include <algorithm>

#include "policy/text.h"

namespace tlsrpt::milter {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_host_octet(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         (c >= 'A' && c <= 'Z') || c == '_';
}

bool is_address_octet(char c) {
  return (c >= '0' && c <= '9') || c == '.' || c == ':' || (c >= 'a' && c <= 'f') ||
         (c >= 'A' && c <= 'F');
}

}  // namespace

std::optional<PeerView> parse_peer(std::string_view text, std::size_t* length) {
  std::size_t at = 0;
  while (at < text.size() && is_host_octet(text[at])) ++at;
  if (at == 0 || at >= text.size() || text[at] != '[') return std::nullopt;
  PeerView peer;
  peer.host = text.substr(0, at);
  const std::size_t start = ++at;
  while (at < text.size() && is_address_octet(text[at])) ++at;
  peer.address = text.substr(start, at - start);
  if (at < text.size() && text[at] == '%') {  // A zone, as in fe80::1%eth0.
    const std::size_t zone = ++at;
    while (at < text.size() && is_host_octet(text[at])) ++at;
    if (at == zone) return std::nullopt;
  }
  if (peer.address.empty() || at >= text.size() || text[at] != ']') return std::nullopt;
  if (std::none_of(peer.address.begin(), peer.address.end(),
                   [](char c) { return c == '.' || c == ':'; }))
    return std::nullopt;
  ++at;
  if (at + 1 < text.size() && text[at] == ':' && text[at + 1] >= '0' && text[at + 1] <= '9') {
    std::size_t end = at + 1;
    while (end < text.size() && text[end] >= '0' && text[end] <= '9') ++end;
    const auto port = policy::parse_number<std::uint16_t>(text.substr(at + 1, end - at - 1));
    if (!port) return std::nullopt;
    peer.port = *port;
    at = end;
  }
  *length = at;
  return peer;
}

void Peer::assign(const PeerView& view) {
  host.assign(view.host);
  std::transform(host.begin(), host.end(), host.begin(), lower);
  if (host.size() > 1 && host.back() == '.') host.pop_back();
  address.assign(view.address);
  port = view.port;
}

void Peer::clear() {
  host.clear();
  address.clear();
  port = smtp_port;
}

bool Peer::matches(const PeerView& view) const {
  if (address != view.address || port != view.port) return false;
  std::string_view name = view.host;
  if (name.size() > 1 && name.back() == '.') name.remove_suffix(1);
  if (host == name) return true;
  return std::equal(host.begin(), host.end(), name.begin(), name.end(),
                    [](char ours, char theirs) { return ours == lower(theirs); });
}

}  // namespace tlsrpt::milter
