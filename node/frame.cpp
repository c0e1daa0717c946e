#include "node/frame.hpp"

#include "base/codec.hpp"

namespace cip::node {

Bytes encode_json_frame(std::string_view json) {
  Writer out(json.size() + 5);
  out.u32(static_cast<std::uint32_t>(json.size() + 1));
  out.u8(static_cast<std::uint8_t>(FrameType::json));
  out.raw(bytes_of(json));
  return out.take();
}

Bytes encode_bytes_frame(std::uint32_t request, ByteView bytes) {
  Writer out(bytes.size() + 9);
  out.u32(static_cast<std::uint32_t>(bytes.size() + 5));
  out.u8(static_cast<std::uint8_t>(FrameType::bytes));
  out.u32(request);
  out.raw(bytes);
  return out.take();
}

std::optional<Frame> FrameReader::next() {
  if (failed_) return std::nullopt;
  Reader in(ByteView(buffer_).subspan(start_));
  const std::size_t length = in.u32();
  if (!in.ok()) return compact(), std::nullopt;
  failed_ = length == 0 || length > kMaxFrameSize;
  if (failed_) return std::nullopt;
  const auto rest = in.take(length);
  if (!in.ok()) return compact(), std::nullopt;

  Reader body(rest);
  Frame frame;
  frame.type = static_cast<FrameType>(body.u8());
  if (frame.type == FrameType::bytes) frame.request = body.u32();
  failed_ = !body.ok() || (frame.type != FrameType::json && frame.type != FrameType::bytes);
  if (failed_) return std::nullopt;
  frame.body = to_bytes(body.rest());
  start_ += 4 + length;
  return frame;
}

void FrameReader::compact() {
  buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(start_));
  start_ = 0;
}

}  // namespace cip::node
