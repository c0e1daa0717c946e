#pragma once

// Where a multiplexer writes its frames: an encrypted stream, or a test.

#include <span>

#include "base/bytes.hpp"

namespace cip::overlay {

class FrameSink {
 public:
  // Sends one frame, made of the parts in order. False when nothing can be sent any more.
  virtual bool send_frame(std::span<const ByteView> parts) = 0;

 protected:
  ~FrameSink() = default;
};

}  // namespace cip::overlay
