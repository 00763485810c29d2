// DaemonLog: where the daemon says things: standard error in the foreground and until it is in the
// background, syslog(3) then.
//
// A sentence that is repeated without another of its kind in between is said once; recovered()
// ends that.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace tlsrpt::milter {

class DaemonLog {
 public:
  // REQUIRES: PROGRAM outlives the process (syslog keeps the pointer).
  DaemonLog(const char* program, bool verbose) : program_(program), verbose_(verbose) {}
  ~DaemonLog();
  DaemonLog(const DaemonLog&) = delete;
  DaemonLog& operator=(const DaemonLog&) = delete;

  // From now on by syslog(3), what still is in trouble first; again: connects to it anew.
  void use_syslog();

  void error(std::string_view text);
  void warning(std::string_view text);
  void info(std::string_view text);  // Only when verbose.

  // A warning that is said once for each TROUBLE until recovered(TROUBLE).
  void trouble(const std::string& trouble, std::string_view text);
  // Says that TROUBLE is over where it was said that there is one.
  void recovered(const std::string& trouble, std::string_view text);
  // Says nothing more of TROUBLE: another one is told in its place.
  void forget(const std::string& trouble) { troubles_.erase(trouble); }
  // Those that are not over, with what was said.
  const std::map<std::string, std::string>& troubles() const { return troubles_; }

 private:
  void say(int priority, std::string_view word, std::string_view text);

  const char* program_;
  bool to_syslog_ = false;
  bool verbose_;
  std::map<std::string, std::string> troubles_;  // By name, with what was said.
};

}  // namespace tlsrpt::milter
