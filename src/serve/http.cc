#include "serve/http.h"

namespace holdfast::serve {

std::string Request::header(const std::string& lower_case_name) const {
  const auto it = headers.find(lower_case_name);
  return it == headers.end() ? std::string() : it->second;
}

std::string Request::parameter(const std::string& name) const {
  const auto it = query.find(name);
  return it == query.end() ? std::string() : it->second;
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
