// Result<T> and Status: the value of an operation, or the reason why there is none.
//
// Library code returns errors and never logs them; the two programs log, once. Errc says what the
// caller may do about it, the message says what happened and where.
#pragma once

#include <cassert>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace tlsrpt::policy {

// What the caller may do.
enum class Errc {
  temporary,  // Try again later: DNS time-out, locked store, 4xx reply.
  not_found,  // The thing asked for does not exist; that is final for now.
  syntax,     // The input breaks its grammar.
  limit,      // A named limit was exceeded.
  io,         // The operating system or the store failed.
  internal,   // A bug of ours.
};

class Error {
 public:
  Error(Errc code, std::string message) : code_(code), message_(std::move(message)) {}

  Errc code() const { return code_; }
  const std::string& message() const { return message_; }

  // The same error with "PLACE: " before its message, added on the way up.
  [[nodiscard]] Error context(std::string_view place) && {
    message_.insert(0, std::string(place) + ": ");
    return std::move(*this);
  }

 private:
  Errc code_;
  std::string message_;
};

// Nothing, as the value of an operation that only succeeds or fails.
struct Unit {
  friend bool operator==(const Unit&, const Unit&) = default;
};

template <class T>
class [[nodiscard]] Result {
 public:
  // NOLINTNEXTLINE(google-explicit-constructor): return x;
  Result(T value) : state_(std::move(value)) {}
  // NOLINTNEXTLINE(google-explicit-constructor): return e;
  Result(Error error) : state_(std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  // REQUIRES: ok().
  T& value() & {
    assert(ok());
    return *std::get_if<0>(&state_);
  }
  const T& value() const& {
    assert(ok());
    return *std::get_if<0>(&state_);
  }
  T&& value() && {
    assert(ok());
    return std::move(*std::get_if<0>(&state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  // REQUIRES: !ok().
  const Error& error() const& {
    assert(!ok());
    return *std::get_if<1>(&state_);
  }
  Error&& error() && {
    assert(!ok());
    return std::move(*std::get_if<1>(&state_));
  }

 private:
  std::variant<T, Error> state_;
};

using Status = Result<Unit>;

}  // namespace tlsrpt::policy
