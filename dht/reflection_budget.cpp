#include "dht/reflection_budget.hpp"

#include <algorithm>
#include <unordered_map>

namespace cip::dht {
namespace {

// An answer with id and token, and nothing else.
constexpr double kBareAnswer = 74;

// Leaks at a constant rate; `level` is what may still be spent.
struct Bucket {
  double level;
  TimePoint at;

  double level_at(TimePoint now, double burst, double per_second) const {
    const auto seconds = std::chrono::duration<double>(now - at).count();
    return std::min(burst, level + seconds * per_second);
  }
  void refill(TimePoint now, double burst, double per_second) {
    level = level_at(now, burst, per_second);
    at = now;
  }
};

struct Address {
  Bucket bucket;
  TimePoint proven_until{};
  bool pinged = false;
};

}  // namespace

struct ReflectionBudget::State {
  std::unordered_map<std::uint32_t, Address> addresses;
  std::unordered_map<std::uint32_t, Bucket> subnets;
  TimePoint purged_at{};

  // Forgets whom remembering changes nothing. Order does not show: all such entries go. Once a
  // second at most, or a flood of forged sources would make us do nothing else.
  void purge(TimePoint now) {
    if (now - purged_at < std::chrono::seconds(1)) return;
    purged_at = now;
    std::erase_if(addresses, [&](const auto& item) {
      const auto level = item.second.bucket.level_at(now, kAddressBurst, kAddressPerSecond);
      return item.second.proven_until <= now && level >= kAddressBurst;
    });
    std::erase_if(subnets, [&](const auto& item) {
      return item.second.level_at(now, kSubnetBurst, kSubnetPerSecond) >= kSubnetBurst;
    });
  }

  Address* address(TimePoint now, std::uint32_t ip) {
    const auto found = addresses.find(ip);
    if (found != addresses.end()) return &found->second;
    if (addresses.size() >= kMaxAddresses) purge(now);
    if (addresses.size() >= kMaxAddresses) return nullptr;
    return &addresses.emplace(ip, Address{{kAddressBurst, now}, {}, false}).first->second;
  }
  Bucket& subnet(TimePoint now, std::uint32_t subnet24) {
    return subnets.try_emplace(subnet24, Bucket{kSubnetBurst, now}).first->second;
  }
};

ReflectionBudget::ReflectionBudget() = default;
ReflectionBudget::~ReflectionBudget() = default;
ReflectionBudget::ReflectionBudget(ReflectionBudget&&) noexcept = default;
ReflectionBudget& ReflectionBudget::operator=(ReflectionBudget&&) noexcept = default;

void ReflectionBudget::prove(TimePoint now, std::uint32_t ip) {
  if (realm_of(ip) == Realm::loopback) return;
  if (!state_) state_ = std::make_unique<State>();
  if (auto* address = state_->address(now, ip)) {
    address->proven_until = now + kProvenFor;
    address->pinged = false;
  }
}

bool ReflectionBudget::is_proven(TimePoint now, std::uint32_t ip) const {
  if (realm_of(ip) == Realm::loopback) return true;
  if (!state_) return false;
  const auto found = state_->addresses.find(ip);
  return found != state_->addresses.end() && found->second.proven_until > now;
}

ReflectionBudget::Verdict ReflectionBudget::charge(TimePoint now, std::uint32_t ip,
                                                   std::size_t bytes) {
  if (is_proven(now, ip)) return {};
  if (!state_) state_ = std::make_unique<State>();
  auto* address = state_->address(now, ip);
  if (address == nullptr) return {.whole = false, .ping = false};
  auto& subnet = state_->subnet(now, ip >> 8);
  address->bucket.refill(now, kAddressBurst, kAddressPerSecond);
  subnet.refill(now, kSubnetBurst, kSubnetPerSecond);
  Verdict out;
  auto cost = static_cast<double>(bytes);
  out.whole = address->bucket.level >= cost && subnet.level >= cost;
  if (!out.whole) cost = std::min(cost, kBareAnswer);
  address->bucket.level = std::max(0.0, address->bucket.level - cost);
  subnet.level = std::max(0.0, subnet.level - cost);
  out.ping = !address->pinged && address->bucket.level < kAddressBurst / 2;
  address->pinged = address->pinged || out.ping;
  return out;
}

std::size_t ReflectionBudget::memory_bytes() const {
  if (!state_) return 0;
  return sizeof(State) + state_->addresses.size() * (sizeof(Address) + 24) +
         state_->subnets.size() * (sizeof(Bucket) + 24) +
         (state_->addresses.bucket_count() + state_->subnets.bucket_count()) * sizeof(void*);
}

}  // namespace cip::dht
