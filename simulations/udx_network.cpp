#include "simulations/udx_network.hpp"

#include <algorithm>

namespace cip::simulations {

namespace {

constexpr std::size_t kIpAndUdp = 28;
// What one sendmsg() with UDP_SEGMENT takes.
constexpr std::size_t kMostSegments = 64;
constexpr std::size_t kMostBytes = 65'507;

// The byte of a lane at a position: content that no shift and no mix-up leaves equal.
std::uint8_t udx_byte(int side, std::uint64_t position) {
  const auto mixed = (position + 1) * 0x9e3779b97f4a7c15 + static_cast<std::uint64_t>(side);
  return static_cast<std::uint8_t>(mixed >> 56 ^ position);
}

std::size_t index_of(int side) { return static_cast<std::size_t>(side); }

}  // namespace

UdxNetwork::UdxNetwork(std::uint64_t seed, const UdxPathModel& model,
                       const overlay::UdxLimits& limits)
    : paths{model, model},
      random_(seed),
      ends{UdxEnd(seed * 2 + 1, limits), UdxEnd(seed * 2 + 2, limits)} {
  for (auto& end : ends) end.id = *end.streams.create(now(), 0, overlay::kUdxCallTimeout);
}

void UdxNetwork::connect(int side) {
  auto& end = ends[index_of(side)];
  const auto other = index_of(1 - side);
  end.streams.connect(now(), end.id, {0, kUdxAddresses[other], ends[other].id});
}

void UdxNetwork::transfer(int side, std::uint64_t bytes) {
  auto& end = ends[index_of(side)];
  end.to_write += bytes;
  end.wants_end = true;
}

void UdxNetwork::run(Duration limit) {
  const auto until = now_ + limit;
  while (true) {
    for (int side = 0; side < 2; ++side) pump(side);
    const auto next = next_event();
    if (!next || *next > until) break;
    now_ = std::max(now_, *next);
    deliver_due();
    for (auto& end : ends) {
      const auto at = end.streams.next_timeout();
      if (at && *at <= now_) end.streams.handle_timeout(now());
    }
  }
  now_ = until;
}

Duration UdxNetwork::run_until_closed(Duration limit) {
  const auto begin = now_;
  while (!both_closed() && now_ - begin < limit) run(std::chrono::milliseconds(50));
  return now_ - begin;
}

void UdxNetwork::pump(int side) {
  auto& end = ends[index_of(side)];
  feed(side);
  drain(side);
  end.streams.settle(now());
  while (auto datagram = end.streams.poll_datagram(now())) {
    send(side, *datagram);
    feed(side);
    drain(side);
  }
}

void UdxNetwork::feed(int side) {
  auto& end = ends[index_of(side)];
  if (end.closed) return;
  while (end.to_write > 0 && end.streams.queued(end.id) < overlay::kUdxMaxQueue) {
    const auto most = 1 + random_.pick(40'000);
    Bytes bytes(end.to_write < most ? static_cast<std::size_t>(end.to_write) : most);
    for (auto& byte : bytes) byte = udx_byte(side, end.written++);
    end.to_write -= bytes.size();
    end.streams.write(now(), end.id, std::move(bytes));
  }
  if (end.to_write == 0 && end.wants_end && !end.has_ended) {
    end.has_ended = true;
    end.streams.end(now(), end.id);
  }
}

void UdxNetwork::drain(int side) {
  auto& end = ends[index_of(side)];
  while (const auto event = end.streams.poll_event()) handle(side, end, *event);
}

void UdxNetwork::handle(int side, UdxEnd& end, const overlay::UdxEvent& event) {
  if (const auto* data = std::get_if<overlay::UdxData>(&event)) {
    read(side, end, data->bytes);
  } else if (const auto* message = std::get_if<overlay::UdxMessage>(&event)) {
    end.messages.push_back(message->bytes);
  } else if (const auto* closed = std::get_if<overlay::UdxClosed>(&event)) {
    end.closed = closed->error;
  } else if (std::holds_alternative<overlay::UdxEnded>(event)) {
    end.saw_end = true;
  } else if (std::holds_alternative<overlay::UdxKnocked>(event)) {
    ++end.knocks;
  } else {
    ++end.writable;
  }
}

void UdxNetwork::read(int side, UdxEnd& end, ByteView bytes) {
  for (const auto byte : bytes) end.correct = end.correct && byte == udx_byte(1 - side, end.read++);
  if (end.last_read != TimePoint{})
    end.longest_silence = std::max(end.longest_silence, now_ - end.last_read);
  end.last_read = now_;
}

void UdxNetwork::send(int side, const overlay::UdxDatagram& datagram) {
  const auto packets = (datagram.bytes.size() + datagram.segment - 1) / datagram.segment;
  sendable = sendable && packets <= kMostSegments && datagram.bytes.size() <= kMostBytes;
  for (std::size_t at = 0; at < datagram.bytes.size(); at += datagram.segment) {
    const auto n = std::min(datagram.segment, datagram.bytes.size() - at);
    Bytes packet = to_bytes(ByteView(datagram.bytes).subspan(at, n));
    ++packets_sent;
    if (tap && !tap(side, packet)) continue;
    carry(side, std::move(packet), datagram.may_fragment);
  }
}

void UdxNetwork::carry(int side, Bytes packet, bool may_fragment) {
  const auto& path = paths[index_of(side)];
  auto& free_at = free_at_[index_of(side)];
  if (path.dead || random_.unit() < path.loss) return;
  if (packet.size() + kIpAndUdp > path.mtu && !may_fragment) return;
  auto leaves = now_;
  if (path.rate > 0) {
    leaves = std::max(now_, free_at);
    const auto waiting =
        static_cast<std::uint64_t>((leaves - now_).count()) * path.rate / 1'000'000;
    largest_queue = std::max(largest_queue, waiting);
    if (waiting > path.queue) return;
    leaves += Duration((packet.size() + kIpAndUdp) * 1'000'000 / path.rate);
    free_at = leaves;
  }
  auto arrives = leaves + path.latency;
  if (random_.unit() < path.reorder)
    arrives += Duration(random_.below(static_cast<std::uint64_t>(path.late.count())));
  if (random_.unit() < path.duplicate)
    flying_.emplace(arrives + Duration(100), Flying{1 - side, packet});
  flying_.emplace(arrives, Flying{1 - side, std::move(packet)});
}

std::optional<TimePoint> UdxNetwork::next_event() const {
  std::optional<TimePoint> next;
  if (!flying_.empty()) next = flying_.begin()->first;
  for (const auto& end : ends) {
    const auto at = end.streams.next_timeout();
    if (at && (!next || *at < *next)) next = *at;
  }
  return next;
}

void UdxNetwork::deliver_due() {
  while (!flying_.empty() && flying_.begin()->first <= now_) {
    auto packet = std::move(flying_.begin()->second);
    flying_.erase(flying_.begin());
    auto& end = ends[index_of(packet.to)];
    if (arrival) arrival(packet.to, *overlay::decode_udx_packet(packet.bytes));
    end.streams.handle_datagram(now(), 0, kUdxAddresses[index_of(1 - packet.to)], packet.bytes);
    drain(packet.to);
  }
}

}  // namespace cip::simulations
