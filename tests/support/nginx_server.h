// NginxServer: a real HTTPS server that answers each path as told.
#pragma once

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>

#include "policy/text.h"
#include "policy/unique_fd.h"
#include "reporter/deliver/child_process.h"
#include "tests/support/certificates.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::testing_support {

inline constexpr const char* nginx_program = "/usr/sbin/nginx";

inline bool has_nginx() { return std::filesystem::exists(nginx_program); }

class NginxServer {
 public:
  // LOCATIONS is configuration for the server block. Every request is one line of final_log():
  // method, URI, protocol, SNI, content type, content encoding, content length, number of the
  // connection, user agent, separated by "|".
  NginxServer(const Certificate& certificate, const std::string& locations,
              const std::string& listen_options = "ssl http2") {
    // Tests run side by side, each process with addresses of its own.
    static std::atomic<unsigned> servers{0};
    const auto pid = static_cast<unsigned>(::getpid());
    address_ = "127." + std::to_string(64 + (pid >> 16) % 64) + "." +
               std::to_string((pid >> 8) & 0xFFU) + "." + std::to_string(pid & 0xFFU);
    port_ = static_cast<std::uint16_t>(20000 + servers++);
    const std::string configuration = dir_.write("nginx.conf", R"(
user root;
worker_processes 1;
pid nginx.pid;
error_log error.log;
events { worker_connections 512; }
http {
  log_format line '$request_method|$uri|$server_protocol|$ssl_server_name|$content_type|'
                  '$http_content_encoding|$content_length|$connection|$http_user_agent';
  access_log access.log line;
  client_body_temp_path bodies;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  server {
    listen )" + address_ + ":" + std::to_string(port_) + " " + listen_options +
                                                                   R"(;
    ssl_certificate )" + certificate.certificate + R"(;
    ssl_certificate_key )" + certificate.key + ";\n" + locations + "\n}\n}\n");
    // It returns when it listens.
    const auto ran = reporter::run_child(
        {nginx_program, "-p", dir_.path().string(), "-e", "error.log", "-c", configuration}, "",
        std::chrono::seconds(20));
    if (!ran.ok()) throw std::runtime_error(ran.error().message());
    if (ran->exit_status != 0) throw std::runtime_error("nginx: " + ran->errors);
    for (int tries = 0; !read_pid(); ++tries) {
      if (tries == 4000) throw std::runtime_error("nginx wrote no pid");
      ::poll(nullptr, 0, 5);
    }
  }
  NginxServer(const NginxServer&) = delete;
  NginxServer& operator=(const NginxServer&) = delete;
  ~NginxServer() { stop(SIGTERM); }

  const std::string& address() const { return address_; }
  std::uint16_t port() const { return port_; }
  // Ends the server first: it logs a request after its reply, so that a client may be ahead of it.
  std::string final_log() {
    stop(SIGQUIT);
    return dir_.read("access.log");
  }
  // The body of the one request that was proxied with client_body_in_file_only.
  std::string body() const {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(dir_.file("bodies"))) {
      if (entry.is_regular_file()) return dir_.read("bodies/" + entry.path().filename().string());
    }
    return "";
  }

 private:
  // Its own file; written a moment after it began to listen, and gone when it has ended.
  std::optional<pid_t> read_pid() const {
    const std::string text = dir_.read("nginx.pid");
    return policy::parse_number<pid_t>(text.substr(0, text.find('\n')));
  }

  void stop(int signal) {
    const auto pid = read_pid();
    if (!pid) return;
    const policy::UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, *pid, 0)));
    if (process.get() < 0) return;
    pollfd ended{process.get(), POLLIN, 0};
    // Again and again: nginx forgets a signal that comes while it starts its worker.
    for (int tries = 0; tries < 200; ++tries) {
      ::kill(*pid, signal);
      if (::poll(&ended, 1, 100) == 1) return;
    }
    ::kill(*pid, SIGKILL);
  }

  TempDir dir_;
  std::string address_;
  std::uint16_t port_ = 0;
};

}  // namespace tlsrpt::testing_support
