// Delivery status notifications as Postfix, Exchange Online and Gmail write them, about a message
// that a test names. The files are in tests/data/bounces/.
#pragma once

#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

namespace tlsrpt::testing_support {

struct Returned {
  std::string sender = "tls-reports@relay.example";
  std::string recipient = "rua@receiver.example";
  std::string message_id = "<1@relay.example>";
};

// The file NAME of FOLDER, about RETURNED.
inline std::string bounce_of(const std::string& folder, const std::string& name,
                             const Returned& returned) {
  std::ifstream file(folder + "/" + name + ".eml", std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (text.empty()) throw std::runtime_error("no bounce " + name + " in " + folder);
  const auto put = [&text](const std::string& mark, const std::string& value) {
    for (std::size_t at = 0; (at = text.find(mark, at)) != std::string::npos; at += value.size()) {
      text.replace(at, mark.size(), value);
    }
  };
  put("@SENDER@", returned.sender);
  put("@RECIPIENT@", returned.recipient);
  put("@MESSAGE_ID@", returned.message_id);
  return text;
}

}  // namespace tlsrpt::testing_support
