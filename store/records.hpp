#pragma once

// How the records of a database are saved: cereal functions for base/archive.hpp, one version per
// kind. What changes shape gets a new version here, and is read in the old one too (formats.md 4).

#include "base/archive.hpp"
#include "store/backend.hpp"

namespace cip::store {

// A later number is refused before it is read (saved_formats.hpp).
inline constexpr std::uint8_t kFeedRecordVersion = 1;
inline constexpr std::uint8_t kHeadVersion = 1;
inline constexpr std::uint8_t kEquivocationVersion = 1;
inline constexpr std::uint8_t kRingKeyVersion = 1;
inline constexpr std::uint8_t kTopicVersion = 1;
inline constexpr std::uint8_t kExpiringVersion = 1;

template <typename Archive>
void CEREAL_SERIALIZE_FUNCTION_NAME(Archive& archive, FeedRecord& record) {
  auto disk_class = static_cast<std::uint8_t>(record.disk_class);
  archive(record.number, record.key, record.discovery_key, record.name, disk_class);
  record.disk_class = static_cast<DiskClass>(disk_class);
  archive(record.writable, record.compat, record.seeded, record.is_private, record.encrypted);
  archive(record.topic, record.created.value, record.used.value);
}

template <typename Archive>
void CEREAL_SERIALIZE_FUNCTION_NAME(Archive& archive, RingKey& ring) {
  archive(ring.key, ring.seed, ring.derived_name, ring.encryption_key, ring.dropped);
}

template <typename Archive>
void CEREAL_SERIALIZE_FUNCTION_NAME(Archive& archive, TopicRecord& topic) {
  archive(topic.id, topic.key, topic.name, topic.created.value);
}

// The key of the record is the key in its table.
template <typename Archive>
void CEREAL_SERIALIZE_FUNCTION_NAME(Archive& archive, ExpiringRecord& record) {
  archive(record.expires.value, record.value);
}

inline void save_roots(Writer& out, const std::vector<TreeNode>& roots) {
  out.uint(roots.size());
  for (const auto& root : roots) encode_node(out, root);
}
inline void load_roots(Reader& in, std::vector<TreeNode>& roots) {
  roots.resize(in.count(kMinNodeSize));
  for (auto& root : roots) root = decode_node(in);
}

inline void CEREAL_SAVE_FUNCTION_NAME(RecordWriter& archive, const SignedHead& head) {
  archive.out.uint(head.length);
  archive.out.uint(head.fork);
  archive.out.buffer(head.signature);
  save_roots(archive.out, head.roots);
}
inline void CEREAL_LOAD_FUNCTION_NAME(RecordReader& archive, SignedHead& head) {
  head.length = archive.in.uint();
  head.fork = archive.in.uint();
  head.signature = to_bytes(archive.in.buffer());
  load_roots(archive.in, head.roots);
}

template <typename Archive>
void CEREAL_SERIALIZE_FUNCTION_NAME(Archive& archive, Equivocation& evidence) {
  archive(evidence.length, evidence.our_hash, evidence.their_hash, evidence.ours, evidence.theirs);
}

// A head goes into every commit, so it is packed: uints instead of words of eight bytes.
inline void CEREAL_SAVE_FUNCTION_NAME(RecordWriter& archive, const FeedHead& head) {
  auto& out = archive.out;
  out.uint(head.length);
  out.uint(head.byte_length);
  out.uint(head.fork);
  out.boolean(head.compat);
  out.boolean(head.frozen);
  out.buffer(head.signature);
  save_roots(out, head.roots);
}
inline void CEREAL_LOAD_FUNCTION_NAME(RecordReader& archive, FeedHead& head) {
  auto& in = archive.in;
  head.length = in.uint();
  head.byte_length = in.uint();
  head.fork = in.uint();
  head.compat = in.boolean();
  head.frozen = in.boolean();
  head.signature = to_bytes(in.buffer());
  load_roots(in, head.roots);
}

}  // namespace cip::store
