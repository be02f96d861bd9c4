// startup_tables, a control: a dictionary of many thousand entries, built before the first request and kept
// for good; requests only look words up.
#include <unordered_map>

#include "scenarios/common/story.h"

namespace {

using holdfast::scenarios::Settings;

constexpr int kWords = 20'000;

struct Entry {
  std::string meaning;
  std::vector<std::string> translations;
};

std::unordered_map<std::string, Entry> dictionary;

[[gnu::noinline]] Entry make_entry(const std::string& word) {
  Entry entry;
  entry.meaning = "what is meant by " + word + ", in a sentence or two";
  for (const char* language : {"de", "fr", "it"})
    entry.translations.push_back(language + (": translation of " + word));
  return entry;
}

void look_up(const httplib::Request& request, httplib::Response& response) {
  const auto known = dictionary.find(request.matches[1]);
  if (known == dictionary.end()) {
    response.status = 404;
    return;
  }
  std::string page = known->second.meaning + "\n";
  for (const std::string& translation : known->second.translations) page += translation + "\n";
  response.set_content(page, "text/plain");
}

void build_and_serve(const Settings&, httplib::Server& server) {
  for (int number = 0; number < kWords; ++number) {
    const std::string word = "word" + std::to_string(number);
    dictionary.emplace(word, make_entry(word));
  }
  server.Get(R"(/words/(\w+))", look_up);
}

}  // namespace

int main(int argc, char** argv) {
  return holdfast::scenarios::run(
      argc, argv, {.about = "Tables built at the start and kept: not a leak.", .open = build_and_serve});
}
