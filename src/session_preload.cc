// The end of libholdfast_session.so that libholdfast_preload.so calls: opens a session as the environment
// says, just before main, and writes a last dump before the program's static destructors run. Never throws,
// never ends the program.
#include <holdfast/holdfast.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/units.h"
#include "dumps.h"
#include "record/thread_state.h"

namespace {

using namespace holdfast;

// Not closed as a rule: its threads end with the process, and static destructors of the program may still allocate.
Session* g_session = nullptr;
// OpenSSL takes itself down at exit, under threads that would still be using it.
bool g_closes_at_exit = false;
std::string* g_dump_dir = nullptr;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

void say(const Error& error, const char* consequence) {
  std::string line = "holdfast: " + error.what;
  if (!error.hint.empty()) line += "; " + error.hint;
  line += "; ";
  line += consequence;
  std::fprintf(stderr, "%s\n", line.c_str());
}

// "a.example,b.example" taken apart.
std::vector<std::string> words(const std::string& list) {
  std::vector<std::string> words;
  for (std::size_t begin = 0; begin < list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    if (end > begin) words.push_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

// "USR2", "SIGUSR2" or "12".
Result<int> signal_from(std::string text) {
  if (text.starts_with("SIG")) text.erase(0, 3);
  for (int number = 1; number < NSIG; ++number) {
    const char* name = sigabbrev_np(number);
    if (text == std::to_string(number) || (name != nullptr && text == name)) return number;
  }
  return Error{"HOLDFAST_DUMP_SIGNAL: there is no signal " + text, "USR2 is usual"};
}

// What asks for dumps before the program's end. A wrong value costs only these dumps.
Result<void> add_dumps(Options& options) {
  options.dump_directory = environment("HOLDFAST_DUMP_DIR");
  const std::string most = environment("HOLDFAST_DUMPS"), signal = environment("HOLDFAST_DUMP_SIGNAL");
  if (!most.empty()) {
    const auto [end, error] = std::from_chars(most.data(), most.data() + most.size(), options.max_dumps);
    if (error != std::errc() || end != most.data() + most.size() || options.max_dumps == 0) {
      return Error{"HOLDFAST_DUMPS: \"" + most + "\" is no number of files", "5 is the default"};
    }
  }
  if (!signal.empty()) {
    const Result<int> number = signal_from(signal);
    if (!number) return number.error();
    options.dump_signal = *number;
  }
  options.dump_at = environment("HOLDFAST_DUMP_AT");
  if (!options.dump_at.empty()) {
    const Result<DumpThreshold> threshold = parse_dump_threshold(options.dump_at);
    if (!threshold) return Error{"HOLDFAST_DUMP_AT: " + threshold.error().what, threshold.error().hint};
  }
  if (options.dump_directory.empty() && (!options.dump_at.empty() || !signal.empty())) {
    return Error{"no directory is set for the dumps asked for", "set HOLDFAST_DUMP_DIR"};
  }
  return {};
}

Result<Options> options_from_environment() {
  Options options;
  options.listen = environment("HOLDFAST_LISTEN");
  options.auth_file = environment("HOLDFAST_AUTH_FILE");
  options.tls_certificate = environment("HOLDFAST_TLS_CERT");
  options.tls_key = environment("HOLDFAST_TLS_KEY");
  options.tls_client_ca = environment("HOLDFAST_TLS_CLIENT_CA");
  options.allowed_hosts = words(environment("HOLDFAST_ALLOWED_HOSTS"));
  options.show_arguments = environment("HOLDFAST_SHOW_ARGUMENTS") != "0";
  const std::string interval = environment("HOLDFAST_INTERVAL");
  if (interval == "exact") {
    options.exact = true;
  } else if (!interval.empty()) {
    const Result<std::uint64_t> bytes = base::parse_bytes(interval);
    if (!bytes) {
      return Error{"HOLDFAST_INTERVAL: " + bytes.error().what,
                   "set it to \"exact\" or a size such as 512KiB"};
    }
    options.interval_bytes = *bytes;
  }
  const std::string frames = environment("HOLDFAST_MAX_FRAMES");
  if (!frames.empty()) {
    const auto [end, error] = std::from_chars(frames.data(), frames.data() + frames.size(), options.max_frames);
    if (error != std::errc() || end != frames.data() + frames.size()) {
      return Error{"HOLDFAST_MAX_FRAMES is no number: " + frames, "set it to 1 to 256; 64 is the default"};
    }
  }
  return options;
}

// For a process that nobody can ask: then nobody needs a password either.
void close_all_doors(Options& options) {
  options.listen.clear();
  options.auth_file.clear();
  options.tls_certificate.clear();
  options.tls_key.clear();
  options.tls_client_ca.clear();
}

void open() {
  Result<Options> options = options_from_environment();
  if (!options) return say(options.error(), "the program runs on unprofiled");
  const std::string program_pid = environment("HOLDFAST_RUN_PID");
  const bool is_child = !program_pid.empty() && program_pid != std::to_string(getpid());
  Options with_dumps = *options;
  if (const Result<void> added = add_dumps(with_dumps)) {
    *options = with_dumps;
  } else if (!is_child) {
    say(added.error(), "no dump is written but the last");
  }
  if (is_child) {
    // A child that leaves dumps does not fight for the endpoint's address, nor does it talk in between.
    close_all_doors(*options);
    options->trace_every = std::chrono::milliseconds(-1);
  }
  Result<Session> session = Session::open(*options);
  if (!session && !options->listen.empty() && !environment("HOLDFAST_DUMP_DIR").empty()) {
    say(session.error(), "the program runs without an endpoint");
    close_all_doors(*options);
    session = Session::open(*options);
  }
  if (!session) return say(session.error(), "the program runs on unprofiled");
  g_session = new Session(std::move(session).value());
  g_closes_at_exit = !options->tls_certificate.empty() && !options->listen.empty();
  // Whoever asked for a free port cannot know which it is.
  if (options->listen.ends_with(":0")) {
    std::fprintf(stderr, "holdfast: the heap endpoint listens at %s\n", g_session->address().c_str());
  }
  const std::string dump_dir = environment("HOLDFAST_DUMP_DIR");
  if (!dump_dir.empty()) g_dump_dir = new std::string(dump_dir);
}

void dump() {
  const Result<std::string> bytes = g_session->heap_profile();
  if (!bytes) return say(bytes.error(), "no dump is written");
  const std::string path = *g_dump_dir + "/heap." + std::to_string(getpid()) + ".pb.gz";
  const Result<void> written = base::write_file_atomically(path, *bytes);
  if (!written) say(written.error(), "no dump is written");
}

}  // namespace

extern "C" __attribute__((visibility("default"))) void holdfast_preload_open() {
  const record::QuietScope quiet;
  try {
    open();
  } catch (const std::exception& e) {
    std::fprintf(stderr, "holdfast: %s; the program runs on unprofiled\n", e.what());
  }
}

extern "C" __attribute__((visibility("default"))) void holdfast_preload_before_exit() {
  if (g_session == nullptr) return;
  const record::QuietScope quiet;
  try {
    if (g_dump_dir != nullptr) dump();
    if (g_closes_at_exit) g_session->close();
  } catch (const std::exception& e) {
    std::fprintf(stderr, "holdfast: %s; no dump is written\n", e.what());
  }
}
