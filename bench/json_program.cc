// An allocation-heavy program: request handlers, layer upon layer, that parse JSON, change it, copy it and
// write it out again; nearly all its time goes into small blocks, allocated about 25 frames deep. Knows
// nothing of Holdfast. Prints the processor time of its work, without the start of the process.
//
//     json_program [ROUNDS]      ROUNDS: 1000 (about a quarter of a second bare)
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "program.h"

namespace {

using nlohmann::json;

constexpr int kLayers = 12;

std::string make_request() {
  json request = {{"method", "update"},
                  {"id", 17},
                  {"user", {{"name", "somebody with a long name"}, {"rights", {1, 2, 3, 5, 8}}}}};
  json rows = json::array();
  for (int i = 0; i < 60; ++i) {
    rows.push_back(
        {{"key", "row number " + std::to_string(i)},
         {"value", i * 1.5},
         {"tags", {"red", "a somewhat longer tag than fits", "blue"}},
         {"nested", {{"left", i}, {"right", {{"deep", {i, i + 1, "the deepest string of them all"}}}}}}});
  }
  request["rows"] = rows;
  return request.dump();
}

[[gnu::noinline]] std::size_t handle(const std::string& text) {
  json request = json::parse(text);
  json answer = {{"id", request["id"]}, {"rows", json::array()}};
  for (auto& row : request["rows"]) {
    row["value"] = row["value"].get<double>() + 1;
    row["seen"] = true;
    answer["rows"].push_back(row);
  }
  return answer.dump().size();
}

template <int Layer>
[[gnu::noinline]] std::size_t pass(const std::string& text, std::vector<std::size_t>& sizes) {
  std::size_t size = 0;
  if constexpr (Layer == 0) {
    size = handle(text);
  } else {
    size = pass<Layer - 1>(text, sizes);
  }
  sizes[Layer] += size;  // after the call: a tail call would make the stack shallower
  return size;
}

}  // namespace

int main(int argc, char** argv) {
  const long rounds = argc > 1 ? std::atol(argv[1]) : 1000;
  const bench::ParkedThread parked;
  const std::string text = make_request();
  std::vector<std::size_t> sizes(kLayers + 1);
  const double start = bench::cpu_seconds();
  for (long i = 0; i < rounds; ++i) pass<kLayers>(text, sizes);
  std::printf("{\"cpu_seconds\": %.6f, \"bytes\": %zu}\n", bench::cpu_seconds() - start, sizes[0]);
}
