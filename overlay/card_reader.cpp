#include "overlay/card_reader.hpp"

#include <utility>

#include "dht/node.hpp"
#include "overlay/dial_policy.hpp"

namespace cip::overlay {

dht::QueryId CardReader::read(Now now, const PublicKey& peer) {
  const auto id = node_.get_mutable(now, peer, 0);
  reads_[id].peer = peer;
  return id;
}

void CardReader::cancel(Now now, dht::QueryId id) {
  if (reads_.erase(id) > 0) node_.cancel(now, id);
}

bool CardReader::handle_event(Now now, const dht::Event& event) {
  if (const auto* reply = std::get_if<dht::QueryReply>(&event)) {
    const auto found = reads_.find(reply->query);
    if (found == reads_.end()) return false;
    auto& best = found->second.best;
    auto value = dht::decode_mutable_value(reply->value);
    if (value && (!best || value->seq > best->seq)) best = std::move(value);
    return true;
  }
  const auto* done = std::get_if<dht::QueryDone>(&event);
  if (done == nullptr) return false;
  const auto node = reads_.extract(done->query);
  if (node.empty()) return false;
  const auto& read = node.mapped();
  CardRead out{done->query, read.peer, std::nullopt, {}};
  if (read.best) out.card = decode_contact_card(read.best->value);
  if (out.card && !out.card->is_current(now)) out.card.reset();
  if (out.card) out.candidates = tcp_candidates(public_endpoints(out.card->tcp.endpoints));
  events_.push(std::move(out));
  return true;
}

std::optional<CardRead> CardReader::poll_event() { return events_.pop(); }

}  // namespace cip::overlay
