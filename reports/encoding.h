// Text from binaries and people made safe for a format. Pure, any thread; allocates the text it returns.
#pragma once

#include <string>
#include <string_view>

namespace holdfast::reports {

// Bytes that are no UTF-8, and control characters but tab and newline, become U+FFFD.
std::string clean_utf8(std::string_view text);

// For text and attributes of XML 1.0; cleaned.
std::string xml(std::string_view text);

// For one cell of a Markdown table or one line of text: nothing in it is taken for markup; cleaned.
std::string markdown(std::string_view text);

// For the message of a GitHub workflow command, and for one of its properties; cleaned.
std::string github_message(std::string_view text);
std::string github_property(std::string_view text);

// A path as a relative reference of RFC 3986.
std::string uri_path(std::string_view path);

// `file` relative to `root`: "src/a.cc". Relative paths stay as they are; empty where it lies elsewhere.
std::string relative_path(std::string_view file, std::string_view root);

}  // namespace holdfast::reports
