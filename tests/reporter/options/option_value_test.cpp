#include "reporter/options/option_value.h"

#include <gtest/gtest.h>

namespace tlsrpt::reporter {
namespace {

using std::chrono::seconds;

// The message of a result that must be an error.
template <class T>
std::string problem(const policy::Result<T>& result) {
  return result.ok() ? "(no error)" : result.error().message();
}

TEST(OptionValue, DurationHasOneNumberAndOneUnit) {
  const auto good = [](std::string_view text, std::int64_t want) {
    const auto got = parse_duration(text);
    ASSERT_TRUE(got.ok()) << text << ": " << problem(got);
    EXPECT_EQ(*got, seconds(want)) << text;
  };
  const auto bad = [](std::string_view text, std::string_view reason) {
    EXPECT_NE(problem(parse_duration(text)).find(reason), std::string::npos)
        << text << ": " << problem(parse_duration(text));
  };
  good("0s", 0);
  good("90s", 90);
  good("15m", 900);
  good("4h", 14400);
  good("7d", 604800);
  good("2w", 1209600);
  good("007m", 420);
  bad("4", "needs a unit");
  bad("4x", "is not a duration");
  bad("4H", "is not a duration");
  bad("4hh", "is not a duration");
  bad("1h30m", "is not a duration");
  bad("1.5h", "is not a duration");
  bad("-1h", "is not a duration");
  bad("+1h", "is not a duration");
  bad("h", "is not a duration");
  bad("4 h", "is not a duration");
  bad("99999999999999999999s", "too long");
  bad("9223372036854775807w", "too long");
}

TEST(OptionValue, DurationKeepsToItsBounds) {
  using Bounded = kind::Duration<60, 3600>;
  EXPECT_TRUE(Bounded::parse("60s").ok());
  EXPECT_TRUE(Bounded::parse("1h").ok());
  EXPECT_EQ(problem(Bounded::parse("59s")), "must be between 1m and 1h");
  EXPECT_EQ(problem(Bounded::parse("61m")), "must be between 1m and 1h");
}

TEST(OptionValue, DurationTextUsesTheLongestUnitThatFits) {
  EXPECT_EQ(duration_text(seconds(0)), "0s");
  EXPECT_EQ(duration_text(seconds(90)), "90s");
  EXPECT_EQ(duration_text(seconds(14400)), "4h");
  EXPECT_EQ(duration_text(seconds(604800)), "1w");
}

TEST(OptionValue, SizeIsANumberWithAnOptionalUnit) {
  EXPECT_EQ(parse_size("5M").value(), 5U * 1024 * 1024);
  EXPECT_EQ(parse_size("500k").value(), 500U * 1024);
  EXPECT_EQ(parse_size("1G").value(), 1024U * 1024 * 1024);
  EXPECT_EQ(parse_size("4096").value(), 4096U);
  for (const char* text : {"5m", "5MB", "M", "5 M", "-5M", "1.5M", "5T"}) {
    EXPECT_EQ(problem(parse_size(text)), "is not a size such as 500k, 5M or 1G") << text;
  }
  EXPECT_EQ(problem(parse_size("99999999999G")), "size is too large");
  using Bounded = kind::Size<1024, 4096>;
  EXPECT_TRUE(Bounded::parse("1k").ok());
  EXPECT_FALSE(Bounded::parse("1023").ok());
  EXPECT_FALSE(Bounded::parse("5k").ok());
}

TEST(OptionValue, NumberSaysWhetherFormOrRangeIsWrong) {
  using Bounded = kind::Number<unsigned, 1, 256>;
  EXPECT_EQ(Bounded::parse("256").value(), 256U);
  EXPECT_EQ(problem(Bounded::parse("0")), "must be between 1 and 256");
  EXPECT_EQ(problem(Bounded::parse("257")), "must be between 1 and 256");
  EXPECT_EQ(problem(Bounded::parse("99999999999999999999999")), "must be between 1 and 256");
  EXPECT_EQ(problem(Bounded::parse("8x")), "is not a number (digits only)");
  EXPECT_EQ(problem(Bounded::parse("-8")), "is not a number (digits only)");
}

TEST(OptionValue, YesNoKnowsTwoWords) {
  EXPECT_TRUE(parse_yes_no("yes").value());
  EXPECT_FALSE(parse_yes_no("no").value());
  for (const char* text : {"Yes", "true", "1", "on", "y", "yes no"}) {
    EXPECT_EQ(problem(parse_yes_no(text)), "must be yes or no") << text;
  }
}

TEST(OptionValue, AddrSpecIsAnAddressAlone) {
  const auto good = [](std::string_view text, std::string_view want) {
    const auto got = parse_addr_spec(text);
    ASSERT_TRUE(got.ok()) << text << ": " << problem(got);
    EXPECT_EQ(*got, want);
  };
  const auto bad = [](std::string_view text, std::string_view reason) {
    EXPECT_NE(problem(parse_addr_spec(text)).find(reason), std::string::npos)
        << text << ": " << problem(parse_addr_spec(text));
  };
  good("tls-reports@example.com", "tls-reports@example.com");
  good("Tls.Reports+x@Example.COM", "Tls.Reports+x@Example.COM");
  good("\"two words\"@example.com", "\"two words\"@example.com");
  good(R"("a\"b@c"@example.com)", R"("a\"b@c"@example.com)");
  good("root@localhost", "root@localhost");
  good(
      "post@b\xC3\xBC"
      "cher.example",
      "post@xn--bcher-kva.example");
  bad("mailto:a@example.com", "without mailto:");
  bad("MAILTO:a@example.com", "without mailto:");
  bad("Name <a@example.com>", "without name and angle brackets");
  bad("example.com", "is not an address");
  bad("@example.com", "local part");
  bad("a@", "not a domain name");
  bad("a@example.com.", "not a domain name");
  bad("a@[192.0.2.1]", "not a domain name");
  bad("a@192.0.2.1", "not a domain name");
  bad("a@-x.example", "not a domain name");
  bad("a..b@example.com", "local part");
  bad(".a@example.com", "local part");
  bad("a.@example.com", "local part");
  bad("a b@example.com", "local part");
  bad("a,b@example.com", "local part");
  bad(R"("a\"@example.com)", "local part");
  bad(R"("a"b"@example.com)", "local part");
  bad("\xC3\xBC@example.com", "local part");
  bad(std::string(65, 'a') + "@example.com", "longer than 64");
  bad(std::string(64, 'a') + "@" + std::string(63, 'b') + "." + std::string(63, 'c') + "." +
          std::string(63, 'd') + ".example",
      "longer than 254");
}

// RFC 6376, 3.1: any labels, a date among them.
TEST(OptionValue, SelectorsAreLabels) {
  for (const char* same : {"tlsrpt", "20261127", "2026", "a.2026", "s1-x"}) {
    EXPECT_EQ(*parse_selector(same), same);
  }
  EXPECT_EQ(*parse_selector("KEY"), "key");
  EXPECT_EQ(*parse_selector("bücher"), "xn--bcher-kva");
  for (const char* bad : {"", ".", "a.", ".a", "a..b", "-a", "a b", "a@b"}) {
    EXPECT_FALSE(parse_selector(bad).ok()) << bad;
  }
}

TEST(OptionValue, PathsAreAbsolute) {
  EXPECT_EQ(parse_path("/a b/c").value(), "/a b/c");
  EXPECT_EQ(problem(parse_path("a/b")), "must be an absolute path");
  EXPECT_EQ(problem(parse_path("~/b")), "must be an absolute path");
  EXPECT_FALSE(parse_path("/" + std::string(4095, 'a')).ok());
}

TEST(OptionValue, HostsMayStandInBracketsAsInRelayhost) {
  EXPECT_EQ(parse_host("Mail.Example.COM").value(), "mail.example.com");
  EXPECT_EQ(parse_host("[mail.example.com]").value(), "mail.example.com");
  EXPECT_EQ(parse_host("[192.0.2.1]").value(), "192.0.2.1");
  EXPECT_EQ(parse_host("2001:DB8::1").value(), "2001:db8::1");
  EXPECT_EQ(problem(parse_host("[mail.example.com]:587")), "is a host or an address without port");
  EXPECT_EQ(problem(parse_host("mail.example.com:587")), "is a host or an address without port");
  EXPECT_EQ(problem(parse_host("a_b c")), "is neither a host name nor an address");
  EXPECT_FALSE(parse_host("[]").ok());
}

TEST(OptionValue, NetworksAreToldOnceAlsoInAList) {
  using Networks = kind::ListOr<kind::NetworkBlock, "none">;
  EXPECT_EQ(Networks::parse("127.0.0.0/8 ::1").value().size(), 2U);
  EXPECT_TRUE(Networks::parse("none").value().empty());
  EXPECT_TRUE(problem(Networks::parse("::1 127.0.0.1/8")).starts_with("\"127.0.0.1/8\" has bits"));
}

TEST(OptionValue, ServersHaveAPortOf53UnlessGiven) {
  const auto check = [](std::string_view text, std::string_view address, std::uint16_t port) {
    const auto got = parse_server(text);
    ASSERT_TRUE(got.ok()) << text << ": " << problem(got);
    EXPECT_EQ(got->address.text(), address) << text;
    EXPECT_EQ(got->port, port) << text;
  };
  check("127.0.0.1", "127.0.0.1", 53);
  check("127.0.0.1:5353", "127.0.0.1", 5353);
  check("::1", "::1", 53);
  check("[::1]", "::1", 53);
  check("[::1]:5353", "::1", 5353);
  for (const char* text : {"dns.example", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:", "[::1",
                           "[::1]x", "[::1]:", "::1:99999"}) {
    EXPECT_FALSE(parse_server(text).ok()) << text;
  }
}

TEST(OptionValue, StoreSourceAndTransportNameTheirScheme) {
  EXPECT_TRUE(parse_store("sqlite:/var/lib/tlsrpt/tlsrpt.sqlite").ok());
  for (const char* text : {"/var/lib/x", "sqlite:x", "sqlite:", "sqlite:/", "SQLITE:/x",
                           "postgresql://db/tlsrpt", "mysql:/x"}) {
    EXPECT_FALSE(parse_store(text).ok()) << text;
  }
  for (const char* text : {"auto", "none", "file:/var/log/mail.log", "journal:", "journal:mail",
                           "journal:/var/log/journal/x"}) {
    EXPECT_TRUE(parse_log_source(text).ok()) << text;
  }
  for (const char* text :
       {"/var/log/mail.log", "journal", "journal:a/b", "journal:a b", "Auto", "file:"}) {
    EXPECT_FALSE(parse_log_source(text).ok()) << text;
  }
  for (const char* text :
       {"sendmail:/usr/sbin/sendmail", "directory:/tmp/x", "smtp://localhost", "smtp://mx:2525",
        "smtp://127.0.0.1:25", "smtp://[::1]:25", "smtp://[::1]", "smtp://[127.0.0.1]:25"}) {
    EXPECT_TRUE(parse_transport(text).ok()) << text << ": " << problem(parse_transport(text));
  }
  for (const char* text :
       {"sendmail:sendmail", "directory:x", "smtp://", "smtp://:25", "smtp://mx:0", "smtp://mx:x",
        "smtp://::1", "smtp://[::1", "smtp://[mx]:25", "smtp://a b", "smtp://u@mx",
        "smtp://mx/path", "smtps://mx", "/usr/sbin/sendmail", "smtp://mx:65536"}) {
    EXPECT_FALSE(parse_transport(text).ok()) << text;
  }
}

TEST(OptionValue, SocketsAreInAFolderOrOnThisMachine) {
  EXPECT_EQ(*parse_stream_socket("unix:/run/m.sock"), "unix:/run/m.sock");
  EXPECT_EQ(*parse_stream_socket("inet:8891@LocalHost"), "inet:8891@localhost");
  EXPECT_EQ(*parse_stream_socket("inet:8891@[::1]"), "inet:8891@::1");
  EXPECT_EQ(*parse_stream_socket("none"), "none");
  EXPECT_EQ(*parse_datagram_socket("/run/t.sock"), "/run/t.sock");
  EXPECT_EQ(*parse_datagram_socket("none"), "none");
  EXPECT_TRUE(parse_datagram_socket("/" + std::string(max_socket_path - 1, 'x')).ok());
  EXPECT_FALSE(parse_datagram_socket("/" + std::string(max_socket_path, 'x')).ok());
  for (const char* text : {"", "t.sock", "unix:/run/t.sock", "/run/"})
    EXPECT_FALSE(parse_datagram_socket(text).ok()) << text;
  EXPECT_TRUE(parse_stream_socket("unix:/" + std::string(max_socket_path - 1, 'x')).ok());
  for (const std::string& text :
       {std::string("unix:run/m.sock"), std::string("unix:/run/"), std::string("/run/m.sock"),
        std::string("inet:8891"), std::string("inet:@localhost"), std::string("inet:99999@::1"),
        std::string("inet:8891@"), "unix:/" + std::string(max_socket_path, 'x')})
    EXPECT_FALSE(parse_stream_socket(text).ok()) << text;
}

TEST(OptionValue, ModesAreOctal) {
  EXPECT_EQ(*parse_file_mode("0660"), 0660U);
  EXPECT_EQ(*parse_file_mode("777"), 0777U);
  for (const char* text : {"66", "00660", "0x1b", "0680", "1777", "-660", "066 "})
    EXPECT_FALSE(parse_file_mode(text).ok()) << text;
}

TEST(OptionValue, TimeZonesAndUsersAreNamesNotPaths) {
  for (const char* text : {"UTC", "Europe/Vienna", "America/Argentina/Ushuaia", "Etc/GMT+13"}) {
    EXPECT_TRUE(parse_time_zone(text).ok()) << text;
  }
  for (const char* text : {"/etc/localtime", "../x", "Europe/", "a//b", "Europe Vienna"}) {
    EXPECT_FALSE(parse_time_zone(text).ok()) << text;
  }
  EXPECT_TRUE(parse_user("tlsrpt").ok());
  EXPECT_TRUE(parse_user("_tls-rpt.1").ok());
  for (const char* text : {"-x", "a b", "a:b", "a/b", "a2345678901234567890123456789012345"}) {
    EXPECT_FALSE(parse_user(text).ok()) << text;
  }
}

TEST(OptionValue, ListsAreSeparatedByBlanksOrCommas) {
  using Ports = kind::List<kind::Number<std::uint16_t, 1, 65535>>;
  EXPECT_EQ(Ports::parse("443, 8443\t9443").value(), (std::vector<std::uint16_t>{443, 8443, 9443}));
  EXPECT_EQ(problem(Ports::parse(" , ")), "is a list without elements");
  EXPECT_EQ(problem(Ports::parse("443 0")), "\"0\": must be between 1 and 65535");
  EXPECT_EQ(problem(Ports::parse("0")), "must be between 1 and 65535");
  std::string many;
  for (std::size_t i = 0; i <= max_list_elements; ++i) many += "443 ";
  EXPECT_EQ(problem(Ports::parse(many)), "has more than 1000 elements");
}

TEST(OptionValue, AWordMayStandForAnEmptyList) {
  using Addresses = kind::ListOr<kind::Address, "auto">;
  EXPECT_TRUE(Addresses::parse("auto").value().empty());
  EXPECT_EQ(Addresses::parse("192.0.2.1").value().size(), 1U);
  EXPECT_FALSE(Addresses::parse("auto 192.0.2.1").ok());
}

}  // namespace
}  // namespace tlsrpt::reporter
