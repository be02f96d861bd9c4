// How a subcommand joins the tool. Each lives in its own file and offers one function, `add_<name>`, declared
// below: it adds its flags to the command line and returns the work to do once they are parsed. main.cc calls
// them in turn. Main thread only; may allocate, block and throw nothing.
//
//     Command add_get(CLI::App& root) {
//       auto flags = std::make_shared<GetFlags>();                    // lives as long as the returned work
//       CLI::App* app = root.add_subcommand("get", "Save one snapshot");
//       app->add_option("SOURCE", flags->source, "...")->required();
//       return {app, [flags] { return get(*flags); }};
//     }
#pragma once

#include <holdfast/result.h>

#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace holdfast::tool {

// Exit statuses shared by all subcommands except `run`, which passes on the program's own.
inline constexpr int kExitClean = 0;
inline constexpr int kExitLeak = 1;          // a leak confirmed, or a budget exceeded
inline constexpr int kExitBadInput = 2;      // wrong usage, or input that cannot be read
inline constexpr int kExitInconclusive = 3;  // too little data to say

struct Command {
  CLI::App* app;                      // owned by the root; parsed() tells whether the user asked for it
  std::function<Result<int>()> work;  // returns the exit status; an Error is printed by main and exits with 2

  // Only for commands that start a program: receives its name and arguments, all that stands after `--`.
  std::function<void(std::vector<std::string>)> take_program = {};
};

Command add_run(CLI::App& root);
Command add_get(CLI::App& root);
Command add_top(CLI::App& root);
Command add_diff(CLI::App& root);
Command add_check(CLI::App& root);
Command add_holders_command(CLI::App& root);
Command add_ci(CLI::App& root);
Command add_watch(CLI::App& root);
Command add_baseline(CLI::App& root);
Command add_convert(CLI::App& root);

}  // namespace holdfast::tool
