#pragma once

// Whom a node may enter its overlay through: contacts that it was told of, names among them, and
// those of earlier runs. It hands them to the DHT, saves who is known now, and says until when
// somebody may still answer.

#include <asio/io_context.hpp>
#include <string>
#include <vector>

#include "node/contacts.hpp"
#include "store/storage_requests.hpp"

namespace cip::store {
class Backend;
}

namespace cip::node {

class Participant;

// A node whose contacts are dead is as ready as it gets.
inline constexpr Duration kReadyPatience = std::chrono::seconds(3);

class ContactKeeper {
 public:
  // `storage` outlives it.
  ContactKeeper(asio::io_context& io, store::StorageRequests& storage, std::string network);

  // Those of earlier runs. Reads the disk at once: before the loop runs.
  std::vector<Endpoint> load(store::Backend& backend);
  // `participant`, which outlives it, knows `named` and what load() returned. Names of earlier runs
  // are looked up as well.
  void start(Participant& participant, store::Backend& backend, const std::vector<Endpoint>& named,
             const std::vector<std::string>& contacts);
  // HOST:PORT as typed; after start().
  void resolve(const std::vector<std::string>& contacts) { resolver_.resolve(contacts); }

  const NameLookup& lookup() const { return lookup_; }
  // A name is being looked up for the first time.
  bool is_looking() const { return resolver_.is_busy(); }
  // Contacts were named, or remembered.
  bool has_some() const { return !known_.empty() || resolver_.is_busy(); }
  bool has_some_to_ask() const { return !known_.empty() || !resolver_.problems().empty(); }
  // Why those named so far lead nowhere, a sentence for each.
  std::vector<std::string> problems() const;

  void expect_until(TimePoint time) { meet_until_ = std::max(meet_until_, time); }
  TimePoint meet_until() const { return meet_until_; }
  // Asks them once more, now. Who has not answered by the time that is returned is not there.
  TimePoint seek();
  // For the next start. A node that met nobody this time keeps what it knew before.
  void save();

 private:
  void add(Endpoint contact);

  store::StorageRequests& storage_;
  const std::string network_;
  NameLookup lookup_;
  ContactResolver resolver_;
  Participant* participant_ = nullptr;
  std::vector<Endpoint> known_;
  std::vector<Endpoint> saved_;  // of earlier runs
  TimePoint meet_until_{};
};

}  // namespace cip::node
