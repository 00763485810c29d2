#include "reporter/command/command_json.h"

#include <algorithm>
#include <cassert>
#include <nlohmann/json.hpp>

namespace tlsrpt::reporter {
namespace {

// Whether a string stands in JSON as it is: nearly all do, and the serializer is slow.
bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return c >= ' ' && c < '\x7F' && c != '"' && c != '\\'; });
}

}  // namespace

void JsonWriter::before_value() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  if (has_element_.empty()) return;
  if (has_element_.back()) out_ += ',';
  has_element_.back() = true;
}

void JsonWriter::append_string(std::string_view value) {
  if (is_plain(value)) {
    out_.append("\"").append(value).append("\"");
    return;
  }
  out_ += nlohmann::json(value).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void JsonWriter::begin_object() {
  before_value();
  out_ += '{';
  has_element_.push_back(false);
}

void JsonWriter::end_object() {
  assert(!has_element_.empty() && !after_key_);
  has_element_.pop_back();
  out_ += '}';
}

void JsonWriter::begin_array() {
  before_value();
  out_ += '[';
  has_element_.push_back(false);
}

void JsonWriter::end_array() {
  assert(!has_element_.empty() && !after_key_);
  has_element_.pop_back();
  out_ += ']';
}

void JsonWriter::text(std::string_view value) {
  before_value();
  append_string(value);
}

void JsonWriter::number(std::uint64_t value) {
  before_value();
  out_ += std::to_string(value);
}

void JsonWriter::boolean(bool value) {
  before_value();
  out_ += value ? "true" : "false";
}

void JsonWriter::null() {
  before_value();
  out_ += "null";
}

void JsonWriter::key(std::string_view name) {
  assert(!has_element_.empty() && !after_key_);
  before_value();
  append_string(name);
  out_ += ':';
  after_key_ = true;
}

void JsonWriter::text_field(std::string_view name, std::string_view value) {
  key(name);
  text(value);
}

void JsonWriter::number_field(std::string_view name, std::uint64_t value) {
  key(name);
  number(value);
}

void JsonWriter::boolean_field(std::string_view name, bool value) {
  key(name);
  boolean(value);
}

void JsonWriter::null_field(std::string_view name) {
  key(name);
  null();
}

std::string JsonWriter::take() {
  assert(has_element_.empty() && !after_key_);
  return std::move(out_);
}

}  // namespace tlsrpt::reporter
