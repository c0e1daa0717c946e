// A multiplexer whose other side sends anything: frames cut from the input, requests answered in
// turn with an open and a reject.

#include "overlay/transport/mux.hpp"

namespace {

class Discard final : public cip::overlay::FrameSink {
 public:
  bool send_frame(std::span<const cip::ByteView>) override { return true; }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Discard sink;
  cip::overlay::Mux mux(sink);
  bool accept = true;
  cip::ByteView input{data, size};
  while (!input.empty()) {
    const std::size_t length = std::min<std::size_t>(input[0] + 1u, input.size());
    if (!mux.handle_frame(input.first(length))) return 0;
    input = input.subspan(length);
    while (const auto event = mux.poll_event()) {
      const auto* request = std::get_if<cip::overlay::ChannelRequested>(&*event);
      if (request == nullptr) continue;
      if (accept) {
        mux.open(request->protocol, request->id, {});
      } else {
        mux.reject(request->remote_channel);
      }
      accept = !accept;
    }
    mux.flush();
  }
  return 0;
}
