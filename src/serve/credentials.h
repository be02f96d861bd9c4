// The passwords and tokens of the endpoint's clients, from a file that holds only their hashes. Called on the
// endpoint's threads; allocates; the caller locks. One line each:
//
//   NAME:HASH              a user for HTTP Basic; HASH as crypt(5) writes it ($6$..., $y$..., $2y$...)
//   bearer:sha256:HEX      a token for "Authorization: Bearer": the SHA-256 of it in 64 hex digits
//
// Empty lines and lines that begin with '#' are skipped. The file is read again when it changes.
#pragma once

#include <holdfast/result.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::serve {

class Credentials {
 public:
  enum class Answer { yes, no, too_many_wrong };

  // Error when the file cannot be read, others may write to it, a line is none of the above or uses a hash
  // that crypt(3) here does not know or holds for broken, or there is no line.
  static Result<Credentials> open(const std::string& path);

  // Whether an Authorization header names somebody of the file. The time does not tell which part of it was
  // wrong. Hashing a password takes milliseconds on purpose: an accepted one is remembered, as a keyed
  // digest, and of others only a few are hashed per second; then the answer is too_many_wrong.
  Answer check(std::string_view authorization_header);

 private:
  using Digest = std::array<unsigned char, 32>;
  struct User {
    std::string name, hash;
  };
  struct Identity {  // of the file's content
    std::int64_t seconds = 0;
    long nanoseconds = 0;
    std::uint64_t inode = 0, size = 0;
    bool operator==(const Identity&) const = default;
  };
  static constexpr std::size_t kRemembered = 16;
  static constexpr double kWrongAtOnce = 10;
  static constexpr double kWrongPerSecond = 2;

  Result<void> read();
  Result<void> parse(const std::string& text);
  void read_again_if_changed();
  bool matches_user(const std::string& name, const std::string& password) const;
  bool matches_token(std::string_view token) const;
  bool may_hash();
  Digest keyed(std::string_view secret) const;

  std::string path_;
  Identity identity_;
  std::vector<User> users_;
  std::vector<Digest> tokens_;
  std::vector<Digest> accepted_;  // of whole headers, oldest first
  Digest key_{};                  // of those digests; drawn at open()
  double hashes_left_ = kWrongAtOnce;
  std::chrono::steady_clock::time_point refilled_;
};

}  // namespace holdfast::serve
