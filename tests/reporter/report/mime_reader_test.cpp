#include "reporter/report/mime_reader.h"

#include <gtest/gtest.h>

namespace tlsrpt::reporter {
namespace {

TEST(MimeReader, HeaderFieldsAreUnfoldedAndFoundWithoutCase) {
  const auto message = read_mime(
      "From MAILER-DAEMON Sun Nov 22\r\nSUBJECT: Report\r\n\tDomain: a.example\r\n"
      "no field\r\nSubject: second\r\n\r\nbody: x\r\n");
  EXPECT_EQ(message.header.value("subject"), "Report\tDomain: a.example");
  EXPECT_FALSE(message.header.has("body"));
  EXPECT_EQ(message.header.value("to"), "");
}

TEST(MimeReader, AFieldHasAValueAndParameters) {
  const auto field = parse_mime_field(
      "Multipart/Report ; report-type=TLSRPT;Boundary=\"a \\\"b\\\"; c\"; broken; x=");
  EXPECT_EQ(field.value, "multipart/report");
  EXPECT_EQ(field.parameters.at("report-type"), "TLSRPT");
  EXPECT_EQ(field.parameters.at("boundary"), "a \"b\"; c");
  EXPECT_EQ(field.parameters.at("x"), "");
}

TEST(MimeReader, ParameterPiecesOfRfc2231ArePutTogether) {
  const auto field = parse_mime_field(
      "attachment; filename*1=\"b!\"; filename*0*=us-ascii'en'a%21; filename*2*=%2ejson; n*=%zz");
  EXPECT_EQ(field.parameters.at("filename"), "a!b!.json");
  EXPECT_EQ(field.parameters.at("n"), "%zz");
}

TEST(MimeReader, AMultipartIsItsParts) {
  const auto message = read_mime(
      "Content-Type: multipart/mixed; boundary=\"b\"\n\npreamble\n--b\n\nfirst\nline\n"
      "--b \nContent-Type: Application/JSON; name=x.json\n"
      "Content-Transfer-Encoding: BASE64\n\ne30=\n--bx\n--b--\n--b\n\nepilogue\n");
  ASSERT_EQ(message.parts.size(), 2U);
  EXPECT_EQ(message.parts[0].type, "text/plain");
  EXPECT_EQ(message.parts[0].body, "first\nline");
  EXPECT_EQ(message.parts[1].type, "application/json");
  EXPECT_EQ(message.parts[1].file_name, "x.json");
  EXPECT_EQ(message.parts[1].encoding, "base64");
  EXPECT_EQ(message.parts[1].body, "e30=\n--bx");
}

TEST(MimeReader, FilenameOfTheDispositionIsPreferred) {
  const auto message = read_mime(
      "Content-Type: application/octet-stream; name=a\r\n"
      "Content-Disposition: attachment;\r\n filename=\"b\"\r\n\r\n");
  ASSERT_EQ(message.parts.size(), 1U);
  EXPECT_EQ(message.parts[0].file_name, "b");
}

TEST(MimeReader, AMissingLastDelimiterIsForgiven) {
  const auto message = read_mime("Content-Type: multipart/x; boundary=b\r\n\r\n--b\r\n\r\nx\r\n");
  ASSERT_EQ(message.parts.size(), 1U);
  EXPECT_EQ(message.parts[0].body, "x");
}

TEST(MimeReader, NestedMultipartsAreWalkedToALimit) {
  std::string text;
  for (int i = 0; i < 30; ++i) {
    text += "Content-Type: multipart/x; boundary=b" + std::to_string(i) + "\n\n--b" +
            std::to_string(i) + "\n";
  }
  EXPECT_TRUE(read_mime(text + "\n\nx").parts.empty());
  const auto message = read_mime(
      "Content-Type: multipart/x; boundary=a\n\n--a\nContent-Type: multipart/y; boundary=b\n\n"
      "--b\n\none\n--b\n\ntwo\n--b--\n--a\n\nthree\n--a--\n");
  ASSERT_EQ(message.parts.size(), 3U);
  EXPECT_EQ(message.parts[2].body, "three");
}

TEST(MimeReader, NoMoreThanAHundredPartsAreRead) {
  std::string text = "Content-Type: multipart/x; boundary=a\n\n";
  for (int i = 0; i < 500; ++i) text += "--a\n\nx\n";
  EXPECT_LE(read_mime(text).parts.size(), max_mime_parts);
}

TEST(MimeReader, TransferEncodingsAreUndone) {
  const auto decoded = [](const char* encoding, std::string_view body) {
    return decode_body({"text/plain", "", encoding, body});
  };
  EXPECT_EQ(decoded("", "as it is").value(), "as it is");
  EXPECT_EQ(decoded("8bit", "as it is").value(), "as it is");
  EXPECT_EQ(decoded("base64", "Zm9v\r\nYmFy\r\n").value(), "foobar");
  EXPECT_EQ(decoded("quoted-printable", "a=3Db=\r\nc \t\r\nd=C3=BC=").value(), "a=bc\nd\xC3\xBC");
  EXPECT_EQ(decoded("quoted-printable", "a=zz=3").value(), "a=zz=3");
  EXPECT_FALSE(decoded("base64", "!").ok());
  EXPECT_FALSE(decoded("x-uuencode", "").ok());
}

}  // namespace
}  // namespace tlsrpt::reporter
