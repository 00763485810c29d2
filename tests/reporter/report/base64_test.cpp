#include "reporter/report/base64.h"

#include <gtest/gtest.h>

namespace tlsrpt::reporter {
namespace {

TEST(Base64, EncodesTheExamplesOfRfc4648) {
  EXPECT_EQ(base64_encode(""), "");
  EXPECT_EQ(base64_encode("f"), "Zg==");
  EXPECT_EQ(base64_encode("fo"), "Zm8=");
  EXPECT_EQ(base64_encode("foo"), "Zm9v");
  EXPECT_EQ(base64_encode("foob"), "Zm9vYg==");
  EXPECT_EQ(base64_encode("fooba"), "Zm9vYmE=");
  EXPECT_EQ(base64_encode("foobar"), "Zm9vYmFy");
}

TEST(Base64, DecodesEveryOctet) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(static_cast<unsigned char>(i));
  for (std::size_t cut = 0; cut < 4; ++cut) {
    const std::string data = all.substr(cut);
    EXPECT_EQ(base64_decode(base64_encode(data)).value(), data);
    EXPECT_EQ(base64_decode(base64_lines(data)).value(), data);
  }
}

TEST(Base64, LinesHaveAtMost76CharactersAndEndInCrlf) {
  EXPECT_EQ(base64_lines(""), "");
  EXPECT_EQ(base64_lines(std::string(57, '\0')), std::string(76, 'A') + "\r\n");
  EXPECT_EQ(base64_lines(std::string(58, '\0')), std::string(76, 'A') + "\r\nAA==\r\n");
}

TEST(Base64, DecoderSkipsWhiteSpaceAndForgivesMissingPadding) {
  EXPECT_EQ(base64_decode(" Zm9v\r\n\tYg").value(), "foob");
}

TEST(Base64, DecoderRefusesForeignCharactersAndDataAfterPadding) {
  for (const char* text : {"Zm9v!", "Zg==Zg==", "Zm\xC3\xA9v", "Zm-v", "Zm_v"}) {
    const auto decoded = base64_decode(text);
    ASSERT_FALSE(decoded.ok()) << text;
    EXPECT_EQ(decoded.error().code(), policy::Errc::syntax);
  }
}

}  // namespace
}  // namespace tlsrpt::reporter
