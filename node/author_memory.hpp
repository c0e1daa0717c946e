#pragma once

// What a home knows of the authors of a topic besides their feeds, kept as one small named state
// per topic: how wrong their clocks are, and how much of their feeds was given up.

#include <map>
#include <string>

#include "base/result.hpp"
#include "overlay/topics.hpp"

namespace cip::node {

using AuthorMemories = std::map<Bytes32, overlay::Topics::AuthorMemory>;  // by feed

inline constexpr std::uint8_t kAuthorsVersion = 1;
inline constexpr std::string_view kAuthorsBegin = "topic/";

// The name of the state of a topic.
std::string author_memory_name(const Bytes32& topic);
Bytes save_author_memories(const AuthorMemories& memories);
// Nothing is known when the bytes are not understood.
AuthorMemories load_author_memories(ByteView bytes);

}  // namespace cip::node
