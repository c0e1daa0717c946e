#include "node/own_clock.hpp"

#include <algorithm>
#include <cstdlib>

#include "base/archive.hpp"
#include "base/text.hpp"

namespace cip::node {

namespace {

// Clocks that are kept right are moved by less than that at a time.
constexpr std::int64_t kSlackMs = 1000;
// A clock that is set more often than that while messages are written is right hardly ever.
constexpr std::size_t kMaxSteps = 64;

}  // namespace

struct OwnClock::Saved {
  std::string boot;
  std::int64_t offset_ms = 0;
  std::vector<Step> steps;

  template <typename Archive>
  void serialize(Archive& archive) {
    archive(boot, offset_ms, steps);
  }
};

bool OwnClock::look(const ClockSetting& setting) {
  const bool same_boot = setting.boot == seen_.boot;
  const auto set_by = setting.offset_ms - seen_.offset_ms;
  if (same_boot && std::abs(set_by) <= kSlackMs) return false;
  for (auto& step : steps_) {
    if (!same_boot) step.is_settled = true;
    if (!step.is_settled) step.ahead_ms -= set_by;
  }
  seen_ = setting;
  return true;
}

bool OwnClock::note_written(std::uint64_t seq, const ClockSetting& setting) {
  const bool is_set = look(setting);
  if (!steps_.empty() && !steps_.back().is_settled && steps_.back().ahead_ms == 0) return is_set;
  // A step that changed nothing says nothing.
  const auto before = steps_.size() < 2 ? 0 : steps_[steps_.size() - 2].ahead_ms;
  if (!steps_.empty() && steps_.back().ahead_ms == before) steps_.pop_back();
  if (steps_.size() == kMaxSteps) steps_.erase(steps_.begin());
  steps_.push_back({seq, 0, false});
  return true;
}

std::int64_t OwnClock::ahead_ms(std::uint64_t seq) const {
  const auto after = std::ranges::upper_bound(steps_, seq, {}, &Step::from);
  return after == steps_.begin() ? 0 : std::prev(after)->ahead_ms;
}

Bytes OwnClock::save() const {
  return save_record(kClockVersion, Saved{seen_.boot, seen_.offset_ms, steps_});
}

OwnClock OwnClock::load(ByteView bytes) {
  OwnClock out;
  auto saved = load_record<Saved>(bytes, kClockVersion);
  if (!saved) return out;
  out.seen_ = {std::move(saved->boot), saved->offset_ms};
  out.steps_ = std::move(saved->steps);
  return out;
}

std::string own_clock_name(const Bytes32& topic) {
  return std::string(kClockBegin) + to_hex(topic);
}

}  // namespace cip::node
