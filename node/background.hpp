#pragma once

// Starts this program again as a node in the background (decisions.md D5, `join --detach`).

#include "node/join_options.hpp"
#include "node/service.hpp"

namespace cip::node {

// One of the three.
struct StartResult {
  Json ready;                  // its ready event
  std::optional<Error> error;  // what it failed with, in its own words
  int signal = 0;              // SIGINT, SIGTERM or SIGHUP came first: the new process was ended
};

// Runs `cipnode join` with these options in a session of its own, its output going to the home's
// node.log, and waits until it is ready.
StartResult start_in_background(JoinOptions options);

// In the new process: says on the descriptor named by --ready-fd what became of it, and closes it.
// Does nothing without one.
void report_ready(int ready_fd, const Json& ready_event);
void report_failure(int ready_fd, const Error& error);

}  // namespace cip::node
