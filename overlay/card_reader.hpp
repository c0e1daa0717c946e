#pragma once

// Reads the contact cards of others (dht.md 18.3): a machine over a dht::Node. The query goes to
// its end, for only the highest seq counts: a card may have been taken back.

#include <map>
#include <optional>
#include <vector>

#include "base/crypto.hpp"
#include "base/endpoint.hpp"
#include "base/machine.hpp"
#include "base/time.hpp"
#include "dht/node_types.hpp"
#include "dht/payloads.hpp"
#include "overlay/contact_card.hpp"
#include "overlay/transport/link.hpp"

namespace cip::dht {
class Node;
}

namespace cip::overlay {

// The end of a read(). `card`: none is stored, or it is over, or it does not decode.
struct CardRead {
  dht::QueryId id;
  PublicKey peer{};
  std::optional<ContactCard> card;
  std::vector<Candidate> candidates;  // those to dial: public ones, at most 8
};

class CardReader {
 public:
  // `node` outlives it and bounds how many reads run at once.
  explicit CardReader(dht::Node& node) : node_(node) {}

  // Ends with one CardRead, unless it is cancelled.
  dht::QueryId read(Now now, const PublicKey& peer);
  void cancel(Now now, dht::QueryId id);

  // True when the event belonged to a read.
  bool handle_event(Now now, const dht::Event& event);
  std::optional<CardRead> poll_event();

 private:
  struct Read {
    PublicKey peer{};
    std::optional<dht::MutableValue> best;
  };

  dht::Node& node_;
  std::map<dht::QueryId, Read> reads_;
  Fifo<CardRead> events_;
};

}  // namespace cip::overlay
