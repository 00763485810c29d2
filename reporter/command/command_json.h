// JsonWriter: JSON text written piece by piece, for reports and for `--format json`.
//
// The text is compact and its keys stand in the order of the calls. Strings are escaped; what is
// not UTF-8 in them becomes U+FFFD, so that the result is always a JSON text (RFC 8259, RFC 7493).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tlsrpt::reporter {

class JsonWriter {
 public:
  // Values: elements of the array that is open, the value after key(), or the whole document.
  void begin_object();
  void end_object();
  void begin_array();
  void end_array();
  void text(std::string_view value);
  void number(std::uint64_t value);
  void boolean(bool value);
  void null();

  // The key of the next value. REQUIRES: an object is open.
  void key(std::string_view name);

  // key() and its value in one.
  void text_field(std::string_view name, std::string_view value);
  void number_field(std::string_view name, std::uint64_t value);
  void boolean_field(std::string_view name, bool value);
  void null_field(std::string_view name);

  // The finished document. REQUIRES: every object and array was ended.
  std::string take();

 private:
  void before_value();
  void append_string(std::string_view value);

  std::string out_;
  std::vector<bool> has_element_;  // One for each open object or array.
  bool after_key_ = false;
};

}  // namespace tlsrpt::reporter
