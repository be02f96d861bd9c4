// The meaning of what a person writes as SOURCE, before anything is opened. Pure apart from one look at the
// file system: `host:port` means a server only where no file of that name exists. Any thread; allocates.
#pragma once

#include <holdfast/result.h>

#include <string>

namespace holdfast::fetch {

struct Source {
  enum class Kind { standard_input, file, http, https, unix_socket };

  Kind kind = Kind::file;
  std::string path;    // of the file or the Unix socket
  std::string host;    // without brackets
  int port = 0;        // 1 to 65535 for http and https
  std::string target;  // request target: path and query, begins with '/'
  bool has_credentials = false;
  std::string user;      // decoded
  std::string password;  // decoded

  // As a person may read it, in messages: without the password.
  std::string shown() const;
};

// Error for a URL with an unknown scheme, no host, a wrong port, or a control character; and for an empty
// text.
Result<Source> parse_source(const std::string& text);

// Where a redirect from `from` to `location` leads: on the same scheme, host and port only. An absolute path
// is joined; Error names the place refused.
Result<Source> follow_redirect(const Source& from, const std::string& location);

}  // namespace holdfast::fetch
