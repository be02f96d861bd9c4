#include "reports/encoding.h"

#include <cstddef>
#include <filesystem>

namespace holdfast::reports {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

// Length of the UTF-8 sequence at the start of `text`; 0 when there is none (RFC 3629: no surrogates, nothing
// overlong).
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 && first <= 0xf4 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
  if (length == 0 || first > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const unsigned char second = byte(1);
  const bool is_wrong = (first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
                        (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f);
  // U+FFFE and U+FFFF are no characters in XML.
  const bool is_none = first == 0xef && second == 0xbf && byte(2) >= 0xbe;
  return is_wrong || is_none ? 0 : length;
}

std::string percent(unsigned char byte) {
  constexpr const char* kDigits = "0123456789ABCDEF";
  return {'%', kDigits[byte >> 4], kDigits[byte & 15]};
}

}  // namespace

std::string clean_utf8(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    const auto first = static_cast<unsigned char>(text[0]);
    const bool is_control = (first < 0x20 && first != '\n' && first != '\t') || first == 0x7f;
    if (length == 0 || is_control) {
      clean += kReplacement;
      text.remove_prefix(1);
      continue;
    }
    clean += text.substr(0, length);
    text.remove_prefix(length);
  }
  return clean;
}

std::string xml(std::string_view text) {
  std::string escaped;
  for (const char c : clean_utf8(text)) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string markdown(std::string_view text) {
  constexpr std::string_view kMarkup = "\\`*_{}[]()<>#+!|~&";
  std::string escaped;
  for (const char c : clean_utf8(text)) {
    if (kMarkup.find(c) != std::string_view::npos) escaped += '\\';
    escaped += c == '\n' ? ' ' : c;
  }
  return escaped;
}

std::string github_message(std::string_view text) {
  std::string escaped;
  for (const char c : clean_utf8(text)) {
    if (c == '%' || c == '\r' || c == '\n') {
      escaped += percent(static_cast<unsigned char>(c));
    } else {
      escaped += c;
    }
  }
  return escaped;
}

std::string github_property(std::string_view text) {
  std::string escaped;
  for (const char c : github_message(text)) {
    if (c == ':' || c == ',') {
      escaped += percent(static_cast<unsigned char>(c));
    } else {
      escaped += c;
    }
  }
  return escaped;
}

std::string uri_path(std::string_view path) {
  constexpr std::string_view kPlain = "-._~/!$&'()*+,;=@";
  std::string uri;
  for (const char c : path) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                          kPlain.find(c) != std::string_view::npos;
    if (is_plain) {
      uri += c;
    } else {
      uri += percent(static_cast<unsigned char>(c));
    }
  }
  return uri;
}

std::string relative_path(std::string_view file, std::string_view root) {
  if (file.empty()) return {};
  const std::filesystem::path path = std::filesystem::path(file).lexically_normal();
  if (path.is_relative()) return path.string().starts_with("..") ? std::string() : path.string();
  if (root.empty()) return {};
  const std::string relative =
      path.lexically_relative(std::filesystem::path(root).lexically_normal()).string();
  return relative.empty() || relative.starts_with("..") ? std::string() : relative;
}

}  // namespace holdfast::reports
