#pragma once

// What the machines of a node report, as lines of its log: walks, answers, streams, peers. With -v
// a command shows those that fall into its time.

#include "dht/node_types.hpp"
#include "overlay/hub.hpp"

namespace cip::node {

void log_event(const dht::Event& event);
void log_event(const overlay::HubEvent& event);

}  // namespace cip::node
