// The command line: parses, runs the subcommand asked for, and exits. The only place that prints errors.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "command.h"

namespace holdfast::tool {
namespace {

int print_error(const Error& error, int status) {
  std::fprintf(stderr, "holdfast: %s\n", error.what.c_str());
  if (!error.hint.empty()) std::fprintf(stderr, "  %s\n", error.hint.c_str());
  return status;
}

// CLI11 ends its messages in several ways; ours are one line each.
std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  while (!text.empty() && (text.back() == ' ' || text.back() == '.')) text.pop_back();
  return text;
}

int print_usage_error(const std::vector<Command>& commands, const CLI::ParseError& error) {
  const auto asked =
      std::find_if(commands.begin(), commands.end(), [](const Command& c) { return c.app->parsed(); });
  const std::string name = asked == commands.end() ? "" : " " + asked->app->get_name();
  return print_error({one_line(error.what()), "holdfast" + name + " --help says what it takes"},
                     kExitBadInput);
}

std::vector<Command> add_commands(CLI::App& root) {
  std::vector<Command> commands;
  commands.push_back(add_run(root));
  commands.push_back(add_get(root));
  commands.push_back(add_top(root));
  commands.push_back(add_diff(root));
  commands.push_back(add_check(root));
  commands.push_back(add_holders_command(root));
  commands.push_back(add_ci(root));
  commands.push_back(add_watch(root));
  commands.push_back(add_baseline(root));
  commands.push_back(add_convert(root));
  return commands;
}

// What follows the first `--` belongs to the program to start, whatever it looks like: CLI11 never sees it.
// Words of the program may also come without `--`, once the flags are over.
void parse(CLI::App& root, const std::vector<Command>& commands, std::vector<std::string> words) {
  if (!words.empty() && !words.front().starts_with('-') &&
      std::none_of(commands.begin(), commands.end(),
                   [&](const Command& command) { return command.app->check_name(words.front()); })) {
    throw CLI::ExtrasError({words.front()});
  }
  std::vector<std::string> program;
  const auto starter = std::find_if(commands.begin(), commands.end(), [&](const Command& command) {
    return command.take_program && !words.empty() && command.app->check_name(words.front());
  });
  const auto divide = starter == commands.end() ? words.end() : std::find(words.begin(), words.end(), "--");
  const bool is_divided = divide != words.end();
  if (is_divided) {
    program.assign(divide + 1, words.end());
    words.erase(divide, words.end());
  }
  std::reverse(words.begin(), words.end());  // the order CLI11 takes a vector in
  root.parse(words);
  if (starter == commands.end()) return;
  std::vector<std::string> early = starter->app->remaining();
  if (!early.empty() && early.front().starts_with('-')) throw CLI::ExtrasError({early.front()});
  if (!early.empty() && is_divided) early.push_back("--");  // the program's own
  program.insert(program.begin(), early.begin(), early.end());
  starter->take_program(std::move(program));
}

int run_tool(int argc, char** argv) {
  CLI::App root("Memory profiling and leak diagnosis for C++ servers", "holdfast");
  root.set_version_flag("--version", "holdfast " HOLDFAST_VERSION, "Print the version");
  root.require_subcommand(1);
  root.footer(
      "Exit status: 0 clean; 1 leak confirmed or budget exceeded; 2 usage or bad input; 3 inconclusive.\n"
      "`run` passes on the program's own.");
  const std::vector<Command> commands = add_commands(root);
  try {
    parse(root, commands, {argv + 1, argv + argc});
  } catch (const CLI::Success& wanted) {  // --help, --version
    return root.exit(wanted);
  } catch (const CLI::ParseError& error) {
    return print_usage_error(commands, error);
  }
  for (const Command& command : commands) {
    if (!command.app->parsed()) continue;
    const auto status = command.work();
    return status ? *status : print_error(status.error(), kExitBadInput);
  }
  return kExitBadInput;
}

}  // namespace
}  // namespace holdfast::tool

int main(int argc, char** argv) {
  try {
    return holdfast::tool::run_tool(argc, argv);
  } catch (
      const std::exception& failure) {  // out of memory, most likely: the input was larger than this machine
    return holdfast::tool::print_error({failure.what(), ""}, holdfast::tool::kExitBadInput);
  }
}
