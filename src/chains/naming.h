// Names for the parts of a chain. One thread; allocates.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "chains/dump.h"
#include "chains/program.h"

namespace holdfast::chains {

class Naming {
 public:
  // Both must outlive this.
  Naming(const Dump& dump, const Program& program) : dump_(dump), program_(program) {}

  // "global `router.routes : std::map<...>`", "stack of thread worker-1 in worker_loop()".
  std::string root(const Root& root) const;
  // "std::map node", "closure make_handler(...)::{lambda}", "make_shared<Session>"; `is_last` for the site's
  // own block.
  std::string block(const Link& link, bool is_last) const;
  // "read_body  server.cpp:27"; empty when unknown.
  std::string allocated_in(const Link& link) const;

 private:
  std::string global(const Root& root) const;
  std::string thread_local_variable(const Root& root) const;
  std::string stack(const Root& root) const;
  std::string class_name(const Link& link) const;
  std::string closure(const Link& link) const;
  std::string coroutine(const Link& link) const;
  std::string container(const Link& link) const;
  std::string by_shape(const Link& link) const;
  const std::vector<SourceFrame>& frames(std::size_t site) const;

  const Dump& dump_;
  const Program& program_;
  mutable std::map<std::size_t, std::vector<SourceFrame>> frames_;
};

}  // namespace holdfast::chains
