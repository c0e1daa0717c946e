#pragma once

// How a node is, in one line, for who looks at it from outside: a service manager.

#include <string>

namespace cip::node {

class Daemon;

// "3 contacts, 2 peers, 4 feeds open", and behind it what is wrong.
std::string summary_of(Daemon& daemon);

}  // namespace cip::node
