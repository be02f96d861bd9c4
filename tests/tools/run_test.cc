// `holdfast run` with real programs of the system, and with programs it must refuse.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>

#include "support/certificates.h"
#include "support/raw_server.h"
#include "support/temporary.h"
#include "tools/tool.h"

namespace holdfast {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Outcome;
using testing::Process;
using ::testing::StartsWith;
using testing::TemporaryDirectory;

std::string free_address() { return "127.0.0.1:" + std::to_string(testing::unused_port()); }

std::vector<std::string> run_words(std::vector<std::string> program,
                                   const std::string& address = free_address()) {
  program.insert(program.begin(), {"run", "--listen", address, "--"});
  return program;
}

void expect_refused(const Outcome& outcome, const std::string& reason) {
  EXPECT_EQ(outcome.exit_code, 2) << outcome.err;
  EXPECT_THAT(outcome.out, IsEmpty());
  EXPECT_THAT(outcome.err, StartsWith("holdfast: "));
  EXPECT_THAT(outcome.err, HasSubstr(reason));
}

TEST(Run, PassesOutputInputAndExitStatusThrough) {
  const Outcome outcome =
      testing::holdfast(run_words({"sh", "-c", "cat; echo error >&2; exit 7"}), {.input = "text"});
  EXPECT_EQ(outcome.exit_code, 7);
  EXPECT_EQ(outcome.out, "text");
  EXPECT_THAT(outcome.err, HasSubstr("error\n"));
}

TEST(Run, ArgumentsAfterTheDashesAreTheProgramsOwn) {
  const char* show = "import sys; print(sys.argv[1:])";
  const Outcome divided =
      testing::holdfast(run_words({"python3", "-c", show, "--exact", "get", "[a]", "--", "-h"}));
  EXPECT_EQ(divided.out, "['--exact', 'get', '[a]', '--', '-h']\n");
  const Outcome bare =
      testing::holdfast({"run", "--listen", free_address(), "python3", "-c", show, "--exact", "--", "x"});
  EXPECT_EQ(bare.out, "['--exact', '--', 'x']\n");
}

TEST(Run, TracesTheProgramWhereTheEnvironmentAsksForIt) {
  // Until the first line is there, of which the program itself sees nothing: a few periods are plenty.
  const Outcome outcome = testing::holdfast(run_words({"python3", "-c", "import time; time.sleep(2)"}),
                                            {.environment = {{"HOLDFAST_TRACE", "100ms"}}});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_THAT(outcome.err, HasSubstr("holdfast: in use "));
  const Outcome wrong = testing::holdfast(run_words({"sh", "-c", "sh -c true; exit 3"}),
                                          {.environment = {{"HOLDFAST_TRACE", "often"}}});
  EXPECT_EQ(wrong.exit_code, 3);
  const std::size_t said = wrong.err.find("HOLDFAST_TRACE: ");
  ASSERT_NE(said, std::string::npos) << wrong.err;
  EXPECT_EQ(wrong.err.find("HOLDFAST_TRACE: ", said + 1), std::string::npos) << wrong.err;
}

TEST(Run, WritesADumpWhenASignalAsks) {
  const TemporaryDirectory directory;
  Process process(testing::tool_words({"run", "--dump", directory.path(), "--", "python3", "-c",
                                       "import os,sys; print(os.getpid(), flush=True); sys.stdin.read()"}),
                  {.keep_input_open = true, .environment = {{"HOLDFAST_DUMP_SIGNAL", "USR2"}}});
  const std::string pid = process.read_line();
  ASSERT_FALSE(pid.empty());
  process.send_signal(SIGUSR2);
  const std::string dump = directory.file("heap." + pid + ".signal-1.pb.gz");
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!std::filesystem::exists(dump) && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_TRUE(std::filesystem::exists(dump));
  process.close_input();
  EXPECT_EQ(process.wait().exit_code, 0);
  EXPECT_TRUE(std::filesystem::exists(directory.file("heap." + pid + ".pb.gz")));
}

TEST(Run, IsTheProgramItselfSoSignalsReachIt) {
  Process process(testing::tool_words(run_words({"python3", "-c",
                                                 "import os,sys; print(os.getpid(), flush=True); "
                                                 "sys.stdin.read()"})),
                  {.keep_input_open = true});
  EXPECT_EQ(process.read_line(), std::to_string(process.id()));
  process.send_signal(SIGTERM);
  EXPECT_EQ(process.wait().signal, SIGTERM);
}

TEST(Run, TheHeapOfAnUnmodifiedProgramCanBeFetchedWhileItRuns) {
  const std::string address = free_address();
  Process process(testing::tool_words({"run", "--exact", "--listen", address, "--", "python3", "-c",
                                       "import sys; kept = [bytes(100_000) for _ in range(50)]; "
                                       "print('ready', flush=True); sys.stdin.read(); sys.exit(3)"}),
                  {.keep_input_open = true});
  ASSERT_EQ(process.read_line(), "ready") << process.wait().err;
  const TemporaryDirectory directory;
  const Outcome got = testing::holdfast({"get", address, "-o", directory.file("heap.pb.gz")});
  EXPECT_EQ(got.exit_code, 0) << got.err;
  EXPECT_THAT(got.err, HasSubstr("every allocation counted"));
  EXPECT_GT(std::filesystem::file_size(directory.file("heap.pb.gz")), 1000u);
  process.close_input();
  EXPECT_EQ(process.wait().exit_code, 3);
}

TEST(Run, TellsWhichFreePortItTook) {
  Process process(testing::tool_words({"run", "--listen", "127.0.0.1:0", "--", "cat"}),
                  {.keep_input_open = true});
  const std::string line = process.read_error_line();
  ASSERT_THAT(line, StartsWith("holdfast: the heap endpoint listens at http://127.0.0.1:"));
  const TemporaryDirectory directory;
  const Outcome got = testing::holdfast(
      {"get", line.substr(line.find("http://")) + "/debug/pprof/heap", "-o", directory.file("heap.pb.gz")});
  EXPECT_EQ(got.exit_code, 0) << got.err;
  process.close_input();
  EXPECT_EQ(process.wait().exit_code, 0);
}

TEST(Run, OpensOnlyToThosePermittedAndEndsInOrder) {
  const TemporaryDirectory directory;
  const testing::CertificateFiles files = testing::make_certificates(directory.path());
  // The SHA-256 of "abc".
  testing::write_text(directory.file("auth"),
                      "bearer:sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n");
  Process process(testing::tool_words({"run", "--listen", "127.0.0.1:0", "--", "cat"}),
                  {.keep_input_open = true,
                   .environment = {{"HOLDFAST_TLS_CERT", files.server},
                                   {"HOLDFAST_TLS_KEY", files.server_key},
                                   {"HOLDFAST_TLS_CLIENT_CA", files.authority},
                                   {"HOLDFAST_AUTH_FILE", directory.file("auth")}}});
  const std::string line = process.read_error_line();
  ASSERT_THAT(line, HasSubstr(" https://127.0.0.1:"));
  const std::string heap = line.substr(line.find("https://")) + "/debug/pprof/heap";
  const Outcome got = testing::holdfast({"get", heap, "--ca", files.authority, "--cert", files.client,
                                         "--key", files.client_key, "-o", directory.file("heap.pb.gz")});
  EXPECT_EQ(got.exit_code, 2);
  EXPECT_THAT(got.err, HasSubstr("401"));
  process.close_input();
  const Outcome outcome = process.wait();
  EXPECT_EQ(outcome.exit_code, 0) << outcome.signal << outcome.err;
}

TEST(Run, TellsTheLibraryWhatWasAskedForThroughTheEnvironment) {
  const TemporaryDirectory directory;
  const char* show = "env | grep -e ^HOLDFAST -e ^LD_PRELOAD";
  const Outcome outcome = testing::holdfast(
      {"run", "--interval", "64KiB", "--dump", "dumps", "--listen", "none", "--", "sh", "-c", show},
      {.environment = {{"LD_PRELOAD", "libdl.so.2"}}, .directory = directory.path()});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("HOLDFAST_INTERVAL=65536\n"));
  EXPECT_THAT(outcome.out, HasSubstr("HOLDFAST_DUMP_DIR=" + directory.file("dumps") + "\n"));
  EXPECT_THAT(outcome.out, HasSubstr("libholdfast_preload.so:libdl.so.2\n"));
  EXPECT_THAT(outcome.out, HasSubstr("HOLDFAST_RUN_PID="));
  EXPECT_THAT(outcome.out, Not(HasSubstr("HOLDFAST_LISTEN")));
  EXPECT_TRUE(std::filesystem::is_directory(directory.file("dumps")));
}

TEST(Run, FollowsScriptsToTheirInterpreter) {
  const TemporaryDirectory directory;
  const auto script = [&](const char* name, const std::string& text) {
    testing::write_text(directory.file(name), text);
    ::chmod(directory.file(name).c_str(), 0755);
    return directory.file(name);
  };
  EXPECT_EQ(testing::holdfast(run_words({script("plain", "#!/bin/sh\nexit 5\n")})).exit_code, 5);
  EXPECT_EQ(
      testing::holdfast(run_words({script("env", "#!/usr/bin/env -S python3 -u\nraise SystemExit(6)\n")}))
          .exit_code,
      6);
  expect_refused(testing::holdfast(run_words({script("gone", "#!/no/such/interpreter\n")})), "#! line fails");
  expect_refused(testing::holdfast(run_words({script("empty", "#!\n")})), "names no interpreter");
  expect_refused(testing::holdfast(run_words({script("loop", "#!" + directory.file("loop") + "\n")})),
                 "from script to script");
  expect_refused(testing::holdfast(run_words({script("text", "exit 0\n")})),
                 "neither an ELF program nor a script");
}

TEST(Run, RefusesAStaticProgramWithTheReason) {
  expect_refused(testing::holdfast(run_words({STATIC_PROGRAM})), "it is statically linked");
}

TEST(Run, RefusesAProgramWithPrivileges) {
  const TemporaryDirectory directory;
  std::filesystem::copy_file("/bin/true", directory.file("set_uid"));
  ::chmod(directory.file("set_uid").c_str(), 04755);
  expect_refused(testing::holdfast(run_words({directory.file("set_uid")})), "it is set-uid");
  ::chmod(directory.file("set_uid").c_str(), 02755);
  expect_refused(testing::holdfast(run_words({directory.file("set_uid")})), "it is set-gid");
}

TEST(Run, RefusesWhatIsNoProgramForThisMachine) {
  const TemporaryDirectory directory;
  const auto program = [&](const char* name, std::string bytes) {
    testing::write_text(directory.file(name), bytes);
    ::chmod(directory.file(name).c_str(), 0755);
    return directory.file(name);
  };
  const std::string whole = testing::read_text("/bin/true");
  std::string changed = whole;
  changed[4] = 1;  // EI_CLASS: 32-bit
  expect_refused(testing::holdfast(run_words({program("narrow", changed)})), "32-bit");
  changed = whole;
  changed[18] = 8;  // e_machine: MIPS
  expect_refused(testing::holdfast(run_words({program("mips", changed)})), "another machine");
  changed = whole;
  changed[16] = 4;  // e_type: core
  expect_refused(testing::holdfast(run_words({program("core", changed)})), "no executable");
  expect_refused(testing::holdfast(run_words({program("short", whole.substr(0, 40))})), "cut short");
  expect_refused(testing::holdfast(run_words({directory.file("none")})), "No such file");
  expect_refused(testing::holdfast(run_words({"no-such-program-anywhere"})), "cannot find the program");
  expect_refused(testing::holdfast(run_words({directory.path()})), "is a directory");
  testing::write_text(directory.file("plain"), "x");
  expect_refused(testing::holdfast(run_words({directory.file("plain")})), "is not executable");
}

TEST(Run, RefusesWrongFlagsBeforeAnythingStarts) {
  expect_refused(testing::holdfast({"run"}), "run which program?");
  expect_refused(testing::holdfast({"run", "--exat", "true"}), "--exat");
  expect_refused(testing::holdfast({"run", "--interval", "much", "--", "true"}), "'much' is not a size");
  expect_refused(testing::holdfast({"run", "--interval", "0", "--", "true"}), "interval of 0 bytes");
  expect_refused(testing::holdfast({"run", "--exact", "--interval", "1k", "--", "true"}), "--exact");
  expect_refused(testing::holdfast({"run", "--listen", "nowhere", "--", "true"}), "no address to listen on");
  expect_refused(testing::holdfast({"run", "--listen", "127.0.0.1:70000", "--", "true"}),
                 "no address to listen on");
  expect_refused(testing::holdfast({"run", "--listen", "none", "--", "true"}), "nothing would come out");
  expect_refused(testing::holdfast({"run", "--dump", "/proc/dumps", "--", "true"}), "/proc/dumps");
  const testing::RawServer other("");
  expect_refused(testing::holdfast({"run", "--listen", other.address(), "--", "true"}),
                 "Address already in use");
}

TEST(Run, SaysWhenTheLibraryIsMissingOrUnusable) {
  const auto with_library = [](const std::string& path) {
    return testing::holdfast(run_words({"true"}), {.environment = {{"HOLDFAST_PRELOAD", path}}});
  };
  expect_refused(with_library("/no/such/library.so"), "HOLDFAST_PRELOAD names no file");
  const TemporaryDirectory directory;
  testing::write_text(directory.file("a library.so"), "x");
  expect_refused(with_library(directory.file("a library.so")), "spaces and colons");
}

}  // namespace
}  // namespace holdfast
