#include "node/card_keeper.hpp"

#include "node/log.hpp"
#include "node/participant.hpp"
#include "store/storage_requests.hpp"

namespace cip::node {

CardKeeper::CardKeeper(Participant& participant, store::StorageRequests& storage,
                       const std::string& network)
    : participant_(participant), storage_(storage), record_("contact-card/" + network) {
  participant_.on_card_event = [this](const overlay::CardEvent& event) { tell(event); };
}

void CardKeeper::start(store::Backend& backend, bool wanted) {
  if (wanted) return publish();
  const auto noted = backend.find_state(record_);
  if (noted && *noted) participant_.withdraw_card();
}

void CardKeeper::publish() {
  wanted_ = true;
  storage_.ask(store::StorageLane::status, store::PutStateOp{record_, {}, true}, alive_,
               [this](const Result<void>& noted) {
                 if (noted) return participant_.publish_card();
                 log(Floor::node, LogLevel::warning,
                     "no contact card, for no note can be taken of it: {}",
                     noted.error().message());
               });
}

void CardKeeper::tell(const overlay::CardEvent& event) {
  if (std::holds_alternative<overlay::CardForeign>(event)) {
    log(Floor::node, LogLevel::warning,
        "no contact card: another application keeps a value under the key of this node");
    return forget();
  }
  const auto& stored = std::get<overlay::CardStored>(event);
  const auto& endpoints = stored.card.tcp.endpoints;
  log(Floor::node, LogLevel::info, "contact card with {} addresses is with {} nodes",
      endpoints.size(), stored.holders);
  if (endpoints.empty()) forget();
}

// If this fails the next run takes it back once more.
void CardKeeper::forget() {
  if (wanted_) return;
  storage_.ask(store::StorageLane::status, store::DropStateOp{record_});
}

}  // namespace cip::node
