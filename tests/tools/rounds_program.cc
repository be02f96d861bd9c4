// A small server with a known behaviour, which knows nothing of Holdfast, and its client.
//
//     rounds_program serve SOCKET [leak BYTES EVERY | fill ENTRIES | crash AT | restless]
//     rounds_program send SOCKET REQUESTS
//
// leak: every so many requests, keeps so many bytes for ever. fill: keeps one block per request until there
// are so many. crash: aborts at that request. restless: a thread that allocates and frees without end.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

struct Behaviour {
  std::string name;
  std::size_t first = 0, second = 0;
};

std::vector<std::unique_ptr<char[]>> kept_for_ever;
std::vector<std::string> filling;
std::map<int, std::string> cache;  // of a few keys, the same in each round

[[gnu::noinline]] void keep(std::size_t bytes) { kept_for_ever.push_back(std::make_unique<char[]>(bytes)); }

[[gnu::noinline]] void fill(std::size_t limit) {
  if (filling.size() < limit) filling.emplace_back(std::string(500, 'f'));
}

[[gnu::noinline]] void serve_one(const Behaviour& behaviour, std::size_t number) {
  std::string answer(1000, 'a');
  cache[static_cast<int>(number % 50)] = answer.substr(0, 300 + number % 7);
  if (behaviour.name == "leak" && number % behaviour.second == 0) keep(behaviour.first);
  if (behaviour.name == "fill") fill(behaviour.first);
  if (behaviour.name == "crash" && number == behaviour.first) std::abort();
}

sockaddr_un address_of(const char* path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  return address;
}

int serve(const char* path, const Behaviour& behaviour) {
  const int listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
  const sockaddr_un address = address_of(path);
  if (::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener, 8) != 0) {
    std::perror("rounds_program");
    return 1;
  }
  if (behaviour.name == "restless") {
    std::thread([] {
      for (std::size_t size = 1;; size = size * 7 % 1'000'003) {
        const auto block = std::make_unique<char[]>(100'000 + size);
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      }
    }).detach();
  }
  kept_for_ever.reserve(1'000'000);
  filling.reserve(1'000'000);
  for (std::size_t number = 0;;) {
    const int client = ::accept(listener, nullptr, nullptr);
    std::size_t requests = 0;
    if (::read(client, &requests, sizeof requests) == sizeof requests) {
      for (std::size_t i = 0; i < requests; ++i) serve_one(behaviour, ++number);
      if (::write(client, "k", 1) != 1) return 1;
    }
    ::close(client);
  }
}

int send(const char* path, std::size_t requests) {
  const int server = ::socket(AF_UNIX, SOCK_STREAM, 0);
  const sockaddr_un address = address_of(path);
  if (::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return 1;
  char answer = 0;
  return ::write(server, &requests, sizeof requests) == sizeof requests && ::read(server, &answer, 1) == 1
             ? 0
             : 1;
}

std::size_t number(const char* text) { return std::strtoull(text, nullptr, 10); }

}  // namespace

int main(int argc, char** argv) {
  if (argc >= 3 && std::strcmp(argv[1], "serve") == 0) {
    Behaviour behaviour;
    if (argc > 3) behaviour.name = argv[3];
    if (argc > 4) behaviour.first = number(argv[4]);
    if (argc > 5) behaviour.second = number(argv[5]);
    return serve(argv[2], behaviour);
  }
  if (argc == 4 && std::strcmp(argv[1], "send") == 0) return send(argv[2], number(argv[3]));
  std::fprintf(stderr, "usage: rounds_program serve SOCKET [BEHAVIOUR] | send SOCKET REQUESTS\n");
  return 2;
}
