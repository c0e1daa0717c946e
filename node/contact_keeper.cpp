#include "node/contact_keeper.hpp"

#include <algorithm>

#include "node/clock.hpp"
#include "node/participant.hpp"

namespace cip::node {

namespace {

// A contact that is asked once more, because a command needs it, answers within this or is gone.
constexpr Duration kSeekPatience = std::chrono::milliseconds(400);
constexpr std::size_t kMostSought = 8;

}  // namespace

ContactKeeper::ContactKeeper(asio::io_context& io, store::StorageRequests& storage,
                             std::string network)
    : storage_(storage),
      network_(std::move(network)),
      lookup_(system_name_lookup(io)),
      resolver_(
          io, lookup_, [this](Endpoint contact) { add(contact); },
          [this] { return participant_->dht().table().empty(); }) {}

std::vector<Endpoint> ContactKeeper::load(store::Backend& backend) {
  if (const auto saved = backend.find_state(contacts_record(network_)); saved && *saved) {
    saved_ = load_contacts(**saved).value_or(std::vector<Endpoint>{});
  }
  return saved_;
}

void ContactKeeper::start(Participant& participant, store::Backend& backend,
                          const std::vector<Endpoint>& named,
                          const std::vector<std::string>& contacts) {
  participant_ = &participant;
  known_ = named;
  known_.insert(known_.end(), saved_.begin(), saved_.end());
  resolver_.resolve(contacts);
  if (const auto saved = backend.find_state(names_record(network_)); saved && *saved) {
    resolver_.resolve(load_names(**saved).value_or(std::vector<std::string>{}));
  }
}

std::vector<std::string> ContactKeeper::problems() const {
  auto out = resolver_.problems();
  if (auto silent = silent_contacts(saved_)) out.push_back(std::move(*silent));
  return out;
}

TimePoint ContactKeeper::seek() {
  if (!participant_->dht().table().empty() || known_.empty()) return meet_until_;
  const auto time = now();
  const auto count = std::min(known_.size(), kMostSought);
  for (std::size_t i = 0; i < count; ++i) participant_->dht().introduce(time, known_[i]);
  participant_->changed();
  return std::max(meet_until_, time.mono + kSeekPatience);
}

void ContactKeeper::save() {
  const auto& table = participant_->dht().table();
  if (table.empty()) return;
  storage_.ask(store::StorageLane::status,
               store::PutStateOp{contacts_record(network_), save_contacts(table)});
  const auto names = resolver_.resolved();
  if (names.empty()) return;
  storage_.ask(store::StorageLane::status,
               store::PutStateOp{names_record(network_), save_names(names)});
}

void ContactKeeper::add(Endpoint contact) {
  if (std::ranges::find(known_, contact) == known_.end()) {
    expect_until(now().mono + kReadyPatience);
    known_.insert(known_.begin(), contact);
    if (known_.size() > kSavedContacts) known_.pop_back();
  }
  participant_->dht().add_bootstrap(now(), contact);
  participant_->changed();
}

}  // namespace cip::node
