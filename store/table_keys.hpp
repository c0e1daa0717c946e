#pragma once

// The keys of the tables that table_backend.hpp lists.

#include <string_view>

#include "base/bytes.hpp"
#include "base/codec.hpp"
#include "store/store_op.hpp"

namespace cip::store::keys {

class Builder {
 public:
  Builder& letter(char value) {
    out_.push_back(static_cast<std::uint8_t>(value));
    return *this;
  }
  Builder& u32(std::uint32_t value) { return big_endian(value, 4); }
  Builder& u64(std::uint64_t value) { return big_endian(value, 8); }
  Builder& raw(ByteView bytes) {
    append(out_, bytes);
    return *this;
  }
  Builder& text(std::string_view value) { return raw(bytes_of(value)); }
  // With its length in front, so that no text is the beginning of another.
  Builder& string(std::string_view value) {
    Writer out;
    out.string(value);
    return raw(out.view());
  }
  Bytes take() { return std::move(out_); }

 private:
  Builder& big_endian(std::uint64_t value, int n) {
    for (int i = n - 1; i >= 0; --i) out_.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
    return *this;
  }
  Bytes out_;
};

inline Bytes letter(char kind) { return Builder().letter(kind).take(); }
inline Bytes format() { return Builder().text("!format").take(); }
inline Bytes instance() { return Builder().text("!instance").take(); }
inline Bytes next_feed() { return Builder().text("!next").take(); }
inline Bytes feed(FeedNumber number) { return Builder().letter('f').u32(number).take(); }
inline Bytes feed_key(const Bytes32& key) { return Builder().letter('k').raw(key).take(); }
inline Bytes discovery_key(const Bytes32& key) { return Builder().letter('d').raw(key).take(); }
inline Bytes feed_name(std::string_view name) { return Builder().letter('n').text(name).take(); }
inline Bytes topic_feeds(const Bytes32& topic) { return Builder().letter('t').raw(topic).take(); }
inline Bytes topic_feed(const Bytes32& topic, FeedNumber number) {
  return Builder().letter('t').raw(topic).u32(number).take();
}
inline Bytes ring(const Bytes32& key) { return Builder().letter('r').raw(key).take(); }
inline Bytes state(std::string_view name) { return Builder().letter('s').text(name).take(); }

inline Bytes feed_contents(FeedNumber number) { return Builder().u32(number).take(); }
inline Bytes head(FeedNumber number) { return Builder().u32(number).letter('h').take(); }
inline Bytes manifest(FeedNumber number) { return Builder().u32(number).letter('m').take(); }
inline Bytes equivocation(FeedNumber number) { return Builder().u32(number).letter('e').take(); }
inline constexpr char kBlockPages = 'b';
inline constexpr char kNodePages = 'n';
inline Bytes page(FeedNumber number, char kind, std::uint64_t page) {
  return Builder().u32(number).letter(kind).u64(page).take();
}

inline Bytes topic(const Bytes32& id) { return Builder().letter('t').raw(id).take(); }
inline Bytes topic_cursors(const Bytes32& id) { return Builder().letter('c').raw(id).take(); }
inline Bytes cursors(const Bytes32& id, std::string_view subscriber) {
  return Builder().letter('c').raw(id).string(subscriber).take();
}
inline Bytes cursor(const Bytes32& id, std::string_view subscriber, FeedNumber number) {
  return Builder().letter('c').raw(id).string(subscriber).u32(number).take();
}

inline Bytes records(std::string_view table) { return Builder().string(table).take(); }
inline Bytes record(std::string_view table, const Bytes32& key) {
  return Builder().string(table).raw(key).take();
}

// The big endian number that a key ends with; the key must be that long.
template <typename T>
T number_at_end(ByteView key) {
  T value = 0;
  for (const auto byte : key.last(sizeof(T))) value = static_cast<T>(value << 8 | byte);
  return value;
}

}  // namespace cip::store::keys
