#include "milter/postfix/tls_feature.h"

#include <gtest/gtest.h>

namespace tlsrpt::milter {
namespace {

TEST(TlsFeature, EveryFormOfPostfix311) {
  const auto good = [](std::string_view text, TlsState state, bool is_dane = false,
                       bool is_unauthenticated = false) {
    const auto feature = parse_tls_feature(text);
    ASSERT_TRUE(feature) << text;
    EXPECT_TRUE(feature->state == state) << text;
    EXPECT_EQ(feature->is_dane, is_dane) << text;
    EXPECT_EQ(feature->is_unauthenticated, is_unauthenticated) << text;
  };
  good("none", TlsState::not_wanted);
  good("may", TlsState::encrypted);
  good("may:none", TlsState::plaintext);
  good("may?", TlsState::undecided);
  good("unknown?", TlsState::undecided);
  good("encrypt", TlsState::encrypted);
  good("secure", TlsState::encrypted);
  good("!secure", TlsState::violated);
  good("secure?", TlsState::undecided);
  good("verify", TlsState::encrypted);
  good("fingerprint", TlsState::encrypted);
  good("dane", TlsState::encrypted, true);
  good("dane:halfdane", TlsState::encrypted, true);
  good("half-dane", TlsState::encrypted, true);
  good("!halfdane", TlsState::violated, true);
  good("dane-only", TlsState::encrypted, true);
  good("dane:encrypt", TlsState::encrypted, true, true);
  good("dane:may", TlsState::encrypted, true);
  good("may/requiretls", TlsState::encrypted);
  good("may/!requiretls:nostarttls", TlsState::encrypted);
}

TEST(TlsFeature, AnUnknownLevelIsNotGuessed) {
  for (const char* bad : {"", "?", "!", ":", "martian", "may:martian", "MAY", "unknown", "/"}) {
    EXPECT_FALSE(parse_tls_feature(bad)) << bad;
  }
}

}  // namespace
}  // namespace tlsrpt::milter
