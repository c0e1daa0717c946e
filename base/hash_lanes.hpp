#pragma once

// BLAKE2b-256 of many inputs side by side. One hash is a chain of additions in which each waits for
// the one before, so a processor with vector registers hashes four inputs in little more than the
// time of one (RFC 7693; the lanes are ours, libsodium hashes one input at a time).

#include <span>

#include "base/bytes.hpp"

namespace cip {
inline namespace base {

// Hashed as the concatenation of both. `head` has at most 128 bytes.
struct HashInput {
  ByteView head;
  ByteView body;
};

// out[i] = hash({inputs[i].head, inputs[i].body}); both have the same size.
void hash_each(std::span<const HashInput> inputs, std::span<Bytes32> out);

// Whether this processor hashes several inputs at once.
bool has_hash_lanes();

}  // namespace base
}  // namespace cip
