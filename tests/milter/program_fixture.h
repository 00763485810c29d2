// Runs tlsrpt-milter's command line in the test's process, with files in a folder of its own.
#pragma once

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "milter/milter_command.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::milter {

class ProgramTest : public testing::Test {
 protected:
  const testing_support::TempDir& folder() const { return folder_; }
  std::string store() const { return "sqlite:" + folder_.file("s.sqlite"); }
  std::string log() const { return folder_.file("mail.log"); }
  // The path of a configuration with what every test wants and MORE.
  std::string config(const std::string& more, const std::string& milter_socket = "none") const {
    return folder_.write("tlsrpt.conf",
                         "organization_name = Test\ncontact_info = r@relay.example\n"
                         "log_timezone = UTC\npostfix_config = none\nrelay_name = relay1\n"
                         "milter_socket = " +
                             milter_socket +
                             "\n"
                             "store = " +
                             store() + "\nlog_source = file:" + log() + "\n" + more);
  }
  int run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "tlsrpt-milter");
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    std::ostringstream out;
    std::ostringstream err;
    const int status = run_milter(static_cast<int>(arguments.size()), argv.data(), out, err);
    out_ = out.str();
    err_ = err.str();
    return status;
  }
  const std::string& out() const { return out_; }
  const std::string& err() const { return err_; }

 private:
  testing_support::TempDir folder_;
  std::string out_;
  std::string err_;
};

}  // namespace tlsrpt::milter
