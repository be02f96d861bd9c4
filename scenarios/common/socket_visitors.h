// Clients that speak over sockets of their own: lines over TCP, Redis' protocol. Used by visitors.cc.
#pragma once

#include <memory>
#include <string>

#include "scenarios/common/traffic.h"

namespace holdfast::scenarios {

// listener_list: each request a new connection that asks once and closes.
std::unique_ptr<Visitor> visit_feed(const std::string& app);

// slow_consumer: publishes; every client has a subscriber that reads, and the run one that does not.
std::unique_ptr<Visitor> visit_subscribed(const std::string& app);

}  // namespace holdfast::scenarios
