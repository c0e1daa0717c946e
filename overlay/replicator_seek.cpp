// Finding the block of a byte offset with the help of peers (feeds.md 8.2, 10.4): where the tree
// here does not reach down to the offset, a peer is asked for a node on the way, with the nodes
// that locate the offset below it.

#include <algorithm>
#include <utility>

#include "overlay/replicator.hpp"
#include "overlay/replicator_peer.hpp"

namespace cip::overlay {

SeekId Replicator::seek(std::uint64_t offset, std::uint64_t padding) {
  const auto id = next_seek_++;
  dirty_ = true;
  if (seeks_.size() >= kMaxSeeks) {
    events_.push(SeekDone{id, fail(store::Errc::overloaded)});
    return id;
  }
  Seek search;
  search.id = id;
  search.offset = offset;
  search.padding = padding;
  seeks_.push_back(std::move(search));
  look(seeks_.back());
  return id;
}

void Replicator::cancel_seek(SeekId id) {
  std::erase_if(seeks_, [&](const Seek& search) { return search.id == id; });
}

Replicator::Seek* Replicator::find_seek(SeekId id) {
  const auto found =
      std::find_if(seeks_.begin(), seeks_.end(), [&](const Seek& item) { return item.id == id; });
  return found != seeks_.end() ? &*found : nullptr;
}

void Replicator::look(Seek& search) {
  search.is_asked = false;
  search.missing.reset();
  search.ticket = feed_.seek(search.offset, search.padding);
}

bool Replicator::handle_sought(const store::Sought& sought) {
  const auto found = std::find_if(seeks_.begin(), seeks_.end(),
                                  [&](const Seek& item) { return item.ticket == sought.ticket; });
  if (found == seeks_.end()) return false;
  found->ticket = 0;
  const bool is_unknown = !sought.position && sought.position.error() == store::Errc::not_available;
  if (is_unknown && sought.missing) {
    found->missing = sought.missing;
    return true;
  }
  events_.push(SeekDone{found->id, sought.position});
  seeks_.erase(found);
  return true;
}

void Replicator::request_seeks(Now now) {
  for (auto& search : seeks_) {
    if (!search.missing || search.is_asked) continue;
    for (auto& [number, peer] : peers_) {
      const auto end = store::flat::right_span(*search.missing) / 2 + 1;
      if (!may_ask(*peer) || peer->remote.fork != feed_.fork() || peer->remote.length < end)
        continue;
      if (search.refused.contains(number)) continue;
      RequestMessage message;
      message.wanted.hash = {*search.missing, feed_.wanted_nodes_of_hash(*search.missing)};
      message.wanted.seek = {search.offset, search.padding};
      InFlight request;
      request.seek = search.id;
      search.is_asked = true;
      send_request(now, *peer, std::move(message), request);
      break;
    }
  }
}

// The peer (0: none in particular) did not help.
void Replicator::seek_failed(SeekId id, PeerNumber peer) {
  auto* search = find_seek(id);
  if (search == nullptr) return;
  if (peer != 0) search->refused.insert(peer);
  search->is_asked = false;
  dirty_ = true;
}

}  // namespace cip::overlay
