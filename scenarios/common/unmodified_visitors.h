// Clients of programs that know nothing of this project, over the Unix socket they listen on: redis-server
// and nginx. Used by visitors.cc.
#pragma once

#include <memory>
#include <string>

#include "scenarios/common/traffic.h"

namespace holdfast::scenarios {

// redis_slow_subscriber: publishes; the run has one subscriber, which never reads.
std::unique_ptr<Visitor> visit_redis_channel(const std::string& app);

// redis_never_expires and redis_expiring: each request sets a key of its own, which stays or expires soon.
std::unique_ptr<Visitor> visit_redis_keys(const std::string& app);
std::unique_ptr<Visitor> visit_redis_expiring(const std::string& app);

// nginx_static: asks for files of nginx's own pages, and for some that are not there.
std::unique_ptr<Visitor> visit_nginx(const std::string& app);

}  // namespace holdfast::scenarios
