#include "reporter/postfix/postfix_config.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "reporter/postfix/postconf.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using Texts = std::vector<std::string>;

class PostfixConfigTest : public testing::Test {
 protected:
  // A postconf that runs SCRIPT.
  Texts fake(const std::string& script) {
    const std::string path =
        dir.write("postconf" + std::to_string(++fakes_), "#!/bin/sh\n" + script);
    std::filesystem::permissions(path, std::filesystem::perms(0755));
    return {dir.file("absent"), path};
  }

  testing_support::TempDir dir;

 private:
  int fakes_ = 0;
};

TEST_F(PostfixConfigTest, AsksOnceForAllAndReadsTheAnswer) {
  dir.write("transport",
            "# comment.example smtp:[not.example]\n"
            "a.example  smtp:[gw-a.example]\n\nb.example  smtp:b.example\n");
  const Texts postconf = fake("echo \"$*\" >" + dir.file("asked") +
                              "\necho 'postconf: warning: maillog_file: unknown parameter' >&2\n"
                              "cat <<'END'\n"
                              "syslog_name = postfix-out\n"
                              "smtp_bind_address = 192.0.2.25\n"
                              "double_bounce_sender = dropped\n"
                              "relayhost = [smtp.isp.example]:587\n"
                              "default_transport = smtp:[Fallback.example]\n"
                              "multi_instance_directories = /etc/postfix-b, /etc/postfix-c\n"
                              "transport_maps = texthash:" +
                              dir.file("transport") +
                              ", pcre:/etc/postfix/x inline:{c.example=smtp:[gw-c.example]}\n"
                              "END\n");
  const auto config = read_postfix_config("/etc/postfix-out", postconf);
  ASSERT_TRUE(config.ok()) << config.error().message();
  EXPECT_TRUE(dir.read("asked").starts_with("-c /etc/postfix-out -x maillog_file syslog_name "));
  EXPECT_EQ(config->directory, "/etc/postfix-out");
  EXPECT_EQ(config->maillog_file, "");
  EXPECT_EQ(config->syslog_name, "postfix-out");
  EXPECT_EQ(config->smtp_bind_address, "192.0.2.25");
  EXPECT_EQ(config->smtp_bind_address6, "");
  EXPECT_EQ(config->double_bounce_sender, "dropped");
  EXPECT_EQ(config->relay_hosts,
            (Texts{"smtp.isp.example", "fallback.example", "gw-a.example", "gw-c.example"}));
  EXPECT_EQ(config->other_directories, (Texts{"/etc/postfix-b", "/etc/postfix-c"}));
  ASSERT_EQ(config->notices.size(), 1U);
  EXPECT_EQ(config->notices[0],
            "transport_maps pcre:/etc/postfix/x: tables of this type are not read; relays in it "
            "must be named in ignore_relays");
}

TEST_F(PostfixConfigTest, SaysWhatIsWrong) {
  const auto error_of = [](const Texts& postconf) {
    const auto config = read_postfix_config("/etc/postfix", postconf);
    EXPECT_FALSE(config.ok());
    return config.ok() ? policy::Error(Errc::internal, "") : config.error();
  };
  EXPECT_EQ(error_of({dir.file("absent")}).code(), Errc::not_found);
  EXPECT_EQ(error_of({}).code(), Errc::not_found);
  const auto failed = error_of(fake("echo 'postconf: fatal: open main.cf: gone' >&2; exit 1"));
  EXPECT_EQ(failed.code(), Errc::io);
  EXPECT_EQ(failed.message(),
            "postconf -c /etc/postfix: failed: postconf: fatal: open main.cf: gone");
  EXPECT_EQ(error_of(fake("exit 0")).code(), Errc::io);
  EXPECT_EQ(error_of(fake("echo syslog_name = x; kill -9 $$")).code(), Errc::io);
}

TEST_F(PostfixConfigTest, AutoAsksTheDefaultInstanceAndItsOthersWhereTheLogIsAuto) {
  const Texts postconf = fake(
      "case \"$2\" in\n"
      "/b) echo 'maillog_file = /var/log/b.log'; echo 'multi_instance_directories = /d' ;;\n"
      "/c) exit 1 ;;\n"
      "*) echo 'multi_instance_directories = /b /c'; echo 'config_directory = /etc/postfix' ;;\n"
      "esac\n");
  const auto configs = read_postfix_configs({"auto"}, {"auto"}, postconf);
  ASSERT_TRUE(configs.ok());
  ASSERT_EQ(configs->size(), 3U);
  EXPECT_EQ((*configs)[0].directory, "/etc/postfix");
  EXPECT_EQ((*configs)[1].maillog_file, "/var/log/b.log");
  EXPECT_EQ((*configs)[2].notices.size(), 1U);
  EXPECT_TRUE(read_postfix_configs({"auto"}, {"file:/x"}, postconf)->empty());
  EXPECT_TRUE(read_postfix_configs({"none"}, {"auto"}, postconf)->empty());
  EXPECT_TRUE(read_postfix_configs({"auto"}, {"auto"}, {dir.file("absent")})->empty());
}

TEST_F(PostfixConfigTest, NamedDirectoriesAreAskedWhateverTheLogAndMustAnswer) {
  const Texts postconf = fake("[ \"$2\" = /c ] && exit 1\necho \"syslog_name = x$2\"\n");
  const auto configs = read_postfix_configs({"/a", "/b"}, {"file:/x"}, postconf);
  ASSERT_TRUE(configs.ok());
  ASSERT_EQ(configs->size(), 2U);
  EXPECT_EQ((*configs)[1].syslog_name, "x/b");
  EXPECT_EQ(read_postfix_configs({"/a", "/c"}, {"file:/x"}, postconf).error().code(), Errc::io);
  EXPECT_EQ(read_postfix_configs({"/a"}, {"file:/x"}, {}).error().code(), Errc::not_found);
}

TEST_F(PostfixConfigTest, TheRealPostconfIsUnderstood) {
  dir.write("main.cf",
            "compatibility_level = 3.6\nmail_version = 3.7\n"
            "maillog_file = /var/log/$syslog_name.log\nsyslog_name = postfix-test\n"
            "relayhost = [relay.example]:26\ntransport_maps = inline:{ {x = smtp:[y.example]} }\n");
  dir.write("master.cf", "");
  const auto config = read_postfix_config(dir.path().string(), usual_postconf());
  if (!config.ok() && config.error().code() == Errc::not_found) GTEST_SKIP() << "no Postfix here";
  ASSERT_TRUE(config.ok()) << config.error().message();
  EXPECT_EQ(config->maillog_file, "/var/log/postfix-test.log");
  EXPECT_EQ(config->syslog_name, "postfix-test");
  EXPECT_EQ(config->relay_hosts, (Texts{"relay.example", "y.example"}));
}

}  // namespace
}  // namespace tlsrpt::reporter
