// Clients that speak HTTP: most stories need no more than a table of the requests they are visited with.
// Used by visitors.cc, in the drivers' process.
#pragma once

#include <httplib.h>

#include <string>
#include <vector>

#include "scenarios/common/traffic.h"

namespace holdfast::scenarios {

// One kind of request. In `path` and `body`, `<n>` stands for the request's number, `<n/4>` for a quarter of
// it, `<pick 64>` for a number below 64 and `<letters 200>` for that many letters. What is picked follows
// from the number alone, so that every run of the same length sends the same traffic.
struct Request {
  const char* method;
  const char* path;
  const char* body;
  int status;           // of the right answer
  unsigned weight = 1;  // how often, compared with the story's other kinds
  int or_status = 0;    // as right as `status`, unless 0
};

std::string expand(const std::string& text, std::uint64_t number);

// A connection to a scenario, kept alive; null when nobody answers.
std::unique_ptr<httplib::Client> connect(const std::string& app);

// Empty when the answer has this status, else what it was: "GET /a: status 404".
std::string wrong(const std::string& request, const httplib::Result& result, int status);

// A client which sends any of `requests`, each as often as its weight says.
std::unique_ptr<Visitor> http_visitor(const std::string& app, std::vector<Request> requests);

}  // namespace holdfast::scenarios
