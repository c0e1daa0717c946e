#include "tests/unit/overlay/udx_path.hpp"

#include <algorithm>
#include <utility>

namespace cip::overlay::test {

namespace {
constexpr std::uint64_t kNanos = 1'000'000'000;
constexpr std::uint64_t kReordering =
    3;  // packets overtaken by so many are lost: the path is a line
}  // namespace

void Timeline::at(TimePoint when, std::function<void()> what) {
  events_.push({std::max(when, now_), made_++, std::move(what)});
}

bool Timeline::step() {
  if (events_.empty()) return false;
  auto event = std::move(const_cast<Event&>(events_.top()));
  events_.pop();
  now_ = event.when;
  event.what();
  return true;
}

Path::Path(Timeline& timeline, PathOptions path_options, std::uint64_t seed)
    : options(path_options), timeline_(timeline), random_(seed) {}

void Path::send(std::size_t bytes, std::function<void()> arrived) {
  const std::chrono::nanoseconds now = timeline_.now().time_since_epoch();
  ++offered;
  free_at_ = std::max(free_at_, now);
  const auto waiting = static_cast<std::uint64_t>((free_at_ - now).count());
  if (waiting * options.rate / kNanos + bytes > options.queue) {
    ++dropped_by_queue;
    return;
  }
  free_at_ += std::chrono::nanoseconds(bytes * kNanos / options.rate);
  if (random_.unit() < options.loss) return;
  timeline_.at(TimePoint(std::chrono::ceil<Duration>(free_at_)) + options.rtt / 2,
               std::move(arrived));
}

bool Path::send_ack(std::function<void()> arrived) {
  if (random_.unit() < options.loss) return false;
  timeline_.at(timeline_.now() + options.rtt / 2, std::move(arrived));
  return true;
}

Sender::Sender(Timeline& timeline, Path& path, std::uint64_t seed)
    : timeline_(timeline), path_(path), random_(seed), bbr_(random_, kPacket) {}

void Sender::write(std::uint64_t bytes) {
  unsent_ += (bytes + kPacket - 1) / kPacket;
  pump();
}

void Sender::pump() {
  const auto now = timeline_.now();
  while (lost_ + unsent_ > 0 && in_flight_ < bbr_.window()) {
    const auto allowed = pacer_.allowance(now, bbr_.pacing_rate(), kPacket);
    if (allowed == 0) return wake(pacer_.next(bbr_.pacing_rate()));
    const auto rate = bbr_.pacing_rate();
    std::size_t burst = 0;
    while (burst < allowed && lost_ + unsent_ > 0 && in_flight_ < bbr_.window()) {
      transmit(lost_ == 0);
      burst += kPacket;
    }
    pacer_.on_sent(now, rate, burst);
  }
  if (lost_ + unsent_ == 0 && in_flight_ < bbr_.window()) rate_.set_app_limited(in_flight_);
}

void Sender::wake(TimePoint when) {
  if (woken_at_ && *woken_at_ <= when && *woken_at_ > timeline_.now()) return;
  woken_at_ = when;
  timeline_.at(when, [this] { pump(); });
}

void Sender::transmit(bool first_time) {
  const auto now = timeline_.now();
  if (first_time) {
    --unsent_;
  } else {
    --lost_;
    ++retransmitted;
  }
  const auto mark = rate_.on_sent(now, in_flight_);
  bbr_.on_sent(now, kPacket, in_flight_);
  if (in_flight_ == 0) arm();
  in_flight_ += kPacket;
  largest_flight = std::max(largest_flight, in_flight_);
  flight_.push_back({mark, false, first_time});
  path_.send(kPacket, [this, number = first_ + flight_.size() - 1] { received(number); });
}

void Sender::received(std::uint64_t number) {
  unacknowledged_.push_back(number);
  if (path_.options.ack_every == Duration::zero()) return send_acks();
  if (std::exchange(ack_scheduled_, true)) return;
  const auto every = path_.options.ack_every.count();
  const auto since = timeline_.now().time_since_epoch().count();
  timeline_.at(TimePoint(Duration((since / every + 1) * every)), [this] { send_acks(); });
}

// What a lost ACK said the next one says again.
void Sender::send_acks() {
  ack_scheduled_ = false;
  if (path_.send_ack([this, numbers = unacknowledged_] { acknowledged(numbers); })) {
    unacknowledged_.clear();
  }
}

void Sender::acknowledged(const std::vector<std::uint64_t>& numbers) {
  const auto now = timeline_.now();
  AckSample sample;
  for (const auto number : numbers) {
    if (number < first_) continue;
    auto& sent = flight_[number - first_];
    if (std::exchange(sent.settled, true)) continue;
    sample.delivered += kPacket;
    in_flight_ -= kPacket;
    highest_ = std::max(highest_, number);
    rate_.on_delivered(now, sent.mark, kPacket);
    if (sent.first_time && number == highest_) sample.rtt = now - sent.mark.sent;
  }
  if (sample.delivered == 0) return;
  delivered_ += sample.delivered;
  if (sample.rtt) rtt_.sample(now, *sample.rtt);
  if (highest_ > kReordering) sample.lost = call_lost(highest_ - kReordering);
  sample.in_flight = in_flight_;
  sample.rate = rate_.take_sample(now, rtt_.min_rtt());
  bbr_.on_ack(now, sample);
  backoff_ = 1;
  arm();
  pump();
}

// Bytes of those below a number that were called lost.
std::size_t Sender::call_lost(std::uint64_t below) {
  std::size_t bytes = 0;
  for (; first_ < below && !flight_.empty(); ++first_) {
    if (!flight_.front().settled) {
      bytes += kPacket;
      ++lost_;
    }
    flight_.pop_front();
  }
  in_flight_ -= bytes;
  return bytes;
}

void Sender::arm() {
  timeline_.at(timeline_.now() + backoff_ * rtt_.rto(), [this, timer = ++timer_] {
    if (timer == timer_ && in_flight_ > 0) timed_out();
  });
}

void Sender::timed_out() {
  ++timeouts;
  const auto bytes = call_lost(first_ + flight_.size());
  bbr_.on_lost(timeline_.now(), bytes, in_flight_);
  bbr_.on_rto(timeline_.now(), in_flight_);
  backoff_ = std::min(2 * backoff_, 16U);
  arm();
  pump();
}

}  // namespace cip::overlay::test
