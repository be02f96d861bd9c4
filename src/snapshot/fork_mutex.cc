#include "snapshot/fork_mutex.h"

#include <pthread.h>

#include <algorithm>
#include <vector>

namespace holdfast::snapshot {
namespace {

// All living mutexes, oldest first. Never destroyed: a fork may come after the statics are gone.
struct Registry {
  std::mutex mutex;
  std::vector<ForkMutex*> all;
};

Registry& registry() {
  static Registry& living = *new Registry;
  return living;
}

void lock_all() {
  Registry& living = registry();
  living.mutex.lock();
  for (auto it = living.all.rbegin(); it != living.all.rend(); ++it) (*it)->lock();
}

void unlock_all() {
  Registry& living = registry();
  for (ForkMutex* mutex : living.all) mutex->unlock();
  living.mutex.unlock();
}

}  // namespace

ForkMutex::ForkMutex() {
  static const int once = pthread_atfork(lock_all, unlock_all, unlock_all);
  static_cast<void>(once);
  Registry& living = registry();
  const std::lock_guard guard(living.mutex);
  living.all.push_back(this);
}

ForkMutex::~ForkMutex() {
  Registry& living = registry();
  const std::lock_guard guard(living.mutex);
  std::erase(living.all, this);
}

}  // namespace holdfast::snapshot
