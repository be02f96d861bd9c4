// The door for C: the one session of the process behind plain functions. No exception leaves.
#include <holdfast/holdfast.h>
#include <holdfast/holdfast_c.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/files.h"
#include "record/thread_state.h"

namespace {

using namespace holdfast;

// Never destroyed: a C program may ask while it ends. Closed by holdfast_close() only.
struct Door {
  std::mutex mutex;
  std::optional<Session> session;
};
Door& door() {
  static auto* const door = new Door();
  return *door;
}

std::size_t copy_text(const std::string& text, char* to, std::size_t size) {
  if (to != nullptr && size > 0) {
    const std::size_t length = std::min(text.size(), size - 1);
    std::memcpy(to, text.data(), length);
    to[length] = '\0';
  }
  return text.size();
}

int fail(const Error& error, char* to, std::size_t size) {
  copy_text(error.hint.empty() ? error.what : error.what + "; " + error.hint, to, size);
  return -1;
}

std::string text_of(const char* text) { return text == nullptr ? std::string() : std::string(text); }

Options options_of(const holdfast_options& from) {
  Options options;
  options.listen = text_of(from.listen);
  if (from.interval_bytes != 0) options.interval_bytes = from.interval_bytes;
  options.exact = from.exact != 0;
  options.start = from.wait_for_start == 0;
  if (from.max_frames != 0) options.max_frames = from.max_frames;
  options.show_arguments = from.hide_arguments == 0;
  options.auth_file = text_of(from.auth_file);
  options.tls_certificate = text_of(from.tls_certificate);
  options.tls_key = text_of(from.tls_key);
  options.tls_client_ca = text_of(from.tls_client_ca);
  return options;
}

// Runs `body` with the door locked, the thread quiet, and exceptions turned into an error.
template <typename Body>
int guarded(char* error, std::size_t error_size, Body body) {
  const record::QuietScope quiet;
  try {
    const std::lock_guard lock(door().mutex);
    return body(door().session);
  } catch (...) {
    return fail({"no memory", ""}, error, error_size);
  }
}

template <typename Body>
int with_session(Body body) {
  return guarded(nullptr, 0,
                 [&](std::optional<Session>& session) { return session && body(*session) ? 0 : -1; });
}

// A response whose pointers a C program can follow.
struct Kept {
  HttpResponse response;
  std::vector<const char*> headers;
};

}  // namespace

extern "C" {

int holdfast_open(const holdfast_options* options, char* error, size_t error_size) {
  return guarded(error, error_size, [&](std::optional<Session>& session) {
    Result<Session> opened = Session::open(options == nullptr ? Options{} : options_of(*options));
    if (!opened) return fail(opened.error(), error, error_size);
    session = std::move(opened).value();
    return 0;
  });
}

void holdfast_close() {
  guarded(nullptr, 0, [](std::optional<Session>& session) {
    session.reset();
    return 0;
  });
}

int holdfast_start() {
  return with_session([](Session& session) { return session.start().ok(); });
}

int holdfast_stop() {
  return with_session([](Session& session) {
    session.stop();
    return true;
  });
}

int holdfast_set_interval(uint64_t bytes) {
  return with_session([bytes](Session& session) { return session.set_interval(bytes).ok(); });
}

size_t holdfast_address(char* address, size_t size) {
  std::size_t length = 0;
  copy_text({}, address, size);
  with_session([&](Session& session) {
    length = copy_text(session.address(), address, size);
    return true;
  });
  return length;
}

void holdfast_add_work(uint64_t n) { add_work(n); }

int holdfast_write_heap_profile(const char* path, char* error, size_t error_size) {
  return guarded(error, error_size, [&](std::optional<Session>& session) {
    if (!session) return fail({"no session is open", "call holdfast_open() first"}, error, error_size);
    const Result<std::string> profile = session->heap_profile();
    if (!profile) return fail(profile.error(), error, error_size);
    const Result<void> written = base::write_file_atomically(text_of(path), *profile);
    return written ? 0 : fail(written.error(), error, error_size);
  });
}

int holdfast_handle(const holdfast_request* request, holdfast_response* response) {
  const record::QuietScope quiet;
  try {
    HttpRequest asked;
    asked.method = text_of(request->method);
    asked.target = text_of(request->target);
    for (const char* const* h = request->headers; h != nullptr && h[0] != nullptr && h[1] != nullptr; h += 2)
      asked.headers.emplace_back(h[0], h[1]);
    if (request->body != nullptr) asked.body.assign(request->body, request->body_size);
    auto kept = std::make_unique<Kept>();
    kept->response = handle(asked);
    for (const auto& [name, value] : kept->response.headers) {
      kept->headers.push_back(name.c_str());
      kept->headers.push_back(value.c_str());
    }
    kept->headers.push_back(nullptr);
    *response = {kept->response.status, kept->headers.data(), kept->response.body.data(),
                 kept->response.body.size(), kept.get()};
    static_cast<void>(kept.release());
    return 0;
  } catch (...) {
    *response = {};
    return -1;
  }
}

void holdfast_free_response(holdfast_response* response) {
  const record::QuietScope quiet;
  delete static_cast<Kept*>(response->memory);
  *response = {};
}

}  // extern "C"
