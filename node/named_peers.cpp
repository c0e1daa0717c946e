#include "node/named_peers.hpp"

#include <fmt/format.h>

#include <utility>

#include "base/text.hpp"
#include "node/clock.hpp"

namespace cip::node {

namespace {

// So often a node without contacts looks whether it has one.
constexpr Duration kContactLook = std::chrono::milliseconds(100);

}  // namespace

NamedPeers::NamedPeers(Participant& participant, const Reach& reach, const Bytes32& discovery_key,
                       std::function<void(const DialledPeer&)> on_dialled)
    : participant_(participant),
      reach_(reach),
      discovery_key_(discovery_key),
      on_dialled_(std::move(on_dialled)),
      timer_(participant.io()) {
  listening_ = participant_.hub_events.listen([this](const overlay::HubEvent& event) {
    if (const auto* greeting = std::get_if<overlay::GreeterEvent>(&event)) handle(*greeting);
  });
}

NamedPeers::~NamedPeers() {
  for (const auto& entry : sought_) {
    if (entry.second.hello == 0) continue;
    participant_.hub().greeter()->cancel(now(), entry.second.hello);
    participant_.changed();
  }
}

void NamedPeers::dial(const std::string& name) {
  if (const auto key = parse_key(name)) {
    const auto [entry, is_new] = sought_.try_emplace(*key, Sought{name});
    if (!is_new) return;
    ++pending_;
    entry->second.until = now().mono + kContactPatience;
    return seek_after(Duration::zero());
  }
  ++pending_;
  resolve_once(reach_.name_lookup(), name,
               [this, name, alive = std::weak_ptr(alive_)](const LookupResult& result) {
                 if (alive.expired()) return;
                 finish(overlay::tcp_candidates(result.endpoints),
                        fmt::format("{} cannot be resolved ({})", name, result.problem));
               });
}

// Later in any case: an answer never comes while its question is put.
void NamedPeers::seek_after(Duration pause) {
  timer_.expires_after(pause);
  timer_.async_wait([this, alive = std::weak_ptr(alive_)](std::error_code error) {
    if (!error && !alive.expired()) seek();
  });
}

// Greets those sought; as long as this node may still meet its first contact, that is awaited.
void NamedPeers::seek() {
  const bool may_wait = !reach_.has_contact() && reach_.may_meet_somebody();
  bool waits = false;
  for (auto& [key, sought] : sought_) {
    if (sought.hello != 0) continue;
    if (may_wait && now().mono < sought.until) {
      waits = true;
    } else {
      sought.hello = participant_.hub().greeter()->greet(now(), key);
    }
  }
  participant_.changed();
  if (waits) seek_after(kContactLook);
}

void NamedPeers::handle(const overlay::GreeterEvent& event) {
  if (const auto* done = std::get_if<overlay::HelloDone>(&event)) {
    const auto name = take(done->peer, done->id);
    if (!name) return;
    finish(done->candidates, done->kind == overlay::PeerKind::stock
                                 ? fmt::format("{} is no cipnode: there is no stream to it", *name)
                                 : fmt::format("{} tells no address at which it listens", *name));
  } else if (const auto* failed = std::get_if<overlay::HelloFailed>(&event)) {
    const auto name = take(failed->peer, failed->id);
    if (name) finish({}, fmt::format("{} cannot be greeted ({})", *name, failed->error.message()));
  }
}

std::optional<std::string> NamedPeers::take(const PublicKey& peer, overlay::HelloId hello) {
  const auto found = sought_.find(peer);
  if (found == sought_.end() || found->second.hello != hello) return std::nullopt;
  return sought_.extract(found).mapped().name;
}

void NamedPeers::finish(const std::vector<overlay::Candidate>& candidates, std::string problem) {
  --pending_;
  DialledPeer peer;
  if (candidates.empty()) peer.problem = std::move(problem);
  for (const auto& candidate : candidates) {
    peer.dials.push_back({participant_.hub().dial(now(), candidate, {discovery_key_}), candidate});
  }
  participant_.changed();
  on_dialled_(peer);
}

}  // namespace cip::node
