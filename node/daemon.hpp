#pragma once

// The node of a home: opens it under its lock, composes the machines with their drivers, keeps what
// must survive, answers requests, and leaves when it is told to or nobody needs it (decisions.md
// D5).

#include <asio/io_context.hpp>
#include <functional>
#include <memory>

#include "node/home.hpp"
#include "node/name_lookup.hpp"
#include "node/operation.hpp"
#include "node/reach.hpp"
#include "store/storage_requests.hpp"

namespace cip::store {
class Backend;
}
namespace cip::dht {
struct OwnValue;
}

namespace cip::node {

class DatabaseKeeper;
class DiskKeeper;
class FeedLibrary;
class LanDiscovery;
class Participant;
class TopicLibrary;
struct SettingChanges;

class Daemon final : public Service, public Reach {
 public:
  // Errors: internal (home), usage (listen address), busy (home held, port taken), corrupt,
  // incompatible.
  static Outcome<std::unique_ptr<Daemon>> open(asio::io_context& io, JoinOptions options,
                                               HomeRole role);
  ~Daemon() override;

  // Begins to work. `on_event` gets the ready event, once the node is announced or has waited for
  // that for a while, what `join` prints after it, and the event "stopping" when it begins to end.
  // `on_stopped` comes once, when everything is put away: after stop(), a `stop` request or the
  // idle time, or with an error, because the home was removed.
  using OnStopped = std::function<void(std::optional<Error>)>;
  void start(std::function<void(const Json&)> on_event, OnStopped on_stopped);
  // Says goodbye to the network and saves; takes 1.5 s at most.
  void stop();
  // The same for a `join` that takes the home over: changes under way are finished first, other
  // requests say where they stand (Operation::handle_move()). Changes have `patience`, or 10 s.
  void make_way(Duration patience);

  Outcome<std::unique_ptr<Operation>> make_operation(const Request& request, Output& out) override;

  // --- for handlers

  asio::io_context& io();
  Random& random();
  Participant& participant();
  store::StorageRequests& storage();
  DatabaseKeeper& database();
  FeedLibrary& feeds();
  TopicLibrary& topics();
  const HomePaths& paths() const;
  const JoinOptions& options() const;
  // Asks the settings again. What holds at once does so when this returns. Errors: usage (a setting
  // is wrong, and nothing changed), refused (nobody can tell what the settings are).
  Outcome<SettingChanges> reload();
  const KeyPair& identity() const;
  // Puts the value again from now on, also after a restart.
  void keep_own_value(const dht::OwnValue& value);
  // Key pair of the mutable DHT record that its owner calls `name`.
  KeyPair record_key(const std::string& name) const;
  HomeRole role() const;
  TimePoint started() const;
  DiskKeeper& disk();
  // Empty while local discovery works; why not, else.
  std::string lan_problem() const;
  // Why the contacts named so far lead nowhere, a sentence for each.
  std::vector<std::string> contact_problems() const;
  const NameLookup& name_lookup() const override;
  bool has_contact() const override;
  // Contacts were named, or remembered.
  bool has_contacts_to_ask() const;
  bool may_meet_somebody() const override;
  // Asks the contacts once more, now. Who has not answered by the time that is returned is not
  // there.
  TimePoint seek_contact();
  Outcome<void> may_append() const override;

 private:
  class Impl;
  explicit Daemon(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cip::node
