// Result<T>: a value, or an Error that says what happened and what to do next.
// g++ 12 and clang 14 have no std::expected in C++20; this is the small part of it that Holdfast needs.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace holdfast {

struct Error {
  std::string what;   // what happened, one line, lower case, no full stop: "cannot bind 127.0.0.1:6060: address in use"
  std::string hint;   // what to do next, one line; empty when there is nothing useful to say
};

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return ok(); }

  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const { return std::get<1>(state_); }

 private:
  std::variant<T, Error> state_;
};

// Success without a value.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  bool ok() const noexcept { return !error_; }
  explicit operator bool() const noexcept { return ok(); }
  const Error& error() const { return *error_; }

 private:
  std::optional<Error> error_;
};

}  // namespace holdfast
