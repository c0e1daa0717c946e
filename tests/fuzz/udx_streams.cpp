// One connected stream against a peer that is the input: its packets, time, and what the owner
// does. Whatever comes, what is handed up is no more than what came, and what leaves are whole
// packets for the peer.
//
//   input = steps: kind, then for kind % 8:
//   0..3  a packet: type, numbers as small differences, 8 bytes; 4 payload length, filled with
//   zeros 4     write (length)   5  time passes (ms)   6  hold or release   7  end or a message

#include "overlay/transport/udx/streams.hpp"

#include "base/assert.hpp"

namespace {

using namespace cip;
using namespace cip::overlay;

constexpr Endpoint kPeer{0x0a000001, 1};

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(data, size) {}
  bool empty() const { return rest_.empty(); }
  std::uint8_t next() {
    if (rest_.empty()) return 0;
    const auto value = rest_.front();
    rest_ = rest_.subspan(1);
    return value;
  }

 private:
  ByteView rest_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input in(data, size);
  SeededRandom random(1);
  UdxStreams streams(random, {.receive_total = 1 << 20});
  Now now{TimePoint{} + std::chrono::seconds(1), {}};
  const auto id = *streams.create(now, 0);
  streams.connect(now, id, {0, kPeer, 7});
  std::size_t came = 0;
  std::size_t read = 0;
  bool closed = false;
  const auto drain = [&] {
    while (const auto event = streams.poll_event()) {
      CIP_ASSERT(!closed);
      closed = std::holds_alternative<UdxClosed>(*event);
      if (const auto* chunk = std::get_if<UdxData>(&*event)) read += chunk->bytes.size();
    }
    CIP_ASSERT(read <= came);
  };
  while (!in.empty()) {
    const auto kind = in.next() % 8;
    if (kind < 4) {
      UdxHeader header{.type = in.next(),
                       .offset = static_cast<std::uint8_t>(kind == 3 ? in.next() : 0)};
      header.stream = id;
      header.window = std::uint32_t{in.next()} << 12;
      header.seq = static_cast<UdxSeq>(in.next()) - 4;
      header.ack = static_cast<UdxSeq>(in.next()) - 4;
      Bytes packet;
      append_udx_header(packet, header);
      const std::size_t length = in.next() * (kind == 2 ? 8u : 1u);
      for (std::size_t i = 0; i < length; ++i) packet.push_back(kind == 1 ? in.next() : 0);
      came += length;
      streams.handle_datagram(now, 0, kPeer, packet);
      drain();
    } else if (kind == 4) {
      streams.write(now, id, Bytes(in.next() * 64u));
    } else if (kind == 5) {
      now.mono += std::chrono::milliseconds(in.next() * 4);
      const auto at = streams.next_timeout();
      if (at && *at <= now.mono) streams.handle_timeout(now);
    } else if (kind == 6) {
      streams.hold(now, id, in.next() % 2 == 0);
    } else if (in.next() % 8 == 0) {
      streams.end(now, id);
    } else {
      streams.send_message(now, id, Bytes(3));
    }
    drain();
    streams.settle(now);
    for (int bursts = 0; bursts < 1000; ++bursts) {
      auto datagram = streams.poll_datagram(now);
      if (!datagram) break;
      CIP_ASSERT(datagram->to == kPeer);
      CIP_ASSERT(datagram->segment >= kUdxHeaderSize);
      const ByteView bytes = datagram->bytes;
      for (std::size_t at = 0; at < bytes.size(); at += datagram->segment) {
        const auto packet =
            decode_udx_packet(bytes.subspan(at, std::min(datagram->segment, bytes.size() - at)));
        CIP_ASSERT(packet.has_value());
        CIP_ASSERT(packet->header.stream == 7);
      }
      CIP_ASSERT(bursts < 999);  // else it would never end
    }
    drain();
  }
  return 0;
}
