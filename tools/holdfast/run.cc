// `holdfast run -- PROGRAM ARGS`: becomes the program, with the profiler preloaded. As nothing stands
// between, exit status, signals and terminal are the program's own.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/units.h"
#include "command.h"
#include "preload.h"
#include "program.h"

namespace holdfast::tool {
namespace {

struct RunFlags {
  PreloadOptions preload;
  std::string interval;
  std::vector<std::string> program;  // and its arguments
};

Result<int> become(const std::string& path, const std::vector<std::string>& words) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  ::execv(path.c_str(), arguments.data());
  return Error{"cannot run " + path + ": " + std::strerror(errno), "check that it runs without holdfast"};
}

Result<int> run(RunFlags& flags) {
  if (flags.program.empty()) return Error{"run which program?", "holdfast run -- ./server --port 8080"};
  if (!flags.interval.empty()) {
    const auto bytes = base::parse_bytes(flags.interval);
    if (!bytes) return bytes.error();
    if (*bytes == 0)
      return Error{"an interval of 0 bytes samples nothing", "to count every allocation use --exact"};
    flags.preload.interval_bytes = *bytes;
  }
  const auto path = find_program(flags.program.front());
  if (!path) return path.error();
  if (auto fit = check_preloadable(*path); !fit) return fit.error();
  const auto library = find_preload_library();
  if (!library) return library.error();
  if (auto done = set_preload_environment(*library, flags.preload); !done) return done.error();
  return become(*path, flags.program);
}

}  // namespace

Command add_run(CLI::App& root) {
  auto flags = std::make_shared<RunFlags>();
  CLI::App* app = root.add_subcommand("run", "Run an unmodified program with the profiler preloaded");
  app->prefix_command();
  auto* exact = app->add_flag(
      "--exact", flags->preload.exact,
      "Count every allocation [sample]: for tests and CI, where certainty matters more than speed");
  app->add_option("--interval", flags->interval,
                  "Mean bytes between two samples [512KiB]; smaller finds smaller leaks and costs more")
      ->type_name("SIZE")
      ->excludes(exact);
  app->add_option("--listen", flags->preload.listen,
                  "Where the heap endpoint listens [" + std::string(kDefaultListen) +
                      ", or nowhere with --dump]: host:port, unix:/path, or none")
      ->type_name("ADDRESS");
  app->add_option(
         "--dump", flags->preload.dump_directory,
         "Directory for a snapshot when the program ends [no dump]; for programs that end before one can ask")
      ->type_name("DIR");
  app->footer(
      "holdfast run [OPTIONS] -- PROGRAM [ARGUMENTS]\n"
      "The exit status is the program's own; 2 when it cannot be profiled (static, set-uid, 32-bit).");
  return {app, [flags] { return run(*flags); },
          [flags](std::vector<std::string> program) { flags->program = std::move(program); }};
}

}  // namespace holdfast::tool
