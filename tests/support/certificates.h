// Certificates for servers in tests, made with openssl(1).
#pragma once

#include <string>
#include <vector>

#include "reporter/deliver/child_process.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::testing_support {

struct Certificate {
  std::string certificate;  // Path of the PEM file.
  std::string key;
};

inline void run_openssl(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "/usr/bin/openssl");
  const auto ran = reporter::run_child(arguments, "", std::chrono::seconds(60));
  if (!ran.ok()) throw std::runtime_error(ran.error().message());
  if (ran->exit_status != 0) throw std::runtime_error("openssl: " + ran->errors);
}

// A key and a certificate of its own for NAMES ("DNS:a.example,IP:127.0.0.1").
inline Certificate self_signed(const TempDir& dir, const std::string& stem,
                               const std::string& names) {
  Certificate made{dir.file(stem + ".crt"), dir.file(stem + ".key")};
  run_openssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
               "-nodes", "-keyout", made.key, "-out", made.certificate, "-days", "30", "-subj",
               "/CN=" + stem, "-addext", "subjectAltName=" + names});
  return made;
}

// A certificate for NAMES that ISSUER (itself from self_signed) signed; valid for DAYS, which may
// be negative: it has expired then.
inline Certificate issued(const TempDir& dir, const std::string& stem, const std::string& names,
                          const Certificate& issuer, int days) {
  Certificate made{dir.file(stem + ".crt"), dir.file(stem + ".key")};
  const std::string request = dir.file(stem + ".csr");
  run_openssl({"req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
               "-keyout", made.key, "-out", request, "-subj", "/CN=" + stem, "-addext",
               "subjectAltName=" + names});
  run_openssl({"x509", "-req", "-in", request, "-CA", issuer.certificate, "-CAkey", issuer.key,
               "-CAcreateserial", "-out", made.certificate, "-days", std::to_string(days),
               "-copy_extensions", "copyall"});
  return made;
}

}  // namespace tlsrpt::testing_support
