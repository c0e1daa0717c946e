#include "dht/query.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"

namespace cip::dht {
namespace {

// The highest bits: the lowest choose the place in the index.
constexpr std::uint16_t tag_of(std::size_t hash) {
  return static_cast<std::uint16_t>(hash >> (sizeof hash * 8 - 16));
}

}  // namespace

Query::Query(const Target& target, Limits limits) : target_(target), limits_(limits) {}

void Query::add(const Contact& contact) {
  if (knows(contact.endpoint)) return;
  const auto entry = insert(contact, kNone, State::pending);
  if (entry != kNone) push_pending(entry);
}

void Query::add_down(const Contact& contact) {
  if (!knows(contact.endpoint)) insert(contact, kNone, State::down);
}

std::optional<Contact> Query::poll_request() {
  if (in_flight() >= limits_.alpha + slow_) return std::nullopt;
  if (requests_ >= kMaxRequests) pending_.clear();
  if (pending_.empty()) return std::nullopt;
  const auto next = pending_.front();
  if (!near_enough(next)) {
    // The others are farther still; they count only for where they are.
    if (!crowded_) pending_.clear();
    std::erase_if(pending_, [this](Index entry) { return !near_enough(entry); });
    std::make_heap(pending_.begin(), pending_.end(),
                   [this](Index a, Index b) { return closer(b, a); });
    if (pending_.empty()) return std::nullopt;
    return poll_request();
  }
  if (is_covered(next)) return std::nullopt;
  std::pop_heap(pending_.begin(), pending_.end(),
                [this](Index a, Index b) { return closer(b, a); });
  pending_.pop_back();
  entries_[next].state = State::asked;
  asked_.push_back(next);
  ++requests_;
  return entries_[next].contact;
}

void Query::handle_answer(const Contact& from, const Answer& answer, const ContactArena& ids) {
  const auto entry = find(from.endpoint);
  if (entry == kNone || entries_[entry].state != State::asked) return;
  leave_flight(entry);
  take_answer(entry, answer);
  for (const auto named : answer.closer) take_referral(entry, named, ids);
}

void Query::take_answer(Index entry, const Answer& answer) {
  entries_[entry].state = State::done;
  entries_[entry].rtt = answer.rtt;
  if (!answer.counts) return;
  ++answers_;
  if (limits_.independent && entries_[entry].contact.endpoint.realm() == Realm::public_network) {
    const auto at = std::lower_bound(answered_.begin(), answered_.end(), entry,
                                     [this](Index a, Index b) { return closer(a, b); });
    answered_.insert(at, entry);
    find_independent();
  }
  if (!is_near_enough(entries_[entry].contact.id)) return;
  const auto place = std::lower_bound(closest_.begin(), closest_.end(), entry,
                                      [this](Index a, Index b) { return closer(a, b); });
  closest_.insert(place, entry);
  if (closest_.size() > limits_.k) closest_.pop_back();
}

void Query::take_referral(Index by, Endpoint named, const ContactArena& ids) {
  auto entry = find(named);
  if (entry == by) return;
  if (entry == kNone) {
    const Contact contact{ids.id_of(named), named};
    if (!is_worth(contact)) return;
    entry = insert(contact, by, State::pending);
    if (entry == kNone) return;
    push_pending(entry);
  } else if (entries_[entry].state == State::down) {
    hints_.push_back({entries_[by].contact.endpoint, named});
  }
  referrals_.push_back({by, entry});
}

void Query::handle_late(const Contact& contact) {
  const auto index = find(contact.endpoint);
  if (index == kNone || entries_[index].state != State::asked) return;
  auto& entry = entries_[index];
  if (entry.late == UINT8_MAX) return;
  ++entry.late;
  if (entry.late == 1) ++slow_;
  if (entry.late == kPatience) ++gone_;
}

void Query::handle_timeout(const Contact& contact) {
  const auto index = find(contact.endpoint);
  if (index == kNone || entries_[index].state != State::asked) return;
  leave_flight(index);
  entries_[index].state = State::down;
  ++timeouts_;
  for (const auto& referral : referrals_) {
    if (referral.to != index) continue;
    hints_.push_back({entries_[referral.by].contact.endpoint, contact.endpoint});
  }
}

void Query::leave_flight(Index entry) {
  const auto place = std::find(asked_.begin(), asked_.end(), entry);
  CIP_ASSERT(place != asked_.end());
  *place = asked_.back();
  asked_.pop_back();
  if (entries_[entry].late > 0) --slow_;
  if (entries_[entry].late >= kPatience) --gone_;
}

std::optional<Query::Hint> Query::poll_hint() {
  if (hints_.empty()) return std::nullopt;
  const auto hint = hints_.back();
  hints_.pop_back();
  return hint;
}

bool Query::is_done() const {
  const bool more = requests_ < kMaxRequests &&
                    (crowded_ ? std::any_of(pending_.begin(), pending_.end(),
                                            [this](Index entry) { return near_enough(entry); })
                              : !pending_.empty() && near_enough(pending_.front()));
  if (more) return false;
  if (asked_.empty()) return true;
  if (in_flight() != slow_ || closest_.empty()) return false;
  return in_flight() == gone_ || (closest_.size() >= limits_.k && !awaits_near());
}

// Somebody late may still be among the closest, and has not been silent twice.
bool Query::awaits_near() const {
  return std::any_of(asked_.begin(), asked_.end(), [this](Index entry) {
    return entries_[entry].late < kPatience && is_near_enough(entries_[entry].contact.id);
  });
}

std::vector<Contact> Query::closest() const {
  std::vector<Contact> out;
  out.reserve(closest_.size());
  for (const auto entry : closest_) out.push_back(entries_[entry].contact);
  return out;
}

bool Query::is_near_enough(const NodeId& id) const {
  if (closest_.size() < limits_.k) return true;
  return compare_distance(target_, id.bytes, entries_[closest_.back()].contact.id.bytes) < 0;
}

std::vector<Hop> Query::path() const {
  return path_to(closest_.empty() ? kNone : closest_.front());
}

std::vector<Hop> Query::path_to(Endpoint endpoint) const { return path_to(find(endpoint)); }

std::vector<Hop> Query::path_to(Index entry) const {
  std::vector<Hop> out;
  for (auto at = entry; at != kNone; at = entries_[at].parent) {
    out.push_back({entries_[at].contact, entries_[at].rtt, entries_[at].depth});
  }
  std::reverse(out.begin(), out.end());
  return out;
}

// Shortest paths over the graph "by named to". Depths only shrink, and few passes settle them,
// since referrals are in the order in which they were made.
unsigned Query::hops_to_closest() const {
  if (closest_.empty()) return 0;
  std::vector<std::uint16_t> depth(entries_.size());
  for (std::size_t i = 0; i < entries_.size(); ++i) depth[i] = entries_[i].depth;
  for (bool changed = true; changed;) {
    changed = false;
    for (const auto& referral : referrals_) {
      const auto through = static_cast<std::uint16_t>(depth[referral.by] + 1);
      if (through >= depth[referral.to]) continue;
      depth[referral.to] = through;
      changed = true;
    }
  }
  return depth[closest_.front()] + 1u;
}

unsigned Query::hops_first() const {
  if (closest_.empty()) return 0;
  const auto end =
      closest_.begin() + static_cast<std::ptrdiff_t>(std::min(kReplicas, closest_.size()));
  const auto first = std::min_element(closest_.begin(), end, [this](Index a, Index b) {
    return entries_[a].depth < entries_[b].depth;
  });
  return entries_[*first].depth + 1u;
}

unsigned Query::depth_of(Endpoint endpoint) const {
  const auto entry = find(endpoint);
  return entry == kNone ? 0 : entries_[entry].depth;
}

std::size_t Query::memory_bytes() const {
  return entries_.capacity() * sizeof(Entry) + referrals_.capacity() * sizeof(Referral) +
         index_.capacity() * sizeof(Place) +
         (pending_.capacity() + asked_.capacity() + closest_.capacity() + answered_.capacity() +
          independent_.capacity()) *
             sizeof(Index) +
         hints_.capacity() * sizeof(Hint);
}

bool Query::closer_by_id(Index a, Index b) const {
  return compare_distance(target_, entries_[a].contact.id.bytes, entries_[b].contact.id.bytes) < 0;
}

bool Query::near_enough(Index entry) const {
  if (closest_.size() < limits_.k || closer(entry, closest_.back())) return true;
  return crowded_ && adds_independent(entries_[entry].contact);
}

// Are k closer ones there, once those have answered that are asked? Then it waits for them: asked
// at once it would nearly always be one request too many. Where somebody was late it is not: there,
// who is asked in addition makes up for what is lost.
bool Query::is_covered(Index entry) const {
  const bool troubled = slow_ > 0 || timeouts_ > 0;
  if (crowded_ || troubled || closest_.size() + in_flight() < limits_.k) return false;
  const auto end = std::lower_bound(closest_.begin(), closest_.end(), entry,
                                    [this](Index a, Index b) { return closer(a, b); });
  auto count = static_cast<std::size_t>(end - closest_.begin());
  for (const Index other : asked_) count += closer(other, entry);
  return count >= limits_.k;
}

bool Query::is_worth(const Contact& contact) const {
  return is_near_enough(contact.id) || (crowded_ && adds_independent(contact));
}

bool Query::adds_independent(const Contact& contact) const {
  if (contact.endpoint.realm() != Realm::public_network) return false;
  if (dense_ && distance_prefix(target_, contact.id.bytes) < limits_.dense_radius) return false;
  const auto is_closer = [&](const NodeId& a, const NodeId& b) {
    return compare_distance(target_, a.bytes, b.bytes) < 0;
  };
  const bool full = independent_.size() >= limits_.k;
  if (full && !is_closer(contact.id, entries_[independent_.back()].contact.id)) return false;
  std::size_t same_network = 0;
  for (const auto entry : independent_) {
    const auto& other = entries_[entry].contact;
    if (!is_closer(other.id, contact.id)) break;
    if (other.endpoint.ip == contact.endpoint.ip) return false;
    same_network += other.endpoint.subnet24() == contact.endpoint.subnet24();
  }
  return same_network < kMaxPerSubnet;
}

// From the closest on: whoever is of an address, or a network, that has its share already counts
// for nothing, and so does whoever is where there are too many. Local addresses are never crowded.
void Query::find_independent() {
  const auto inside = static_cast<std::size_t>(std::count_if(
      answered_.begin(), answered_.end(),
      [this](Index entry) { return entries_[entry].distance < limits_.dense_radius; }));
  if (inside >= limits_.k) dense_ = crowded_ = true;
  independent_.clear();
  for (const auto entry : answered_) {
    if (independent_.size() >= limits_.k) break;
    if (dense_ && entries_[entry].distance < limits_.dense_radius) continue;
    const auto& endpoint = entries_[entry].contact.endpoint;
    std::size_t same_ip = 0, same_network = 0;
    for (const auto other : independent_) {
      const auto& taken = entries_[other].contact.endpoint;
      same_ip += taken.ip == endpoint.ip;
      same_network += taken.subnet24() == endpoint.subnet24();
    }
    if (same_ip == 0 && same_network < kMaxPerSubnet) {
      independent_.push_back(entry);
    } else {
      crowded_ = true;
    }
  }
}

std::vector<Contact> Query::independent() const {
  std::vector<Contact> out;
  for (const auto entry : independent_) out.push_back(entries_[entry].contact);
  return out;
}

void Query::push_pending(Index entry) {
  pending_.push_back(entry);
  std::push_heap(pending_.begin(), pending_.end(),
                 [this](Index a, Index b) { return closer(b, a); });
}

Query::Index Query::find(Endpoint endpoint) const {
  if (index_.empty()) return kNone;
  const auto mask = index_.size() - 1;
  const auto hash = EndpointHash{}(endpoint);
  for (auto at = hash & mask;; at = (at + 1) & mask) {
    const auto [tag, entry] = index_[at];
    if (entry == kNone) return kNone;
    if (tag == tag_of(hash) && entries_[entry].contact.endpoint == endpoint) return entry;
  }
}

Query::Index Query::insert(const Contact& contact, Index parent, State state) {
  if (entries_.size() >= kMaxSeen) return kNone;
  if (entries_.empty()) reserve();
  const auto entry = static_cast<Index>(entries_.size());
  entries_.push_back(
      {contact, distance_prefix(target_, contact.id.bytes), {}, parent, 0, state, 0});
  if (parent != kNone) {
    entries_.back().depth = static_cast<std::uint16_t>(entries_[parent].depth + 1);
  }
  if (entries_.size() * 2 > index_.size()) {
    grow_index();
  } else {
    index_entry(entry);
  }
  return entry;
}

// For most walks at once.
void Query::reserve() {
  constexpr std::size_t kUsuallySeen = 128;
  entries_.reserve(kUsuallySeen);
  index_.assign(2 * kUsuallySeen, {});
  referrals_.reserve(4 * kUsuallySeen);
}

void Query::index_entry(Index entry) {
  const auto mask = index_.size() - 1;
  const auto hash = EndpointHash{}(entries_[entry].contact.endpoint);
  auto at = hash & mask;
  while (index_[at].entry != kNone) at = (at + 1) & mask;
  index_[at] = {tag_of(hash), entry};
}

void Query::grow_index() {
  index_.assign(index_.size() * 2, {});
  for (std::size_t i = 0; i < entries_.size(); ++i) index_entry(static_cast<Index>(i));
}

}  // namespace cip::dht
