// Sends every kind of event through libtlsrpt, as Postfix's smtp(8) would, and says on standard
// output what it sent: DOMAIN POLICY-TYPE RESULT-TYPE, a line for each policy of each datagram.
//
//   tlsrpt_client SOCKET
//
// test_libtlsrpt.py compiles it against the library of a newer Debian release.
#include <tlsrpt.h>

#include <array>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

constexpr std::array<std::pair<tlsrpt_policy_type_t, std::string_view>, 3> types{
    {{TLSRPT_POLICY_TLSA, "tlsa"},
     {TLSRPT_POLICY_STS, "sts"},
     {TLSRPT_NO_POLICY_FOUND, "no-policy-found"}}};
constexpr std::array<std::pair<int, std::string_view>, 12> results{
    {{0, "success"},
     {TLSRPT_STARTTLS_NOT_SUPPORTED, "starttls-not-supported"},
     {TLSRPT_CERTIFICATE_HOST_MISMATCH, "certificate-host-mismatch"},
     {TLSRPT_CERTIFICATE_NOT_TRUSTED, "certificate-not-trusted"},
     {TLSRPT_CERTIFICATE_EXPIRED, "certificate-expired"},
     {TLSRPT_VALIDATION_FAILURE, "validation-failure"},
     {TLSRPT_STS_POLICY_FETCH_ERROR, "sts-policy-fetch-error"},
     {TLSRPT_STS_POLICY_INVALID, "sts-policy-invalid"},
     {TLSRPT_STS_WEBPKI_INVALID, "sts-webpki-invalid"},
     {TLSRPT_TLSA_INVALID, "tlsa-invalid"},
     {TLSRPT_DNSSEC_INVALID, "dnssec-invalid"},
     {TLSRPT_DANE_REQUIRED, "dane-required"}}};
// What a server may have answered to EHLO, and a plugin may have said.
constexpr const char* reply =
    "250-mx.a.example says \"hello\"\\\r\n250-\x01\x7f\xc3\xa9\r\n250 SIZE 1";
constexpr const char* record = "v=TLSRPTv1; rua=mailto:tls@a.example";

void must(int error) {
  if (error == 0) return;
  std::cerr << tlsrpt_strerror(error) << ' ' << error << '\n';
  std::exit(1);
}

void add_policy(tlsrpt_dr_t* request, tlsrpt_policy_type_t type, int code) {
  must(tlsrpt_init_policy(request, type, type == TLSRPT_POLICY_TLSA ? "mx.a.example" : nullptr));
  if (type == TLSRPT_POLICY_STS) {
    for (const char* text :
         {"version: STSv1", "mode: enforce", "mx: *.a.example", "mx: b.example", "max_age: 604800"})
      must(tlsrpt_add_policy_string(request, text));
    for (const char* text : {"*.a.example", "b.example"})
      must(tlsrpt_add_mx_host_pattern(request, text));
  } else if (type == TLSRPT_POLICY_TLSA) {
    must(tlsrpt_add_policy_string(request, "3 1 1 00ff"));
    must(tlsrpt_add_policy_string(request, "2 0 1 ff00"));
  }
  if (code != 0) {
    const auto failure = static_cast<tlsrpt_failure_t>(code);
    must(tlsrpt_add_delivery_request_failure(request, failure, "192.0.2.25", "mx.a.example", reply,
                                             "198.51.100.1", "more \"about\" it", "a reason"));
    // All that may be unknown.
    must(tlsrpt_add_delivery_request_failure(request, failure, nullptr, nullptr, nullptr, nullptr,
                                             nullptr, nullptr));
  }
  must(tlsrpt_finish_policy(request, code == 0 ? TLSRPT_FINAL_SUCCESS : TLSRPT_FINAL_FAILURE));
}

struct Sender {
  tlsrpt_connection_t* connection;
  int number = 0;

  // One datagram with POLICIES, each a type and a result, about a domain of its own.
  void send(const std::vector<std::pair<std::size_t, std::size_t>>& policies) {
    const std::string domain = "d" + std::to_string(++number) + ".lib.example";
    tlsrpt_dr_t* request = nullptr;
    must(tlsrpt_init_delivery_request(&request, connection, domain.c_str(), record));
    for (const auto& [type, result] : policies) {
      add_policy(request, types.at(type).first, results.at(result).first);
      std::cout << domain << ' ' << types.at(type).second << ' ' << results.at(result).second
                << '\n';
    }
    must(tlsrpt_finish_delivery_request(&request));
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return EXIT_FAILURE;
  tlsrpt_set_blocking();
  Sender sender{nullptr};
  must(tlsrpt_open(&sender.connection, argv[1]));
  for (std::size_t type = 0; type < types.size(); ++type)
    for (std::size_t result = 0; result < results.size(); ++result) sender.send({{type, result}});
  sender.send({{1, 0}, {0, 3}});
  sender.send({{0, 9}, {1, 5}, {2, 0}});
  must(tlsrpt_close(&sender.connection));
  return EXIT_SUCCESS;
}
