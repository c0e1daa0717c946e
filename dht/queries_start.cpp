// Where walks begin, and where they begin again.

#include <algorithm>
#include <array>

#include "dht/queries.hpp"

namespace cip::dht {

// Given contacts, then the own table, then the bootstrap contacts.
void Queries::add_start(Now now, Running& query) {
  for (const auto endpoint : query.options.start) {
    if (core_.is_own(endpoint) || NodeCore::is_refused(endpoint)) continue;
    query.walk.add({core_.arena.id_of(endpoint), endpoint});
    query.had_contacts = true;
  }
  if (query.task.only_start || query.options.start.size() >= query.walk_k()) return;
  add_table(now, query);
}

// Where a path led to too many nodes, others begin at contacts that it did not use.
void Queries::add_elsewhere(Running& query) {
  constexpr std::size_t kPaths = 5;
  for (const auto& contact :
       core_.table.closest(query.walk.target(), kPaths * query.walk.limits().k)) {
    query.walk.add(contact);
  }
}

void Queries::add_table(Now now, Running& query) {
  std::array<ContactHandle, UINT8_MAX> handles{};
  const auto k = query.walk_k();
  const auto count = core_.table.closest(query.walk.target(), std::span(handles).first(k));
  const auto is_dead = [&](ContactHandle handle) {
    return core_.dead.contains(now.mono, core_.arena[handle].endpoint);
  };
  const auto found = std::span(handles).first(count);
  // Silent ones only if there is nobody else.
  const bool all_dead = std::all_of(found.begin(), found.end(), is_dead);
  for (const auto handle : found) {
    if (all_dead || !is_dead(handle)) query.walk.add(core_.arena[handle]);
  }
  query.had_contacts = query.had_contacts || count > 0;
  if (count >= k) return;
  for (const auto* list : {&core_.options.bootstrap, &core_.options.known}) {
    for (const auto endpoint : *list) {
      if (core_.is_own(endpoint) || core_.is_foreign(endpoint)) continue;
      if (core_.dead.contains(now.mono, endpoint) && count > 0) continue;
      query.walk.add({core_.arena.id_of(endpoint), endpoint});
      query.had_contacts = true;
    }
  }
}

// All contacts came from the caller and hardly any answered: once more, from the table.
bool Queries::start_over(Now now, Running& query) {
  constexpr unsigned kEnough = 5;
  const bool given = query.options.start.size() >= query.walk_k() && !query.task.only_start;
  if (!given || query.started_over || query.walk.answers() >= kEnough) return false;
  query.started_over = true;
  add_table(now, query);
  return true;
}

// Twenty nodes within a third of the distance at which the twentieth is expected come about once in
// 30,000 targets by chance. Whoever keeps below that leaves honest nodes among the closest.
std::uint64_t Queries::dense_radius() const {
  constexpr std::size_t kWalksToJudge = 4;
  constexpr double kFactor = 3;
  if (!core_.options.defences.doubt_density || !estimator_) return 0;
  if (core_.widest_contact != Realm::public_network) return 0;  // nothing would be doubted
  if (estimator_->walks() < kWalksToJudge) return 0;
  const auto size = estimator_->robust();
  const double k = core_.options.k;
  if (!size || size->relative_sd == 0 || size->nodes < kFactor * k) return 0;
  return static_cast<std::uint64_t>(k / size->nodes / kFactor * 0x1p64);
}

}  // namespace cip::dht
