#pragma once

// The cereal archive pair for records that stay on this machine (RocksDB values, saved state), on
// top of Reader and Writer. Every record starts with a version byte. Lengths are checked against
// what is left before anything is allocated; bytes from outside never go through cereal.
//
//   Bytes record = save_record(1, state);  // state has `template serialize(Archive&)`
//
//   Result<State> state = load_record<State>(bytes, 1);

#include <cereal/cereal.hpp>
#include <cereal/details/traits.hpp>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "base/codec.hpp"
#include "base/result.hpp"

namespace cip {
inline namespace base {

class RecordWriter : public cereal::OutputArchive<RecordWriter, cereal::AllowEmptyClassElision> {
 public:
  RecordWriter() : OutputArchive(this) {}
  Writer out;
};

class RecordReader : public cereal::InputArchive<RecordReader, cereal::AllowEmptyClassElision> {
 public:
  explicit RecordReader(ByteView input) : InputArchive(this), in(input) {}
  Reader in;
};

template <typename T>
requires std::is_arithmetic_v<T> || std::is_enum_v<T>
void CEREAL_SAVE_FUNCTION_NAME(RecordWriter& archive, const T& value) {
  if constexpr (std::is_signed_v<T>) {
    archive.out.zigzag(value);
  } else {
    archive.out.u64(static_cast<std::uint64_t>(value));
  }
}
template <typename T>
requires std::is_arithmetic_v<T> || std::is_enum_v<T>
void CEREAL_LOAD_FUNCTION_NAME(RecordReader& archive, T& value) {
  if constexpr (std::is_signed_v<T>) {
    value = static_cast<T>(archive.in.zigzag());
  } else {
    value = static_cast<T>(archive.in.u64());
  }
}

inline void CEREAL_SAVE_FUNCTION_NAME(RecordWriter& archive, const std::string& text) {
  archive.out.string(text);
}
inline void CEREAL_LOAD_FUNCTION_NAME(RecordReader& archive, std::string& text) {
  text = archive.in.string();
}

template <std::size_t N>
void CEREAL_SAVE_FUNCTION_NAME(RecordWriter& archive, const FixedBytes<N>& bytes) {
  archive.out.raw(bytes);
}
template <std::size_t N>
void CEREAL_LOAD_FUNCTION_NAME(RecordReader& archive, FixedBytes<N>& bytes) {
  bytes = archive.in.fixed<N>();
}

template <typename T>
void CEREAL_SAVE_FUNCTION_NAME(RecordWriter& archive, const std::vector<T>& values) {
  if constexpr (std::is_same_v<T, std::uint8_t>) {
    archive.out.buffer(values);
  } else {
    archive.out.uint(values.size());
    for (const auto& value : values) archive(value);
  }
}
template <typename T>
void CEREAL_LOAD_FUNCTION_NAME(RecordReader& archive, std::vector<T>& values) {
  if constexpr (std::is_same_v<T, std::uint8_t>) {
    values = to_bytes(archive.in.buffer());
  } else {
    const auto n = archive.in.count(1);
    values.clear();
    for (std::size_t i = 0; i < n && archive.in.ok(); ++i) archive(values.emplace_back());
  }
}

template <typename T>
void CEREAL_SAVE_FUNCTION_NAME(RecordWriter& archive, const std::optional<T>& value) {
  archive.out.boolean(value.has_value());
  if (value) archive(*value);
}
template <typename T>
void CEREAL_LOAD_FUNCTION_NAME(RecordReader& archive, std::optional<T>& value) {
  if (archive.in.boolean()) {
    archive(value.emplace());
  } else {
    value.reset();
  }
}

template <typename Archive>
void CEREAL_SERIALIZE_FUNCTION_NAME(Archive& archive, Endpoint& endpoint) {
  archive(endpoint.ip, endpoint.port);
}

template <typename T>
Bytes save_record(std::uint8_t version, const T& value) {
  RecordWriter archive;
  archive.out.u8(version);
  archive(value);
  return archive.out.take();
}

template <typename T>
Result<T> load_record(ByteView bytes, std::uint8_t version) {
  RecordReader archive(bytes);
  const auto found = archive.in.u8();
  if (!archive.in.ok()) return fail(Errc::truncated);
  if (found != version) return fail(Errc::unknown_version);
  T value{};
  archive(value);
  if (!archive.in.ok()) return fail(Errc::truncated);
  return value;
}

}  // namespace base
}  // namespace cip
