#include "reporter/options/option_table.h"

#include <gtest/gtest.h>

namespace tlsrpt::reporter {
namespace {

TEST(OptionTable, EveryDefaultPassesItsOwnParser) {
  const Settings settings = default_settings();
  EXPECT_EQ(settings.store, "sqlite:/var/lib/tlsrpt/tlsrpt.sqlite");
  EXPECT_EQ(settings.delivery_spread, std::chrono::hours(4));
  EXPECT_EQ(settings.max_report_size, 5U * 1024 * 1024);
  EXPECT_EQ(settings.https_ports, std::vector<std::uint16_t>{443});
  EXPECT_TRUE(settings.report_plaintext);
  EXPECT_FALSE(settings.count_private_relays);
  EXPECT_TRUE(settings.sending_mta_ip.empty());
  EXPECT_TRUE(settings.dns_servers.empty());
  EXPECT_TRUE(settings.https_allow_addresses.empty());
  EXPECT_TRUE(settings.organization_name.empty());
}

TEST(OptionTable, DefaultsKeepTheRulesBetweenOptions) {
  EXPECT_TRUE(validate(default_settings()).empty());
}

TEST(OptionTable, FindsExactNamesOnly) {
  for (const Option& option : option_table()) EXPECT_EQ(find_option(option.name), &option);
  EXPECT_EQ(find_option("Store"), nullptr);
  EXPECT_EQ(find_option("stor"), nullptr);
  EXPECT_EQ(find_option(""), nullptr);
  EXPECT_EQ(find_option("zzz"), nullptr);
}

TEST(OptionTable, GuessesWhatAMisspeltNameWasMeantToBe) {
  ASSERT_NE(guess_option("organisation_name"), nullptr);
  EXPECT_EQ(guess_option("organisation_name")->name, "organization_name");
  EXPECT_EQ(guess_option("contact-info")->name, "contact_info");
  EXPECT_EQ(guess_option("RetryMin")->name, "retry_min");
  EXPECT_EQ(guess_option("smtpd_tls_loglevel"), nullptr);
  EXPECT_EQ(guess_option("x"), nullptr);
  EXPECT_EQ(guess_option(std::string(1000000, 'a')), nullptr);
}

TEST(OptionTable, DerivesSenderAndSubmitterFromContactInfo) {
  Settings settings = default_settings();
  settings.contact_info = "tls@Mail.Example.COM";
  derive(settings);
  EXPECT_EQ(settings.mail_from, "tls@Mail.Example.COM");
  EXPECT_EQ(settings.report_senders, std::vector<std::string>{"tls@Mail.Example.COM"});
  EXPECT_EQ(settings.submitter, "mail.example.com");

  Settings set = default_settings();
  set.contact_info = "tls@example.com";
  set.mail_from = "noreply@out.example.com";
  derive(set);
  EXPECT_EQ(set.report_senders, std::vector<std::string>{"noreply@out.example.com"});
  EXPECT_EQ(set.submitter, "example.com");

  set.report_senders = {"other@example.com"};
  derive(set);
  EXPECT_EQ(set.report_senders, std::vector<std::string>{"other@example.com"});
}

TEST(OptionTable, ValidatesRulesBetweenOptions) {
  const auto faults_of = [](const auto& change) {
    Settings settings = default_settings();
    change(settings);
    std::string faults;
    for (const OptionFault& each : validate(settings)) faults += std::string(each.option) + ";";
    return faults;
  };
  EXPECT_EQ(faults_of([](Settings& s) { s.retry_min = s.retry_max + std::chrono::seconds(1); }),
            "retry_min;");
  EXPECT_EQ(faults_of([](Settings& s) { s.retry_min = s.retry_max; }), "");
  EXPECT_EQ(faults_of([](Settings& s) { s.retention = s.report_max_age - std::chrono::hours(1); }),
            "report_max_age;");
  EXPECT_EQ(faults_of([](Settings& s) { s.retention = s.report_max_age; }), "");
  EXPECT_EQ(faults_of([](Settings& s) { s.log_source = {"auto", "file:/a"}; }), "log_source;");
  EXPECT_EQ(faults_of([](Settings& s) { s.tlsrpt_socket = "/s", s.milter_socket = "unix:/s"; }),
            "tlsrpt_socket;");
  EXPECT_EQ(faults_of([](Settings& s) { s.tlsrpt_socket = "/s", s.milter_socket = "unix:/m"; }),
            "");
  EXPECT_EQ(faults_of([](Settings& s) { s.store = "sqlite:/a", s.log_source = {"file:/a"}; }),
            "log_source;");
  EXPECT_EQ(faults_of([](Settings& s) { s.log_source = {"file:/a", "none"}; }), "log_source;");
  EXPECT_EQ(faults_of([](Settings& s) { s.log_source = {"file:/a", "file:/a"}; }), "log_source;");
  EXPECT_EQ(faults_of([](Settings& s) { s.log_source = {"file:/a", "file:/b"}; }), "");
  EXPECT_EQ(faults_of([](Settings& s) {
              s.postfix_config = {"none", "/etc/postfix"};
            }),
            "postfix_config;");
  const auto servers = [](std::size_t count) {
    return [count](Settings& s) { s.dns_servers.assign(count, {}); };
  };
  EXPECT_EQ(faults_of(servers(32)), "");
  EXPECT_EQ(faults_of(servers(33)), "dns_servers;");
}

TEST(OptionTable, WhatTakesARestartIsKeptAndNamed) {
  const Settings running = default_settings();
  Settings fresh = default_settings();
  fresh.store = "sqlite:/elsewhere";
  fresh.milter_socket_mode = 0666;
  fresh.ignore_relays = {"relay.example"};
  fresh.dns_servers = {{*policy::IpAddress::parse("192.0.2.1"), 53}};
  EXPECT_EQ(keep_restart_options(running, fresh),
            (std::vector<std::string_view>{"milter_socket_mode", "store"}));
  EXPECT_EQ(fresh.store, running.store);
  EXPECT_EQ(fresh.milter_socket_mode, running.milter_socket_mode);
  EXPECT_EQ(fresh.ignore_relays, std::vector<std::string>{"relay.example"});
  EXPECT_TRUE(keep_restart_options(running, fresh).empty());
}

TEST(OptionTable, EveryOptionKnowsWhetherItsValueIsTheSameAndCopiesIt) {
  const Settings one = default_settings();
  for (const Option& option : option_table()) {
    Settings other = default_settings();
    EXPECT_TRUE(option.is_same(one, other)) << option.name;
    option.copy(one, other);
    EXPECT_TRUE(option.is_same(one, other)) << option.name;
  }
  Settings servers = default_settings();
  servers.dns_servers = {{*policy::IpAddress::parse("192.0.2.1"), 53}};
  EXPECT_FALSE(find_option("dns_servers")->is_same(one, servers));
}

TEST(OptionTable, WritesTypeAndDefaultAsTheManualDoes) {
  EXPECT_EQ(type_text(*find_option("dns_servers")), "server-list");
  EXPECT_EQ(type_text(*find_option("day_grace")), "duration");
  EXPECT_EQ(default_text(*find_option("day_grace")), "10m");
  EXPECT_EQ(default_text(*find_option("bcc")), "-");
  EXPECT_EQ(default_text(*find_option("contact_info")), "(required)");
}

}  // namespace
}  // namespace tlsrpt::reporter
