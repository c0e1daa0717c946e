#include "node/author_memory.hpp"

#include "base/archive.hpp"
#include "base/text.hpp"

namespace cip::node {

namespace {

struct SavedAuthor {
  Bytes32 feed{};
  std::uint64_t floor = 0;
  std::int64_t ahead_ms = 0;

  template <typename Archive>
  void serialize(Archive& archive) {
    archive(feed, floor, ahead_ms);
  }
};
struct SavedAuthors {
  std::vector<SavedAuthor> authors;

  template <typename Archive>
  void serialize(Archive& archive) {
    archive(authors);
  }
};

}  // namespace

std::string author_memory_name(const Bytes32& topic) {
  return std::string(kAuthorsBegin) + to_hex(topic);
}

Bytes save_author_memories(const AuthorMemories& memories) {
  SavedAuthors saved;
  for (const auto& [feed, memory] : memories) {
    saved.authors.push_back({feed, memory.floor, memory.ahead_ms});
  }
  return save_record(kAuthorsVersion, saved);
}

AuthorMemories load_author_memories(ByteView bytes) {
  AuthorMemories out;
  const auto saved = load_record<SavedAuthors>(bytes, kAuthorsVersion);
  if (!saved) return out;
  for (const auto& author : saved->authors) out[author.feed] = {author.floor, author.ahead_ms};
  return out;
}

}  // namespace cip::node
