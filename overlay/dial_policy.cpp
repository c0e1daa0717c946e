#include "overlay/dial_policy.hpp"

#include <algorithm>
#include <bit>

namespace cip::overlay {
namespace {

// Ports below are reserved for services of the system: nobody asks in good faith to be dialled
// there.
constexpr std::uint16_t kFirstUserPort = 1024;
// Addresses counted by the limiter at once; the oldest window is long over when it is full.
constexpr std::size_t kMaxLimitedAddresses = 4096;

// Neither "this network", nor multicast or reserved.
bool is_dialable(Endpoint endpoint) {
  return endpoint.ip >> 24 != 0 && endpoint.ip < 0xe0000000 && endpoint.port != 0;
}

bool behind_same_nat(const DialView& view) {
  return view.public_ip && view.peer_seen.ip == *view.public_ip;
}

// Whether addresses of this realm mean the same place to both sides.
bool is_shared_realm(Realm realm, const DialView& view) {
  switch (realm) {
    case Realm::loopback:
      return view.peer_seen.realm() == Realm::loopback;
    case Realm::private_network:
      return view.peer_seen.realm() == Realm::private_network || behind_same_nat(view);
    case Realm::public_network:
      return true;
  }
  return false;
}

// Leading bits in common with the nearest own interface.
int nearness(std::uint32_t ip, const std::vector<std::uint32_t>& interfaces) {
  int best = 0;
  for (const auto own : interfaces) best = std::max(best, std::countl_zero(ip ^ own));
  return best;
}

void add_once(std::vector<Endpoint>& list, Endpoint endpoint) {
  if (std::find(list.begin(), list.end(), endpoint) == list.end()) list.push_back(endpoint);
}

}  // namespace

Endpoint seen_from(Endpoint reporter, Endpoint seen) {
  const bool on_reporters_host =
      seen.realm() == Realm::loopback && reporter.realm() != Realm::loopback;
  return on_reporters_host ? Endpoint{reporter.ip, seen.port} : seen;
}

std::vector<Endpoint> endpoints_to_offer(std::span<const Endpoint> own, const DialView& view) {
  std::vector<Endpoint> out;
  for (const auto endpoint : own) {
    if (is_dialable(endpoint) && is_shared_realm(endpoint.realm(), view)) add_once(out, endpoint);
  }
  return out;
}

std::vector<Endpoint> endpoints_to_dial(std::span<const Endpoint> offered, const DialView& view) {
  auto out = endpoints_to_offer(offered, view);
  // Loopback, then the local network, nearest first, then the rest as the peer ordered it.
  std::stable_sort(out.begin(), out.end(), [&](Endpoint a, Endpoint b) {
    if (a.realm() != b.realm()) return a.realm() < b.realm();
    if (a.realm() == Realm::public_network) return false;
    return nearness(a.ip, view.interfaces) > nearness(b.ip, view.interfaces);
  });
  if (out.size() > kMaxEndpointsDialled) out.resize(kMaxEndpointsDialled);
  return out;
}

std::vector<Endpoint> endpoints_to_dial_back(std::span<const Endpoint> offered, Endpoint seen) {
  std::vector<Endpoint> out;
  for (const auto endpoint : offered) {
    const bool allowed = endpoint.ip == seen.ip && endpoint.port >= kFirstUserPort;
    if (allowed && out.size() < kMaxEndpointsDialled) add_once(out, endpoint);
  }
  return out;
}

std::vector<Endpoint> public_endpoints(std::span<const Endpoint> endpoints) {
  std::vector<Endpoint> out;
  for (const auto endpoint : endpoints) {
    const bool allowed = is_dialable(endpoint) && endpoint.realm() == Realm::public_network;
    if (allowed && out.size() < kMaxEndpointsDialled) add_once(out, endpoint);
  }
  return out;
}

bool DialBackLimiter::allow(Now now, std::uint32_t ip) {
  if (dials_.size() >= kMaxLimitedAddresses) forget_old(now);
  if (dials_.size() >= kMaxLimitedAddresses && !dials_.contains(ip)) return false;
  auto& times = dials_[ip];
  while (!times.empty() && times.front() + kDialBackWindow <= now.mono) times.pop_front();
  if (times.size() >= kMaxDialsBackPerIp) return false;
  times.push_back(now.mono);
  return true;
}

void DialBackLimiter::forget_old(Now now) {
  std::erase_if(dials_, [&](const auto& entry) {
    return entry.second.empty() || entry.second.back() + kDialBackWindow <= now.mono;
  });
}

}  // namespace cip::overlay
