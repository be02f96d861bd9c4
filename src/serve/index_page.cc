#include "serve/index_page.h"

namespace holdfast::serve {
namespace {

constexpr char kHead[] =
    R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Holdfast</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em; max-width: 60em }
th { text-align: left; padding-right: 1.5em; font-weight: 500; vertical-align: top }
code, pre { background: #8881; padding: .1em .3em }
</style></head>
<body><h1>Holdfast: the heap of this process</h1>
<table>
)";

constexpr char kProfiles[] =
    R"(</table>
<h2>Profiles</h2>
<ul>
<li><a href="heap">heap</a>: what is in use, and what was allocated (gzipped pprof)</li>
<li><a href="allocs">allocs</a>: the same, shown by what was allocated</li>
<li><a href="heap?debug=1">heap as text</a></li>
<li><a href="heap?seconds=10">heap?seconds=10</a>: what changes in ten seconds</li>
<li><a href="cmdline">cmdline</a></li>
)";

std::string escape(std::string_view raw) {
  std::string out;
  for (const char c : raw) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace

std::string index_page(const std::vector<std::pair<std::string, std::string>>& facts,
                       const std::vector<Route>& more, std::string_view host) {
  std::string page = kHead;
  for (const auto& [name, value] : facts) {
    page += "<tr><th>" + escape(name) + "</th><td>" + escape(value) + "</td></tr>\n";
  }
  const std::string base = "http://" + (host.empty() ? "HOST:PORT" : escape(host));
  page += kProfiles;
  for (const Route& route : more) {
    if (route.about.empty()) continue;
    const std::string path = escape(route.path);
    page += "<li>" + (route.is_post ? "POST " + path : "<a href=\"" + path + "\">" + path + "</a>") + ": " +
            escape(route.about) + "</li>\n";
  }
  page += "</ul>\n<h2>To paste</h2>\n";
  page += "<pre>go tool pprof -top " + base + "/debug/pprof/heap\n" +  //
          "go tool pprof -http=: " + base + "/debug/pprof/heap\n" +    //
          "holdfast check " + base + "/debug/pprof/heap\n" +           //
          "google-pprof --text " + base + "/pprof/heap\n</pre></body></html>\n";
  return page;
}

}  // namespace holdfast::serve
