#include "store/saved_formats.hpp"

#include "store/manifest.hpp"
#include "store/records.hpp"
#include "store/table_keys.hpp"

namespace cip::store {

namespace {

std::string by_first_byte(std::string_view what, ByteView value, std::uint64_t latest) {
  return value.empty() ? std::string() : later_format(what, value.front(), latest);
}

std::string of_owner(Table table, std::string_view name, ByteView value,
                     std::span<const OwnersFormat> owners) {
  for (const auto& format : owners) {
    if (format.table == table && name.starts_with(format.begins))
      return by_first_byte(format.what, value, format.latest);
  }
  return {};
}

std::string in_meta(ByteView key, ByteView value, std::span<const OwnersFormat> owners) {
  if (equal(key, keys::format())) {
    Reader in(value);
    const auto found = in.u32();
    return in.ok() ? later_format("its layout", found, kStoreFormat) : std::string();
  }
  switch (static_cast<char>(key.front())) {
    case 'f':
      return by_first_byte("the entry of a feed", value, kFeedRecordVersion);
    case 'r':
      return by_first_byte("a key of the key ring", value, kRingKeyVersion);
    case 's':
      return of_owner(Table::meta, text_of(key.subspan(1)), value, owners);
    default:
      return {};
  }
}

std::string in_feeds(ByteView key, ByteView value) {
  constexpr std::size_t kKindAt = sizeof(FeedNumber);
  if (key.size() != kKindAt + 1) return {};
  switch (static_cast<char>(key[kKindAt])) {
    case 'h':
      return by_first_byte("the head of a feed", value, kHeadVersion);
    case 'm':  // a uint, of one byte as long as it is small
      return by_first_byte("the manifest of a feed", value, kMaxManifestVersion);
    case 'e':
      return by_first_byte("the evidence against a feed", value, kEquivocationVersion);
    default:
      return {};
  }
}

std::string in_topics(ByteView key, ByteView value) {
  return key.front() == 't' ? by_first_byte("the entry of a topic", value, kTopicVersion)
                            : std::string();
}

std::string in_records(ByteView key, ByteView value, std::span<const OwnersFormat> owners) {
  if (auto later = by_first_byte("the frame of a record", value, kExpiringVersion); !later.empty())
    return later;
  Reader in(key);
  const auto table = in.string();
  const auto record = load_record<ExpiringRecord>(value, kExpiringVersion);
  if (!in.ok() || !record) return {};
  return of_owner(Table::records, table, record->value, owners);
}

}  // namespace

std::string later_format(std::string_view what, std::uint64_t found, std::uint64_t latest) {
  if (found <= latest) return {};
  return std::string(what) + " has format " + std::to_string(found) + ", and this program reads " +
         std::to_string(latest);
}

std::string later_format(Table table, ByteView key, ByteView value,
                         std::span<const OwnersFormat> owners) {
  if (key.empty()) return {};
  switch (table) {
    case Table::meta:
      return in_meta(key, value, owners);
    case Table::feeds:
      return in_feeds(key, value);
    case Table::topics:
      return in_topics(key, value);
    case Table::records:
      return in_records(key, value, owners);
  }
  return {};
}

}  // namespace cip::store
