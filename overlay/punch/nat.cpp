#include "overlay/punch/nat.hpp"

#include <algorithm>

namespace cip::overlay {

using dht::Firewall;

void PunchNat::add(Endpoint seen, Endpoint from) {
  if (frozen_ || seen.port == 0 || seen.is_any() || !sources_.insert(from).second) return;
  count(hosts_, {seen.ip, 0});
  count(places_, seen);
  if (sources_.size() < 3) return;
  firewall_ = judge();
  addresses_ = list();
}

void PunchNat::conclude() {
  if (frozen_ || firewall_ != Firewall::unknown || places_.empty()) return;
  if (places_.size() == 1) firewall_ = Firewall::consistent;
  if (places_.front().times == 1 && hosts_.size() < places_.size()) firewall_ = Firewall::random;
  addresses_ = list();
}

void PunchNat::count(std::vector<Seen>& list, Endpoint address) {
  auto at = std::ranges::find(list, address, &Seen::address);
  if (at == list.end()) at = list.insert(list.end(), {address, 0});
  ++at->times;
  while (at != list.begin() && (at - 1)->times < at->times) {
    std::iter_swap(at - 1, at);
    --at;
  }
}

Firewall PunchNat::judge() const {
  const auto best = places_.front().times;
  if (best >= 3) return Firewall::consistent;
  if (best == 1) return Firewall::random;
  // Two agree. Of one host two others did not, or there are two ways out that both keep a port.
  if (hosts_.size() == 1 && sources_.size() > 3) return Firewall::random;
  if (hosts_.size() > 1 && places_[1].times > 1) return Firewall::consistent;
  return sources_.size() > 4 ? Firewall::random : Firewall::unknown;
}

std::vector<Endpoint> PunchNat::list() const {
  std::vector<Endpoint> out;
  if (firewall_ == Firewall::random) out.push_back(hosts_.front().address);
  if (firewall_ != Firewall::consistent) return out;
  for (const auto& place : places_) {
    if (place.times >= 2 || out.size() < 2) out.push_back(place.address);
  }
  return out;
}

bool PunchNat::has(Endpoint address) const {
  return std::ranges::find(addresses_, address) != addresses_.end();
}

bool PunchNat::is_decided() const {
  return firewall_ == Firewall::consistent || sources_.size() >= kWanted;
}

}  // namespace cip::overlay
