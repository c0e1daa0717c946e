#include "overlay/transport/udx/streams.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "overlay/transport/udx/bbr.hpp"

namespace cip::overlay {
namespace {

// Farewells that wait; beyond that the oldest goes, and its peer finds out by its own timer.
constexpr std::size_t kMaxFarewells = 1024;
// Where UdxWritable is due: a quarter of the queue is free again.
constexpr std::size_t kWritableBelow = kUdxMaxQueue / 4 * 3;

}  // namespace

UdxStreams::UdxStreams(Random& random, const UdxLimits& limits)
    : random_(random), shared_(std::make_unique<UdxShared>(limits)), admission_(limits) {}

// --- life of a stream

std::optional<UdxId> UdxStreams::create(Now now, std::uint32_t source_ip, Duration patience) {
  if (!admission_.admit(source_ip)) return std::nullopt;
  const auto id = fresh_id(now.mono);
  auto entry =
      std::make_unique<Entry>(now.mono + patience, id, source_ip,
                              std::make_unique<UdxBbr>(random_, kUdxBasePayload), *shared_);
  refresh(now.mono, *entry);
  streams_.insert(id, std::move(entry));
  return id;
}

// Never derived, never counted up: who knows an id can forge (udx.md 3).
UdxId UdxStreams::fresh_id(TimePoint now) {
  while (true) {
    const auto id = static_cast<UdxId>(random_.next_u64());
    if (id != 0 && !streams_.contains(id) && !closed_.knows(now, id)) return id;
  }
}

void UdxStreams::connect(Now now, UdxId id, const UdxPath& path) {
  auto* entry = find(id);
  if (entry == nullptr || entry->stream.is_connected()) return;
  admission_.stop_waiting(entry->source_ip);
  entry->stream.connect(now.mono, path);
  refresh(now.mono, *entry);
}

void UdxStreams::change_remote(Now now, UdxId id, const UdxPath& path) {
  auto* entry = find(id);
  if (entry == nullptr) return;
  entry->stream.change_remote(now.mono, path);
  refresh(now.mono, *entry);
}

void UdxStreams::end(Now now, UdxId id) {
  auto* entry = find(id);
  if (entry == nullptr) return;
  entry->stream.end(now.mono);
  refresh(now.mono, *entry);
}

void UdxStreams::destroy(Now now, UdxId id) {
  auto* entry = find(id);
  if (entry == nullptr) return;
  auto& stream = entry->stream;
  if (stream.is_connected()) queue_farewell(stream.path(), stream.header(kUdxDestroy));
  remove(now.mono, *entry, std::nullopt);
}

// --- data

void UdxStreams::write(Now now, UdxId id, Bytes bytes) {
  auto* entry = find(id);
  if (entry == nullptr) return;
  entry->stream.write(now.mono, std::move(bytes));
  entry->full = entry->full || entry->stream.queued() >= kUdxMaxQueue;
  refresh(now.mono, *entry);
}

std::size_t UdxStreams::queued(UdxId id) const {
  const auto* entry = find(id);
  return entry != nullptr ? entry->stream.queued() : 0;
}

void UdxStreams::send_message(Now now, UdxId id, ByteView message) {
  auto* entry = find(id);
  if (entry == nullptr) return;
  entry->stream.send_message(message);
  refresh(now.mono, *entry);
}

void UdxStreams::hold(Now now, UdxId id, bool held) {
  auto* entry = find(id);
  if (entry == nullptr) return;
  entry->stream.hold(now.mono, held);
  refresh(now.mono, *entry);
}

void UdxStreams::trust(UdxId id) {
  if (auto* entry = find(id)) entry->stream.trust();
}

void UdxStreams::set_large_datagrams(UdxId id, bool allowed) {
  if (auto* entry = find(id)) entry->stream.set_large_datagrams(allowed);
}

// --- inputs

bool UdxStreams::handle_datagram(Now now, UdxSocket socket, Endpoint from,
                                 MutableByteView datagram) {
  const auto packet = decode_udx_packet(datagram);
  if (!packet) return false;
  auto* entry = find(packet->header.stream);
  if (entry == nullptr) return answer_late(now.mono, *packet);
  ++shared_->counters.packets_in;
  entry->stream.handle_packet(now.mono, socket, from, *packet);
  if (entry->stream.closed()) {
    close(now.mono, *entry);
  } else if (!std::exchange(entry->touched, true)) {
    touched_.push_back(entry->stream.id());
  }
  return true;
}

// A peer whose last acknowledgement was lost repeats its END; it gets that one again.
bool UdxStreams::answer_late(TimePoint now, const UdxPacket& packet) {
  const auto final_ack = closed_.answer(now, packet.header.stream);
  if (!final_ack || !packet.is(kUdxData | kUdxEnd)) return false;
  ++shared_->counters.late_answered;
  queue_farewell(final_ack->path, final_ack->header);
  return true;
}

void UdxStreams::handle_timeout(Now now) {
  // Each once: what is due again at the same moment waits for the next call.
  auto due = std::exchange(due_, {});
  while (const auto id = timers_.take_due(now.mono)) due.push_back(*id);
  for (const auto id : due) {
    auto& entry = *find(id);
    entry.stream.handle_timeout(now.mono);
    refresh(now.mono, entry);
  }
  due.clear();
  due_ = std::move(due);
}

void UdxStreams::settle(Now now) {
  for (const auto id : touched_) {
    auto* entry = find(id);
    if (entry == nullptr) continue;
    entry->touched = false;
    entry->stream.settle(now.mono);
    refresh(now.mono, *entry);
  }
  touched_.clear();
}

// After each change of a stream, but for packets that came in: those are seen to at the end of the
// turn. The entry is gone if the stream is over.
void UdxStreams::refresh(TimePoint now, Entry& entry) {
  const auto& stream = entry.stream;
  if (stream.closed()) return close(now, entry);
  if (!entry.in_small && stream.has_small()) {
    entry.in_small = true;
    small_.push_back(stream.id());
  }
  if (!entry.in_data && stream.has_burst(now)) {
    entry.in_data = true;
    data_.push_back(stream.id());
  }
  timers_.set(entry.timer, stream.id(), stream.next_timeout(now));
}

// --- the end

void UdxStreams::close(TimePoint now, Entry& entry) {
  auto& stream = entry.stream;
  const auto error = *stream.closed();
  auto& counters = shared_->counters;
  if (error == std::errc::connection_reset) ++counters.streams_reset;
  if (error == std::errc::timed_out) ++counters.streams_timed_out;
  if (!error) {
    ++counters.streams_closed;
    if (stream.owes_ack(now)) queue_farewell(stream.path(), stream.header(0));
  }
  shared_->events.push(UdxClosed{stream.id(), error});
  remove(now, entry,
         error ? std::nullopt : std::optional(UdxFinalAck{stream.path(), stream.header(0)}));
}

void UdxStreams::remove(TimePoint now, Entry& entry, std::optional<UdxFinalAck> answer) {
  const auto id = entry.stream.id();
  timers_.set(entry.timer, id, std::nullopt);
  if (!entry.stream.is_connected()) admission_.stop_waiting(entry.source_ip);
  admission_.leave();
  closed_.add(now, id, std::move(answer));
  streams_.erase(id);
}

void UdxStreams::queue_farewell(const UdxPath& path, const UdxHeader& header) {
  if (farewells_.size() >= kMaxFarewells) farewells_.pop_front();
  Bytes packet;
  append_udx_header(packet, header);
  farewells_.push_back({path.socket, path.to, std::move(packet), kUdxHeaderSize});
}

// --- outputs

std::optional<UdxDatagram> UdxStreams::poll_datagram(Now now) {
  auto out = next_datagram(now.mono);
  if (out) shared_->counters.packets_out += (out->bytes.size() + out->segment - 1) / out->segment;
  return out;
}

std::optional<UdxDatagram> UdxStreams::next_datagram(TimePoint now) {
  if (!farewells_.empty()) {
    auto out = std::move(farewells_.front());
    farewells_.pop_front();
    return out;
  }
  while (auto* entry = pop(small_, &Entry::in_small)) {
    if (!entry->stream.has_small()) continue;
    auto out = entry->stream.take_small(now);
    after_sending(now, *entry);
    return out;
  }
  while (auto* entry = pop(data_, &Entry::in_data)) {
    std::optional<UdxDatagram> out;
    if (entry->stream.has_burst(now)) out = entry->stream.take_burst(now);
    after_sending(now, *entry);
    if (out) return out;
  }
  return std::nullopt;
}

// The next stream of a queue that still is one.
UdxStreams::Entry* UdxStreams::pop(std::deque<UdxId>& queue, bool Entry::*stands_in) {
  while (!queue.empty()) {
    auto* entry = find(queue.front());
    queue.pop_front();
    if (entry == nullptr) continue;
    entry->*stands_in = false;
    return entry;
  }
  return nullptr;
}

void UdxStreams::after_sending(TimePoint now, Entry& entry) {
  if (entry.full && entry.stream.queued() <= kWritableBelow) {
    entry.full = false;
    shared_->events.push(UdxWritable{entry.stream.id()});
  }
  refresh(now, entry);
}

std::optional<UdxEvent> UdxStreams::poll_event() { return shared_->events.poll(); }

std::optional<TimePoint> UdxStreams::next_timeout() const { return timers_.next(); }

// --- what is known

UdxCounters UdxStreams::counters() const { return shared_->counters; }

std::optional<UdxStatus> UdxStreams::status(UdxId id) const {
  const auto* entry = find(id);
  return entry != nullptr ? std::optional(entry->stream.status()) : std::nullopt;
}

UdxStreams::Entry* UdxStreams::find(UdxId id) const {
  const auto* found = streams_.find(id);
  return found != nullptr ? found->get() : nullptr;
}

}  // namespace cip::overlay
