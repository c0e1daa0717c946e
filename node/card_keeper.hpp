#pragma once

// Whether this node keeps a contact card, across runs: that one is about is noted on disk before it
// is stored, so that a run without the switch takes it back.
//
//   state "contact-card/default" (one per network): there while a card may be stored

#include <memory>
#include <string>

#include "overlay/card_publisher.hpp"

namespace cip::store {
class Backend;
class StorageRequests;
}  // namespace cip::store

namespace cip::node {

class Participant;

class CardKeeper {
 public:
  // Both outlive it; it takes Participant::on_card_event.
  CardKeeper(Participant& participant, store::StorageRequests& storage, const std::string& network);

  // At the start: publishes, or takes back what an earlier run published. Reads the disk at once.
  void start(store::Backend& backend, bool wanted);
  void publish();

 private:
  void tell(const overlay::CardEvent& event);
  void forget();

  Participant& participant_;
  store::StorageRequests& storage_;
  std::string record_;
  bool wanted_ = false;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace cip::node
