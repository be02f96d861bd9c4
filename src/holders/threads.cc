#include "holders/threads.h"

#include <dirent.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

namespace holdfast::holders {
namespace {

constexpr std::size_t kMaxThreads = 65'536;
constexpr std::size_t kMaxStaticTls = std::size_t{1} << 20;
constexpr int kLooks = 6;                 // at threads that run: most sleep a moment later
constexpr timespec kPause{0, 1'000'000};  // between two looks

// One read of a small file of /proc; empty when it is not to be had.
std::string small_file(const std::string& path) {
  char text[512];
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  const ssize_t got = ::read(fd, text, sizeof text);
  ::close(fd);
  return got <= 0 ? std::string() : std::string(text, static_cast<std::size_t>(got));
}

// "202 0x7f… … 0x7ffd… 0x7f…": the last two words are stack pointer and program counter; "running" has
// neither.
bool parse_where(const std::string& text, Thread& thread) {
  std::vector<std::uintptr_t> words;
  const char* at = text.c_str();
  while (*at != '\0') {
    char* end = nullptr;
    const std::uintptr_t word = std::strtoull(at, &end, 0);
    if (end == at) break;
    words.push_back(word);
    at = end;
  }
  if (words.size() < 3) return false;
  thread.stack_pointer = words[words.size() - 2];
  thread.program_counter = words[words.size() - 1];
  return true;
}

std::string folder_of(const Thread& thread) { return "/proc/self/task/" + std::to_string(thread.id); }

void look_at(Thread& thread) {
  thread.name = small_file(folder_of(thread) + "/comm");
  while (!thread.name.empty() && thread.name.back() == '\n') thread.name.pop_back();
  thread.is_own = thread.name.starts_with("holdfast-") || thread.id == gettid();
}

void look_for_stacks(std::vector<Thread>& threads) {
  for (int look = 0; look < kLooks; ++look) {
    if (look > 0) nanosleep(&kPause, nullptr);
    bool all_known = true;
    for (Thread& thread : threads) {
      if (thread.stack_pointer != 0 || thread.is_own) continue;
      const std::string where = small_file(folder_of(thread) + "/syscall");
      if (!where.empty() && !parse_where(where, thread)) all_known = false;
    }
    if (all_known) return;
  }
}

}  // namespace

std::vector<Thread> list_threads(record::Recorder& recorder) {
  std::vector<Thread> threads;
  DIR* folder = opendir("/proc/self/task");
  if (folder == nullptr) return threads;
  while (const dirent* entry = readdir(folder)) {
    Thread thread;
    thread.id = std::strtol(entry->d_name, nullptr, 10);
    if (thread.id <= 0 || threads.size() == kMaxThreads) continue;
    look_at(thread);
    threads.push_back(std::move(thread));
  }
  closedir(folder);
  look_for_stacks(threads);

  std::vector<record::KnownThread> known(threads.size() + 64);
  const std::size_t count = recorder.known_threads(known.data(), known.size());
  known.resize(count < known.size() ? count : known.size());
  const auto own_block = static_cast<std::uintptr_t>(pthread_self());
  for (const record::KnownThread& k : known) {
    for (Thread& thread : threads) {
      if (thread.id == static_cast<long>(k.thread_id)) thread.control_block = own_block + k.distance;
    }
  }
  return threads;
}

std::vector<StaticTls> static_tls() {
  std::vector<StaticTls> found;
  const auto collect = [](dl_phdr_info* info, std::size_t, void* data) {
    const auto control_block = static_cast<std::uintptr_t>(pthread_self());
    const auto here = reinterpret_cast<std::uintptr_t>(info->dlpi_tls_data);
    if (here == 0 || here >= control_block || control_block - here > kMaxStaticTls) return 0;
    for (int i = 0; i < info->dlpi_phnum; ++i) {
      if (info->dlpi_phdr[i].p_type != PT_TLS) continue;
      try {
        static_cast<std::vector<StaticTls>*>(data)->push_back(
            {info->dlpi_addr, control_block - here, info->dlpi_phdr[i].p_memsz});
      } catch (...) {
        return 1;
      }
    }
    return 0;
  };
  dl_iterate_phdr(collect, &found);
  return found;
}

}  // namespace holdfast::holders
