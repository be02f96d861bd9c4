// The door of Holdfast: open a Session in a server, and its heap can be asked who allocated what is still alive.
//
//     #include <holdfast/holdfast.h>
//     auto heap = holdfast::Session::open({.listen = "127.0.0.1:6060"});
//     if (!heap) log(heap.error().what);        // optional: the server runs on without it
//
// Link `holdfast::holdfast`: its archive carries malloc, free and operator new in front of the allocator the program
// uses (glibc, libtcmalloc, libjemalloc). One session is open at a time; every function may be called from any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <holdfast/labels.h>
#include <holdfast/http.h>
#include <holdfast/result.h>

namespace holdfast {

struct Options {
  // Where the heap endpoint listens: "host:port" (loopback unless authentication is configured; port 0 picks a free
  // one), "unix:/path" for a Unix socket of mode 0600, or empty for no endpoint.
  std::string listen = {};

  // Mean bytes between two samples. 512 KiB costs next to nothing and finds a leak of about 5 MB; smaller finds smaller.
  std::uint64_t interval_bytes = 512 * 1024;

  // Count every allocation instead of sampling: for CI and for tests, where the cost matters less than certainty.
  bool exact = false;

  // Start counting at once. With false the session only opens the endpoint; start() begins later.
  bool start = true;

  // Frames kept per stack, 1 to 256. Deeper stacks are cut at the outer end and counted as truncated.
  std::uint32_t max_frames = 64;

  // Show the program's arguments at /debug/pprof/cmdline. Switch off where they hold secrets.
  bool show_arguments = true;

  // Values of one label key told apart, 1 to 1000; further ones share "(other)". Each is a series in Pyroscope and makes
  // the profile longer.
  std::uint32_t max_label_values = 100;
  // Who may ask. A file of names and password hashes for HTTP Basic, and of hashed tokens for Bearer; docs/endpoint.md
  // tells how to make it. It is read again when it changes.
  std::string auth_file = {};

  // PEM files: the endpoint's certificate and its key (empty: in the same file) make it https. With a CA for clients,
  // only those that show a certificate signed by it get in.
  std::string tls_certificate = {};
  std::string tls_key = {};
  std::string tls_client_ca = {};

  // Names by which clients may call the endpoint, besides the loopback's: the Host header must be one of them.
  std::vector<std::string> allowed_hosts = {};

  // Keep the profile of the moment when most was in use, for /debug/holdfast/peak: at most 1 % of one processor, and a
  // few MiB. Only with an endpoint.
  bool keep_peak = true;

  // Write a dump when resident memory reaches a size ("2GiB"), or when memory reaches a share ("90%") of the control
  // group's limit, or of the machine's memory where there is none: before the kernel ends the program. Empty: never.
  std::string dump_at = {};

  // Where dumps go, heap.<pid>.alarm-1.pb.gz and so on, and how many of the newest are kept there.
  std::string dump_directory = {};
  unsigned max_dumps = 5;

  // A signal that asks for a dump, such as SIGUSR2; 0 for none. The program must not handle it itself.
  int dump_signal = 0;

  // One line on stderr per period: in use, allocation rate, RSS, the fastest-growing site. 0 for none; the environment
  // variable HOLDFAST_TRACE ("10s") sets it where it is 0. Negative for none whatever the environment says.
  std::chrono::milliseconds trace_every{0};
};

// A running recording and, if asked for, its endpoint. Movable, not copyable; closes on destruction.
class Session {
 public:
  // Starts recording and the endpoint. Allocates; takes a few milliseconds. Fails, and leaves the program exactly as it
  // was, when a session is already open, the address cannot be bound, an option is out of range, or the self-check
  // finds that the program's allocations do not come through Holdfast.
  static Result<Session> open(Options options = {});

  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  // Stops the endpoint and the recording. Blocks already sampled stay valid for as long as the program keeps them.
  void close() noexcept;

  // Stop and start recording at run time. While stopped no new sample is taken; frees of samples are still counted.
  void stop() noexcept;
  [[nodiscard]] Result<void> start();
  bool recording() const noexcept;

  // Changes the mean bytes between two samples for all threads. Samples taken before keep the weight of their own interval.
  [[nodiscard]] Result<void> set_interval(std::uint64_t bytes);

  // Switches the endpoint off and on while the program runs. Off, every request gets 503, but for the POST to
  // /debug/holdfast/endpoint that switches it on again. The recording goes on.
  void set_answering(bool on) noexcept;
  bool answering() const noexcept;

  // The endpoint's address as clients write it: "http://127.0.0.1:6060" or "unix:/path"; empty without an endpoint.
  std::string address() const;

  // The heap profile as gzipped pprof protobuf, the bytes that /debug/pprof/heap answers. Allocates; milliseconds.
  [[nodiscard]] Result<std::string> heap_profile() const;

 private:
  struct Impl;
  explicit Session(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

// The work clock: tell Holdfast that `n` units of work (requests served, messages handled) are done. Leak rates are then
// told per unit of work, and quiet hours do not blur the verdict. Lock-free, a few nanoseconds; does nothing harmful
// without a session.
void add_work(std::uint64_t n = 1) noexcept;

}  // namespace holdfast
