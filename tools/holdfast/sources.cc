#include "sources.h"

#include <CLI/CLI.hpp>

#include "base/units.h"
#include "lines/add_lines.h"
#include "profile/decode.h"

namespace holdfast::tool {

void add_source_flags(CLI::App& app, fetch::FetchOptions& options) {
  const auto* group = "Reaching the source";
  app.add_option("--cert", options.certificate_file, "PEM certificate for servers that ask for one (mTLS)")
      ->type_name("FILE")
      ->group(group);
  app.add_option("--key", options.key_file, "PEM private key of --cert, when it is not in the same file")
      ->type_name("FILE")
      ->group(group)
      ->needs("--cert");
  app.add_option("--ca", options.ca_file,
                 "PEM certificates to trust instead of the system's, for a private authority")
      ->type_name("FILE")
      ->group(group);
  app.add_option_function<std::string>(
         "--timeout",
         [&options](const std::string& text) {
           const auto duration = base::parse_duration(text);
           if (!duration) throw CLI::ValidationError("--timeout", duration.error().what);
           if (duration->count() <= 0) throw CLI::ValidationError("--timeout", "must be longer than nothing");
           options.timeout = std::chrono::duration_cast<std::chrono::milliseconds>(*duration);
         },
         "Longest silence to accept from a server [30s]; longer for one that is overloaded")
      ->type_name("DURATION")
      ->group(group);
}

void add_source_flags(CLI::App& app, SourceOptions& options) {
  add_source_flags(app, static_cast<fetch::FetchOptions&>(options));
  app.add_flag("!--no-lines", options.lines,
               "Name functions only; debug information is not read for inlined calls and lines (faster for "
               "huge programs)");
}

Result<profile::Profile> decode_profile(const std::string& source, const std::string& bytes) {
  auto decoded = profile::decode(bytes);
  if (decoded) return decoded;
  const auto& [what, hint] = decoded.error();
  return Error{source + ": " + what, hint.empty() ? "take the snapshot again with: holdfast get" : hint};
}

Result<profile::Profile> load_profile(const std::string& source, const SourceOptions& options) {
  auto bytes = fetch::fetch(source, options);
  if (!bytes) return bytes.error();
  auto profile = decode_profile(source, *bytes);
  if (profile && options.lines) lines::add_lines(*profile);
  return profile;
}

}  // namespace holdfast::tool
