// LockGuarded<T>: a value that can only be reached through its lock.
//
//   LockGuarded<std::vector<int>> numbers;
//   numbers.lock()->push_back(1);        // Unlocked at the end of the statement.
//   { auto held = numbers.lock(); ... }  // At the end of the block.
//
// Hold it for as long as moving values takes, never over a call that may wait: SQL, DNS, a
// callback.
#pragma once

#include <mutex>
#include <utility>

namespace tlsrpt::policy {

template <class T>
class LockGuarded {
 public:
  class Held {
   public:
    T& operator*() const { return *value_; }
    T* operator->() const { return value_; }

   private:
    friend class LockGuarded;
    Held(std::mutex& mutex, T& value) : lock_(mutex), value_(&value) {}

    std::unique_lock<std::mutex> lock_;
    T* value_;
  };

  LockGuarded() = default;
  constexpr explicit LockGuarded(T value) : value_(std::move(value)) {}
  LockGuarded(const LockGuarded&) = delete;
  LockGuarded& operator=(const LockGuarded&) = delete;
  ~LockGuarded() = default;

  [[nodiscard]] Held lock() { return Held(mutex_, value_); }

 private:
  std::mutex mutex_;
  T value_{};
};

}  // namespace tlsrpt::policy
