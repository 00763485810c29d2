// Any bytes as an item of a rua list: what comes out is printable, and its canonical form is read
// back as the same destination.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "policy/domain_name.h"
#include "policy/rua_uri.h"
#include "policy/text.h"

namespace {

using tlsrpt::policy::RuaScheme;
using tlsrpt::policy::RuaUri;

// An assert() would be gone from a release build.
void require(bool condition) {
  if (!condition) std::abort();
}

void check(const RuaUri& uri) {
  require(tlsrpt::policy::is_printable(uri.target) && tlsrpt::policy::is_ascii(uri.host));
  const bool is_mail = uri.scheme == RuaScheme::mailto;
  require(is_mail || tlsrpt::policy::is_ascii(uri.target));
  require(!uri.host.empty() && uri.port != 0);
  const std::string canonical = uri.text();
  // It can stand in a rua list again.
  require(tlsrpt::policy::is_ascii(canonical));
  require(canonical.find_first_of(" ,;!") == std::string::npos);
  const auto again = tlsrpt::policy::parse_destination(canonical);
  require(again.ok() && *again == uri && again->text() == canonical);
  if (!is_mail) {
    require(uri.target.starts_with("https://"));
    require(uri.target.find_first_of(" \"<>\\^`{|}#") == std::string::npos);
    if (uri.host_address()) return;
  } else {
    require(uri.target.size() <= 254);
    require(uri.target.ends_with('@' + uri.host));
  }
  const auto host = tlsrpt::policy::DomainName::parse(uri.host);
  require(host.ok() && host->text() == uri.host);
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the name that libFuzzer calls.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto reading = tlsrpt::policy::read_rua_uri(text);
  require(!reading.uris.empty() || !reading.warnings.empty());
  for (const RuaUri& uri : reading.uris) check(uri);
  for (const auto& warning : reading.warnings) {
    require(tlsrpt::policy::is_utf8(warning.message));
    require(tlsrpt::policy::escape_untrusted(warning.message) == warning.message);
    require(!tlsrpt::policy::to_text(warning.fault).empty());
  }
  const auto destination = tlsrpt::policy::parse_destination(text);
  require(destination.ok() == (reading.uris.size() == 1 && reading.warnings.empty()));
  return 0;
}
