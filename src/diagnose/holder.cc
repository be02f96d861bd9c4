#include "diagnose/holder.h"

namespace holdfast::diagnose {

const char* name(RootKind kind) {
  switch (kind) {
    case RootKind::global:
      return "global";
    case RootKind::thread_local_variable:
      return "thread_local";
    case RootKind::stack:
      return "stack";
    case RootKind::memory:
      return "memory";
    case RootKind::cycle:
      return "cycle";
    case RootKind::nothing:
      return "nothing";
    case RootKind::unfinished:
      break;
  }
  return "unfinished";
}

std::string one_line(const HolderChain& chain) {
  std::string text = chain.root;
  switch (chain.kind) {
    case RootKind::cycle:
      text = "unreachable, kept alive only by a reference cycle:";
      break;
    case RootKind::nothing:
      return "nothing points at it";
    case RootKind::unfinished:
      return "the search ended before a root was found";
    default:
      break;
  }
  bool is_first = chain.kind == RootKind::cycle;
  for (const HolderStep& step : chain.steps) {
    text += (is_first ? " " : " -> ") + step.what + (step.is_list ? "s" : "");
    is_first = false;
  }
  return text;
}

}  // namespace holdfast::diagnose
