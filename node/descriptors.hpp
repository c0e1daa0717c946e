#pragma once

// How the file descriptors of the process are shared out, so that strangers who open connections
// take none that the database and the owner's commands need.

#include <cstddef>

namespace cip::node {

struct DescriptorShares {
  std::size_t database = 0;  // files that it may hold open
  std::size_t streams = 0;   // sockets of peers, whoever dialled
};

// Of `limit` descriptors. What is in neither share is for the sockets, logs and locks of the node
// itself and for its control connections.
DescriptorShares share_descriptors(std::size_t limit);

// Raises the limit of this process as far as it is allowed to; returns it.
std::size_t raise_descriptor_limit();

}  // namespace cip::node
