// `holdfast ci`: the same requests, round after round, and the verdict on what they leave behind.
#include <CLI/CLI.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "accepted.h"
#include "base/units.h"
#include "command.h"
#include "drive.h"
#include "held.h"
#include "lines/add_lines.h"
#include "outputs.h"
#include "progress.h"
#include "rounds_run.h"
#include "sources.h"
#include "target.h"
#include "verdict.h"

namespace holdfast::tool {
namespace {

struct CiFlags {
  std::string url, ready, budget, settle = "10s", start_timeout = "30s", interval;
  RoundsPlan plan;
  double requests = 0;
  std::vector<std::string> bounds;
  std::vector<std::string> program;
  Accepted accepted;
  VerdictOutput output;
  SourceOptions fetch;
  CLI::Option* confirm = nullptr;
};

constexpr double kBudgetPerRequest = 4;
constexpr double kBudgetPerRound = 4096;
constexpr std::chrono::milliseconds kReadyPause{100};

Result<std::chrono::milliseconds> milliseconds(const std::string& text) {
  const auto parsed = base::parse_duration(text);
  if (!parsed) return parsed.error();
  return std::chrono::duration_cast<std::chrono::milliseconds>(*parsed);
}

Result<void> complete(CiFlags& flags) {
  if (flags.url.empty() == flags.program.empty()) {
    return Error{flags.url.empty() ? "ci of which program?" : "ci of a URL or of a program, not of both",
                 "holdfast ci --drive CMD --url 127.0.0.1:6060, or: holdfast ci --drive CMD -- ./server"};
  }
  if (!flags.url.empty() && !flags.interval.empty())
    return Error{"--interval is for a program that ci starts", "set the running program's own interval"};
  const auto settle = milliseconds(flags.settle);
  if (!settle) return settle.error();
  flags.plan.settle = *settle;
  if (flags.requests > 0) flags.plan.requests_per_round = flags.requests;
  if (flags.confirm->count() == 0) flags.plan.confirming = flags.plan.measured;
  if (flags.plan.confirming != 0 && flags.plan.confirming < 3)
    return Error{"--confirm needs 3 rounds: two halves and a guard", "or 0 to leave it out"};
  return {};
}

Result<diagnose::RoundsPolicy> policy_of(const CiFlags& flags, const std::string& work_unit) {
  diagnose::RoundsPolicy policy;
  policy.budget_bytes_per_work = work_unit == "rounds" ? kBudgetPerRound : kBudgetPerRequest;
  if (!flags.budget.empty()) {
    const auto bytes = base::parse_bytes(flags.budget.substr(0, flags.budget.find('/')));
    if (!bytes) return bytes.error();
    policy.budget_bytes_per_work = static_cast<double>(*bytes);
  }
  for (const std::string& text : flags.bounds) {
    auto bound = diagnose::parse_bound(text);
    if (!bound) return bound.error();
    policy.bounds.push_back(std::move(*bound));
  }
  return policy;
}

Result<Target> open_target(const CiFlags& flags) {
  if (!flags.url.empty()) return Target::at(flags.url, flags.fetch);
  const auto longest = milliseconds(flags.start_timeout);
  if (!longest) return longest.error();
  return Target::start(flags.program, flags.interval, *longest);
}

Result<void> wait_until_ready(const CiFlags& flags, Target& target) {
  if (flags.ready.empty()) return {};
  const auto longest = milliseconds(flags.start_timeout);
  if (!longest) return longest.error();
  const auto deadline = std::chrono::steady_clock::now() + *longest;
  while (!succeeds(flags.ready)) {
    if (auto alive = target.check_alive(); !alive) return alive;
    if (std::chrono::steady_clock::now() >= deadline)
      return Error{"the command of --ready did not succeed within " + flags.start_timeout,
                   "run it by hand, or raise --start-timeout"};
    std::this_thread::sleep_for(kReadyPause);
  }
  return {};
}

std::string per(const std::string& work_unit) {
  return "/" + (work_unit.ends_with('s') ? work_unit.substr(0, work_unit.size() - 1) : work_unit);
}

// Said before anything is measured: what this run can see.
std::string floor_text(const RoundsRun& run, const RoundsPlan& plan, double budget) {
  const double work = (plan.measured - 1) / 2 * run.work_per_round();
  const auto interval = static_cast<double>(run.last().period);
  std::string text = "budget " + base::format_bytes(budget) + per(run.work_unit());
  if (interval <= 1)
    return text + "; every allocation is counted: 5 blocks kept in " +
           base::format_count(static_cast<std::int64_t>(work)) + " " + run.work_unit() + " are seen";
  const double floor = diagnose::floor_bytes_per_work(interval, work);
  text += "; one sample per " + base::format_bytes(interval) + ": leaks of less than " +
          base::format_bytes(floor) + per(run.work_unit()) + " cannot be seen";
  if (floor > budget) text += ", so without a leak this run will be inconclusive";
  return text;
}

struct Judged {
  diagnose::Diagnosis diagnosis;
  profile::Profile first, last;
};

Result<Judged> run_rounds(CiFlags& flags, Target& target) {
  Progress progress(flags.plan.warm_up + flags.plan.measured);
  RoundsRun run(target, flags.plan, progress);
  if (auto done = run.warm_up(); !done) return done.error();
  const auto policy = policy_of(flags, run.work_unit());
  if (!policy) return policy.error();
  progress.say("holdfast ci: " + floor_text(run, flags.plan, policy->budget_bytes_per_work));

  auto measured = run.send(flags.plan.measured, "measuring");
  if (!measured) return measured.error();
  if (flags.fetch.lines) lines::add_lines(measured->guarded);
  Judged judged{diagnose::judge_rounds(*measured, nullptr, *policy), measured->base, run.last()};
  flags.accepted.apply(judged.diagnosis);
  int confirming = 0;
  if (flags.plan.confirming > 0 && (judged.diagnosis.has_leak() || judged.diagnosis.has_suspect())) {
    auto more = run.send(flags.plan.confirming, "confirming");
    if (!more) return more.error();
    if (flags.fetch.lines) lines::add_lines(more->guarded);
    confirming = flags.plan.confirming;
    judged.diagnosis = diagnose::judge_rounds(*measured, &*more, *policy);
    flags.accepted.apply(judged.diagnosis);
    judged.last = run.last();
  }
  diagnose::Diagnosis& d = judged.diagnosis;
  d.work_unit = run.work_unit();
  d.rounds->warm_up = flags.plan.warm_up;
  d.rounds->measured = flags.plan.measured;
  d.rounds->confirming = confirming;
  d.rounds->work_per_round = run.work_per_round();
  d.rounds->in_use_bytes = run.in_use_bytes();
  d.notes.insert(d.notes.end(), run.notes().begin(), run.notes().end());
  return judged;
}

Result<int> ci(CiFlags& flags) {
  if (auto complete_flags = complete(flags); !complete_flags) return complete_flags.error();
  if (auto valid = policy_of(flags, "requests"); !valid) return valid.error();
  if (auto loaded = flags.accepted.load(); !loaded) return loaded.error();
  if (auto opened = flags.output.open(); !opened) return opened.error();
  auto target = open_target(flags);
  if (!target) return target.error();
  if (auto ready = wait_until_ready(flags, *target); !ready) return ready.error();
  auto judged = run_rounds(flags, *target);
  if (!judged) return judged.error();
  if (flags.output.wants_holders()) add_holders(judged->diagnosis, target->source(), flags.fetch);
  if (auto stopped = target->stop(); !stopped) return stopped.error();
  const std::string subject = flags.url.empty() ? flags.program.front() : flags.url;
  return flags.output.write(judged->diagnosis, {subject}, judged->first, judged->last);
}

void add_rounds_flags(CLI::App& app, CiFlags& flags) {
  const auto* group = "Rounds";
  app.add_option("--drive", flags.plan.drive,
                 "Shell command that sends one round, always the same requests; HOLDFAST_ROUND is its number")
      ->required()
      ->type_name("CMD")
      ->group(group);
  app.add_option("--requests", flags.requests,
                 "Requests that one round sends [what the program counts, else rounds are the unit]")
      ->check(CLI::PositiveNumber)
      ->type_name("N")
      ->group(group);
  app.add_option("--rounds", flags.plan.measured,
                 "Rounds that are measured [9], the last to see what outlives it; more find smaller leaks")
      ->check(CLI::Range(3, 1000))
      ->type_name("N")
      ->group(group);
  app.add_option("--warm-up", flags.plan.warm_up,
                 "Rounds before that [2]; more where caches need longer to fill")
      ->check(CLI::Range(1, 1000))
      ->type_name("N")
      ->group(group);
  flags.confirm = app.add_option("--confirm", flags.plan.confirming,
                                 "Rounds to confirm what was found [as --rounds]; 0 trusts the first look")
                      ->check(CLI::Range(0, 1000))
                      ->type_name("N")
                      ->group(group);
  app.add_option("--settle", flags.settle,
                 "Longest wait after a round until the heap is quiet [10s]; longer where work goes on behind "
                 "the answers")
      ->type_name("DURATION")
      ->group(group);
}

void add_program_flags(CLI::App& app, CiFlags& flags) {
  const auto* group = "The program";
  app.add_option("--url", flags.url,
                 "Heap endpoint of a running program, as 127.0.0.1:6060; or give a program to start after --")
      ->type_name("URL")
      ->group(group);
  app.add_option(
         "--interval", flags.interval,
         "Sample a started program [count every allocation]; for programs that exact mode slows too much")
      ->type_name("SIZE")
      ->group(group);
  app.add_option("--ready", flags.ready, "Shell command that succeeds once the program serves [do not wait]")
      ->type_name("CMD")
      ->group(group);
  app.add_option("--start-timeout", flags.start_timeout,
                 "Longest wait for the heap of a started program, and for --ready [30s]")
      ->type_name("DURATION")
      ->group(group);
}

}  // namespace

Command add_ci(CLI::App& root) {
  auto flags = std::make_shared<CiFlags>();
  CLI::App* app =
      root.add_subcommand("ci", "Send the same requests in rounds, and fail when each leaves memory behind");
  app->prefix_command();
  add_rounds_flags(*app, *flags);
  add_program_flags(*app, *flags);
  app->add_option(
         "--budget", flags->budget,
         "What one site may keep per request [4B], or per round where no requests are counted [4KiB]")
      ->type_name("SIZE");
  app->add_option("--bound", flags->bounds,
                  "A declared bound, 'function <= 64MiB': below it its sites are no leak, above it exit 1")
      ->type_name("BOUND")
      ->allow_extra_args(false);
  flags->accepted.add_flags(*app);
  flags->output.add_flags(*app);
  add_source_flags(*app, flags->fetch);
  app->footer(
      "holdfast ci --drive CMD --url URL, or: holdfast ci --drive CMD -- PROGRAM [ARGUMENTS]\n"
      "Exit status: 0 clean; 1 leak confirmed or bound exceeded; 2 the program or the command failed;\n"
      "3 inconclusive.");
  return {app, [flags] { return ci(*flags); },
          [flags](std::vector<std::string> program) { flags->program = std::move(program); }};
}

}  // namespace holdfast::tool
