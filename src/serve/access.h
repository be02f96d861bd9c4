// Who may ask: which requests are answered, whichever way they came. Any thread; allocates.
#pragma once

#include <holdfast/result.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "serve/http.h"

namespace holdfast::serve {

struct AccessOptions {
  std::string auth_file;                   // see credentials.h; empty: no passwords
  std::vector<std::string> allowed_hosts;  // names a Host header may bear besides the loopback's
};

// How a request reached us.
struct Door {
  enum class Kind {
    loopback,  // a TCP port of this machine
    unix,      // a socket file, which no web page can reach
    network,   // a TCP port that other machines reach
    host       // a program's own HTTP server, through holdfast::handle()
  };
  Kind kind = Kind::loopback;
  bool is_tls = false;
};

class Access {
 public:
  // Error when the file of passwords cannot be used.
  static Result<std::unique_ptr<Access>> open(AccessOptions options);

  Access(const Access&) = delete;
  Access& operator=(const Access&) = delete;
  ~Access();

  bool asks_for_password() const;

  // The refusal of a request that no client means to send, or that is nobody's: a Host that is not ours (a
  // web page whose name was made to point here), a request that a web page of another site started, or one
  // without a password of the file. Needs the headers only. Empty for a request to answer.
  //   Host: the loopback's and allowed_hosts at the loopback; any at a Unix socket and in the program's own
  //   server; allowed_hosts at a network address, or any where there are none, as a password is asked there.
  std::optional<Response> refuse(const Request& request, const Door& door);

 private:
  explicit Access(AccessOptions options);
  bool knows_host(const Request& request, const Door& door) const;
  std::optional<Response> refuse_nobody(const Request& request);

  struct Doorkeeper;  // the credentials and their lock
  AccessOptions options_;
  std::unique_ptr<Doorkeeper> doorkeeper_;  // null without passwords
};

}  // namespace holdfast::serve
