#include "milter/postfix/tls_feature.h"

#include <algorithm>
#include <array>

namespace tlsrpt::milter {
namespace {

constexpr auto dane_levels =
    std::to_array<std::string_view>({"dane", "dane-only", "half-dane", "halfdane"});
constexpr auto other_levels =
    std::to_array<std::string_view>({"may", "encrypt", "fingerprint", "verify", "secure"});

bool is_one_of(const auto& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

std::optional<TlsFeature> parse_tls_feature(std::string_view text) {
  text = text.substr(0, text.find('/'));
  TlsFeature feature;
  feature.state = TlsState::encrypted;
  if (text.starts_with('!')) {
    feature.state = TlsState::violated;
    text.remove_prefix(1);
  } else if (text.ends_with('?')) {
    feature.state = TlsState::undecided;
    text.remove_suffix(1);
  }
  const std::size_t colon = text.find(':');
  const std::string_view level = text.substr(0, colon);
  std::string_view downgrade;
  if (colon != std::string_view::npos) downgrade = text.substr(colon + 1);
  feature.is_dane = is_one_of(dane_levels, level);
  if (level == "none") {
    feature.state = TlsState::not_wanted;
    return feature;
  }
  if (!feature.is_dane && !is_one_of(other_levels, level)) {
    // The policy look-up itself failed: "unknown?".
    if (level == "unknown" && feature.state == TlsState::undecided) return feature;
    return std::nullopt;
  }
  if (feature.state != TlsState::encrypted || downgrade.empty()) return feature;
  if (downgrade == "none") {
    feature.state = TlsState::plaintext;
  } else if (!is_one_of(dane_levels, downgrade) && !is_one_of(other_levels, downgrade)) {
    return std::nullopt;
  }
  feature.is_unauthenticated = feature.is_dane && downgrade == "encrypt";
  return feature;
}

}  // namespace tlsrpt::milter
