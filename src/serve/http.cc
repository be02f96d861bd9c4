#include "serve/http.h"

#include <algorithm>
#include <string_view>

namespace holdfast::serve {

std::string Request::header(const std::string& lower_case_name) const {
  const auto it = headers.find(lower_case_name);
  return it == headers.end() ? std::string() : it->second;
}

std::string Request::parameter(const std::string& name) const {
  const auto it = query.find(name);
  return it == query.end() ? std::string() : it->second;
}

std::string decode_percent(const std::string& text, bool plus_is_space) {
  constexpr std::string_view kDigits = "0123456789abcdef0123456789ABCDEF";
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::size_t high = i + 2 < text.size() ? kDigits.find(text[i + 1]) : std::string_view::npos;
    const std::size_t low = i + 2 < text.size() ? kDigits.find(text[i + 2]) : std::string_view::npos;
    if (text[i] == '%' && high != std::string_view::npos && low != std::string_view::npos) {
      out += static_cast<char>((high % 16) << 4 | low % 16);
      i += 2;
    } else {
      out += text[i] == '+' && plus_is_space ? ' ' : text[i];
    }
  }
  return out;
}

std::multimap<std::string, std::string> parse_query(const std::string& text) {
  std::multimap<std::string, std::string> query;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('&', begin), text.size());
    const std::string pair = text.substr(begin, end - begin);
    begin = end + 1;
    if (pair.empty()) continue;
    const std::size_t equals = std::min(pair.find('='), pair.size());
    query.emplace(decode_percent(pair.substr(0, equals), true),
                  equals == pair.size() ? std::string() : decode_percent(pair.substr(equals + 1), true));
  }
  return query;
}

std::string parameter_or_field(const Request& request, const std::string& name) {
  if (request.has_parameter(name)) return request.parameter(name);
  const std::string type = request.header("content-type");
  if (!type.starts_with("application/x-www-form-urlencoded")) return {};
  const auto fields = parse_query(request.body);
  const auto field = fields.find(name);
  return field == fields.end() ? std::string() : field->second;
}

Response text(int status, std::string body) {
  return {status,
          {{"Content-Type", "text/plain; charset=utf-8"}, {"X-Content-Type-Options", "nosniff"}},
          std::move(body)};
}

Response json(std::string body) {
  return {
      200, {{"Content-Type", "application/json"}, {"X-Content-Type-Options", "nosniff"}}, std::move(body)};
}

Response refuse(int status, const std::string& why) {
  Response response = text(status, why + "\n");
  response.headers.emplace_back("X-Go-Pprof", "1");
  return response;
}

}  // namespace holdfast::serve
