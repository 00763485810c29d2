#include "policy/ip_network.h"

#include <cstddef>
#include <cstdint>

#include "policy/text.h"

namespace tlsrpt::policy {
namespace {

Error syntax(std::string_view text, std::string_view why) {
  return {Errc::syntax, "\"" + escape_untrusted(text) + "\" " + std::string(why)};
}

unsigned width(const IpAddress& address) { return address.is_v4() ? 32 : 128; }

// The bits of byte AT that belong to a prefix of LENGTH bits.
unsigned mask(std::size_t at, unsigned length) {
  const std::size_t start = at * 8;
  if (length >= start + 8) return 0xFF;
  if (length <= start) return 0;
  return 0xFFU << (start + 8 - length) & 0xFFU;
}

bool host_bits_are_zero(const IpAddress& address, unsigned length) {
  for (std::size_t i = 0; i < width(address) / 8; ++i) {
    if ((address.bytes()[i] & ~mask(i, length) & 0xFFU) != 0) return false;
  }
  return true;
}

}  // namespace

Result<IpNetwork> IpNetwork::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return syntax(text, "is not a network such as 192.0.2.0/24 or 2001:db8::/32");
  unsigned length = width(*address);
  if (slash != std::string_view::npos) {
    const auto given = parse_number<unsigned>(text.substr(slash + 1));
    if (!given || *given > length) {
      return syntax(text, "needs a prefix length between 0 and " + std::to_string(length));
    }
    length = *given;
  }
  if (!host_bits_are_zero(*address, length)) {
    return syntax(text, "has bits set behind the prefix length: write the network's first address");
  }
  return IpNetwork{*address, length};
}

bool IpNetwork::contains(const IpAddress& other) const {
  if (other.is_v4() != address.is_v4()) return false;
  for (std::size_t i = 0; i < width(address) / 8; ++i) {
    const auto difference = static_cast<unsigned>(address.bytes()[i] ^ other.bytes()[i]);
    if ((difference & mask(i, prefix_length)) != 0) return false;
  }
  return true;
}

std::string IpNetwork::text() const { return address.text() + '/' + std::to_string(prefix_length); }

}  // namespace tlsrpt::policy
