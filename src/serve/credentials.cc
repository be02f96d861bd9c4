#include "serve/credentials.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "base/files.h"
#include "serve/listen_address.h"

namespace holdfast::serve {
namespace {

constexpr std::size_t kMaxFileBytes = 64 << 10;
constexpr std::size_t kMaxHeaderBytes = 2048;
constexpr const char* kHowToMake =
    "make a line with: printf 'NAME:%s\\n' \"$(openssl passwd -6)\"; see docs/endpoint.md";

std::array<unsigned char, 32> sha256(std::string_view text) {
  std::array<unsigned char, 32> digest;
  ::SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return digest;
}

// A password in the clear does not stay in freed memory.
void wipe(std::string& secret) { OPENSSL_cleanse(secret.data(), secret.size()); }

std::optional<std::array<unsigned char, 32>> parse_digest(std::string_view hex) {
  std::array<unsigned char, 32> digest{};
  if (hex.size() != 64) return std::nullopt;
  for (std::size_t i = 0; i < hex.size(); ++i) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    const std::size_t digit = kDigits.find(hex[i]);
    if (digit == std::string_view::npos) return std::nullopt;
    digest[i / 2] = static_cast<unsigned char>(digest[i / 2] << 4 | digit);
  }
  return digest;
}

// Whether crypt(3) would accept `hash`, which then is no password in the clear either.
bool is_usable_hash(const std::string& hash) {
  if (!hash.starts_with('$') || hash.size() > CRYPT_OUTPUT_SIZE) return false;
  const int verdict = ::crypt_checksalt(hash.c_str());
  return verdict == CRYPT_SALT_OK || verdict == CRYPT_SALT_TOO_CHEAP;
}

std::string decode_base64(std::string_view text) {
  std::string out((text.size() + 3) / 4 * 3, '\0');
  if (text.empty() || text.size() % 4 != 0) return {};
  const int size =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (size < 0) return {};
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  out.resize(static_cast<std::size_t>(size) - padding);
  return out;
}

// `password` as crypt(3) hashes it with the method and salt of `hash`; empty when it cannot.
std::string crypt_like(const std::string& password, const std::string& hash) {
  const auto data = std::make_unique<crypt_data>();  // 32 KiB: not for a stack
  const char* hashed = ::crypt_rn(password.c_str(), hash.c_str(), data.get(), sizeof *data);
  std::string result = hashed == nullptr ? std::string() : std::string(hashed);
  OPENSSL_cleanse(data.get(), sizeof *data);
  return result;
}

bool equal(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

Result<Credentials> Credentials::open(const std::string& path) {
  Credentials credentials;
  credentials.path_ = path;
  credentials.refilled_ = std::chrono::steady_clock::now();
  if (RAND_bytes(credentials.key_.data(), static_cast<int>(credentials.key_.size())) != 1) {
    return Error{"no random numbers for the endpoint's authentication", "check /dev/urandom"};
  }
  if (Result<void> done = credentials.read(); !done) return done.error();
  return credentials;
}

Result<void> Credentials::read() {
  struct stat status;
  if (::stat(path_.c_str(), &status) == 0) {
    identity_ = {status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ino,
                 static_cast<std::uint64_t>(status.st_size)};
    if ((status.st_mode & S_IWOTH) != 0)
      return Error{path_ + " may be written by everybody", "chmod 600 " + path_};
  }
  const Result<std::string> text = base::read_file(path_, kMaxFileBytes);
  if (!text) return Error{"cannot read the passwords: " + text.error().what, kHowToMake};
  return parse(*text);
}

Result<void> Credentials::parse(const std::string& text) {
  std::vector<User> users;
  std::vector<Digest> tokens;
  std::size_t number = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    ++number;
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty() || line.starts_with('#')) continue;
    const std::string where = path_ + ", line " + std::to_string(number);
    constexpr std::string_view kToken = "bearer:sha256:";
    if (line.starts_with(kToken)) {
      const auto digest = parse_digest(lower(line.substr(kToken.size())));
      if (!digest)
        return Error{where + ": the SHA-256 of a token is 64 hex digits", "printf %s \"$TOKEN\" | sha256sum"};
      tokens.push_back(*digest);
      continue;
    }
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos || colon == 0 || !is_usable_hash(line.substr(colon + 1))) {
      return Error{where + ": neither NAME:HASH, with a hash that crypt(3) knows, nor bearer:sha256:HEX",
                   kHowToMake};
    }
    users.push_back({line.substr(0, colon), line.substr(colon + 1)});
  }
  if (users.empty() && tokens.empty()) return Error{path_ + " names nobody", kHowToMake};
  users_ = std::move(users);
  tokens_ = std::move(tokens);
  return {};
}

void Credentials::read_again_if_changed() {
  struct stat status;
  const bool is_there = ::stat(path_.c_str(), &status) == 0;
  if (is_there && identity_ == Identity{status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ino,
                                        static_cast<std::uint64_t>(status.st_size)})
    return;
  // Somebody may have been struck out.
  accepted_.clear();
  if (Result<void> done = is_there ? read() : Error{"gone", ""}; done) return;
  // Nobody gets in by a file that is broken or gone; it is looked at again with the next request.
  identity_ = {};
  users_.clear();
  tokens_.clear();
}

Credentials::Digest Credentials::keyed(std::string_view secret) const {
  Digest digest{};
  unsigned size = digest.size();
  ::HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
         reinterpret_cast<const unsigned char*>(secret.data()), secret.size(), digest.data(), &size);
  return digest;
}

bool Credentials::may_hash() {
  const auto now = std::chrono::steady_clock::now();
  hashes_left_ = std::min(
      kWrongAtOnce, hashes_left_ + kWrongPerSecond * std::chrono::duration<double>(now - refilled_).count());
  refilled_ = now;
  if (hashes_left_ < 1) return false;
  hashes_left_ -= 1;
  return true;
}

bool Credentials::matches_user(const std::string& name, const std::string& password) const {
  if (users_.empty()) return false;
  // One hash whether the name is known or not.
  const User* user = &users_.front();
  bool is_known = false;
  for (const User& candidate : users_) {
    if (!equal(candidate.name, name)) continue;
    user = &candidate;
    is_known = true;
  }
  const std::string hashed = crypt_like(password, user->hash);
  return equal(hashed, user->hash) && is_known && !hashed.starts_with('*');
}

bool Credentials::matches_token(std::string_view token) const {
  const Digest digest = sha256(token);
  bool found = false;
  for (const Digest& known : tokens_) found |= CRYPTO_memcmp(known.data(), digest.data(), digest.size()) == 0;
  return found;
}

Credentials::Answer Credentials::check(std::string_view header) {
  read_again_if_changed();
  if (header.size() > kMaxHeaderBytes) return Answer::no;
  const std::size_t space = header.find(' ');
  if (space == std::string_view::npos) return Answer::no;
  const std::string scheme = lower(std::string(header.substr(0, space)));
  const std::string_view value = header.substr(space + 1);
  // Tokens are long and random: one SHA-256 is enough.
  if (scheme == "bearer") return matches_token(value) ? Answer::yes : Answer::no;
  if (scheme != "basic") return Answer::no;
  const Digest digest = keyed(value);
  bool is_remembered = false;
  for (const Digest& known : accepted_)
    is_remembered |= CRYPTO_memcmp(known.data(), digest.data(), digest.size()) == 0;
  if (is_remembered) return Answer::yes;
  std::string pair = decode_base64(value);
  const std::size_t colon = pair.find(':');
  if (colon == std::string::npos || pair.find('\0') != std::string::npos) return Answer::no;
  if (!may_hash()) return Answer::too_many_wrong;
  std::string password = pair.substr(colon + 1);
  const bool is_right = matches_user(pair.substr(0, colon), password);
  wipe(password);
  wipe(pair);
  if (!is_right) return Answer::no;
  hashes_left_ = std::min(kWrongAtOnce, hashes_left_ + 1);
  if (accepted_.size() == kRemembered) accepted_.erase(accepted_.begin());
  accepted_.push_back(digest);
  return Answer::yes;
}

}  // namespace holdfast::serve
