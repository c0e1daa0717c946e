// find: the walk to a peer, a topic, a feed or a node id; for a peer also the hello.

#include <fmt/format.h>

#include <algorithm>
#include <asio/steady_timer.hpp>

#include "base/text.hpp"
#include "dht/payloads.hpp"
#include "dht/routing_table.hpp"
#include "node/clock.hpp"
#include "node/feed_loader.hpp"
#include "node/handlers/handlers.hpp"
#include "node/handlers/walk.hpp"
#include "node/participant.hpp"
#include "node/store_error.hpp"
#include "node/topic_library.hpp"
#include "overlay/transport/errors.hpp"

namespace cip::node {

namespace {

// A hello often ends before the walk; the route is worth so much waiting.
constexpr Duration kWaitForWalk = std::chrono::seconds(2);

// Each once, in the order in which they were found.
Json texts_of(const std::vector<Endpoint>& endpoints) {
  auto out = Json::array();
  for (const auto endpoint : endpoints) {
    Json text = to_string(endpoint);
    if (std::find(out.begin(), out.end(), text) == out.end()) out.push_back(std::move(text));
  }
  return out;
}

Json texts_of(const std::vector<overlay::Candidate>& candidates) {
  std::vector<Endpoint> endpoints;
  for (const auto& candidate : candidates) endpoints.push_back(candidate.address);
  return texts_of(endpoints);
}

// What every kind has in common.
class Find : public Operation {
 public:
  Find(Daemon& daemon, Output& out, std::string kind)
      : Operation(out), daemon_(daemon), kind_(std::move(kind)), ready_(daemon) {}

  void start() final {
    begun_ = now().mono;
    if (is_self()) return begin();
    ready_.wait([this] {
      if (nobody_answers(daemon_)) return out_.fail(no_contact_error(daemon_));
      begin();
    });
  }

 protected:
  virtual void begin() = 0;
  // What is sought is this node: nobody need be asked.
  virtual bool is_self() const { return false; }

  Json result(const Bytes32& target) const {
    return {{"found", true}, {"kind", kind_}, {"key", nullptr}, {"target", to_hex(target)}};
  }
  void finish(Json object) {
    object["tookMs"] = ms_since(begun_);
    out_.result(object);
    out_.done();
  }

  Daemon& daemon_;
  std::string kind_;
  ReadyWait ready_;
  TimePoint begun_{};
};

// A peer, by a hello that one of its relays carries.
class FindPeer final : public Find {
 public:
  FindPeer(Daemon& daemon, Output& out, const PublicKey& key)
      : Find(daemon, out, "peer"), key_(key), target_(hash(key)), timer_(daemon.io()) {}
  ~FindPeer() override {
    if (hello_ != 0) greeter().cancel(now(), hello_);
    if (card_ != dht::QueryId{}) cards().cancel(now(), card_);
    daemon_.participant().changed();
  }

  void handle_deadline() override {
    if (ready_.is_waiting() || daemon_.participant().dht().table().empty()) {
      return out_.fail(no_contact_error(daemon_));
    }
    Operation::handle_deadline();
  }

 private:
  overlay::CardReader& cards() { return *daemon_.participant().hub().cards(); }
  overlay::Greeter& greeter() { return *daemon_.participant().hub().greeter(); }

  bool is_self() const override { return key_ == daemon_.identity().public_key; }

  void begin() override {
    if (is_self()) return found_self();
    listening_ = daemon_.participant().hub_events.listen([this](const overlay::HubEvent& event) {
      if (const auto* greeting = std::get_if<overlay::GreeterEvent>(&event)) handle(*greeting);
      if (const auto* read = std::get_if<overlay::CardRead>(&event)) handle(*read);
    });
    hello_ = greeter().greet(now(), key_);
    daemon_.participant().changed();
  }

  void handle(const overlay::GreeterEvent& event) {
    if (const auto* walk = std::get_if<overlay::WalkDone>(&event); walk && walk->id == hello_) {
      walk_ = walk->walk;
      if (done_) show();
    }
    if (const auto* done = std::get_if<overlay::HelloDone>(&event); done && done->id == hello_) {
      done_ = *done;
      if (walk_) return show();
      timer_.expires_after(kWaitForWalk);
      timer_.async_wait([this, alive = std::weak_ptr(alive_)](std::error_code error) {
        if (!error && !alive.expired()) show();
      });
    }
    const auto* failed = std::get_if<overlay::HelloFailed>(&event);
    if (failed && failed->id == hello_) seek_card(*failed);
  }

  // Whom no hello reaches may have stored a contact card.
  void seek_card(const overlay::HelloFailed& failed) {
    hello_ = 0;
    failed_ = failed;
    const bool unreached = failed.error == overlay::Errc::nobody_announces ||
                           failed.error == overlay::Errc::no_hello_answer;
    if (!unreached) return fail(failed);
    card_ = cards().read(now(), key_);
    daemon_.participant().changed();
  }

  void handle(const overlay::CardRead& read) {
    if (read.id != card_) return;
    card_ = {};
    if (read.candidates.empty()) return fail(*failed_);
    auto object = result(target_);
    add_key(object, key_);
    object["addresses"] = texts_of(read.candidates);
    object["relays"] = texts_of(failed_->relays);
    object["hello"] = {{"ok", false}, {"peer", "cipnode"}, {"transport", transport(true)}};
    object["card"] = {{"untilMs", read.card->until(now()).value}};
    object["hops"] = Json::array();
    object["requests"] = 0;
    if (walk_) add_walk(object, *walk_);
    finish(std::move(object));
  }

  // find does not dial: what a peer offers is carried only if there is a stream with it already.
  std::string_view transport(bool offered) const {
    if (const auto stream = daemon_.participant().hub().stream_to(key_)) {
      return name_of(stream->remote.kind);
    }
    return offered ? "offered" : "none";
  }
  // A stock peer that answers takes streams over UDX, and nothing else.
  bool is_offered() const {
    const auto own = daemon_.options().transport;
    const bool tcp = own != Transport::udx && !done_->offered.empty();
    const bool ours = done_->kind == overlay::PeerKind::cipnode;
    return tcp || (own != Transport::tcp && !ours);
  }

  void show() {
    auto object = result(target_);
    add_key(object, key_);
    const bool ours = done_->kind == overlay::PeerKind::cipnode;
    object["addresses"] = texts_of(done_->offered);
    object["relays"] = texts_of(done_->relays);
    object["hello"] = {{"ok", true},
                       {"peer", ours ? "cipnode" : "stock"},
                       {"transport", transport(is_offered())},
                       {"via", to_string(done_->via)},
                       {"rttMs", to_ms(done_->rtt)}};
    object["hops"] = Json::array();
    object["requests"] = 0;
    if (walk_) add_walk(object, *walk_);
    hello_ = 0;
    finish(std::move(object));
  }

  void found_self() {
    auto object = result(target_);
    add_key(object, key_);
    object["self"] = true;
    object["addresses"] = texts_of(daemon_.participant().tcp_endpoints());
    object["relays"] = texts_of(daemon_.participant().announcer().relay_addresses());
    object["hops"] = Json::array();
    object["requests"] = 0;
    finish(std::move(object));
  }

  void fail(const overlay::HelloFailed& failed) {
    const auto name = to_z32(key_);
    if (failed.error == overlay::Errc::nobody_announces) {
      return out_.fail({ExitCode::not_found, fmt::format("nobody announces the key {}", name),
                        "check the key, and that its node has joined this overlay"});
    }
    if (failed.error == overlay::Errc::no_hello_answer) {
      return out_.fail({ExitCode::no_route,
                        fmt::format("the peer {} is announced but does not answer", name),
                        "it may have just left, or be unreachable from here"});
    }
    if (failed.error == overlay::Errc::no_node_answered)
      return out_.fail(no_contact_error(daemon_));
    if (failed.error == overlay::StreamErrc::bad_point) {
      return out_.fail({ExitCode::usage,
                        fmt::format("{} is no public key that a peer can have", name),
                        "for a feed use --feed, for a topic --topic, for a node id --node"});
    }
    auto error = error_from(failed.error, fmt::format("greeting {}", name));
    if (error.hint.empty()) error.hint = "see: cipnode doctor";
    out_.fail(std::move(error));
  }

  PublicKey key_;
  Bytes32 target_;
  overlay::HelloId hello_ = 0;
  std::optional<overlay::HelloDone> done_;
  std::optional<overlay::HelloFailed> failed_;
  dht::QueryId card_{};
  std::optional<dht::QueryDone> walk_;
  asio::steady_timer timer_;
  Listeners<overlay::HubEvent>::Listening listening_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

// Whoever announces a target, or the nodes closest to it.
class FindTarget final : public Find {
 public:
  FindTarget(Daemon& daemon, Output& out, std::string kind, const Bytes32& target, Json shown)
      : Find(daemon, out, std::move(kind)), target_(target), shown_(std::move(shown)) {}
  ~FindTarget() override { daemon_.participant().unwatch(query_); }

  void handle_deadline() override {
    if (ready_.is_waiting()) return out_.fail(no_contact_error(daemon_));
    Operation::handle_deadline();
  }

 private:
  void begin() override {
    auto& participant = daemon_.participant();
    query_ = kind_ == "node"   ? participant.dht().find_node(now(), target_)
             : kind_ == "peer" ? participant.dht().find_peer(now(), target_)
                               : participant.dht().lookup(now(), target_);
    participant.watch(query_, [this](const dht::Event& event) {
      if (const auto* reply = std::get_if<dht::QueryReply>(&event)) take(*reply);
      if (const auto* done = std::get_if<dht::QueryDone>(&event)) finish_query(*done);
    });
    participant.changed();
  }

  void take(const dht::QueryReply& reply) {
    if (kind_ == "peer") {
      if (const auto peer = dht::decode_peer(reply.value)) {
        peers_[peer->public_key].push_back(reply.from);
      }
      return;
    }
    const auto decoded = dht::decode_lookup_reply(reply.value);
    if (!decoded) return;
    for (const auto& peer : decoded->peers) {
      auto& relays = peers_[peer.public_key];
      relays.insert(relays.end(), peer.relay_addresses.begin(), peer.relay_addresses.end());
    }
  }

  void finish_query(const dht::QueryDone& done) {
    query_ = {};
    if (done.answers == 0 && peers_.empty()) return out_.fail(no_contact_error(daemon_));
    if (kind_ != "node" && peers_.empty()) {
      return out_.fail({ExitCode::not_found, fmt::format("nobody announces this {}", kind_),
                        "check the name, and that those who have it joined this overlay"});
    }
    auto object = result(target_);
    object.update(shown_);
    if (kind_ == "node") {
      add_nodes(object, done);
    } else if (kind_ == "peer") {
      object["addresses"] = Json::array();
      object["relays"] = texts_of(peers_.begin()->second);
    } else {
      add_peers(object);
    }
    add_walk(object, done);
    finish(std::move(object));
  }

  void add_nodes(Json& object, const dht::QueryDone& done) const {
    object["nodes"] = Json::array();
    for (const auto& contact : done.closest) {
      object["nodes"].push_back({{"node", to_hex(contact.id.bytes)},
                                 {"address", to_string(contact.endpoint)},
                                 {"sharedBits", shared_bits_with(contact, target_)}});
    }
  }

  void add_peers(Json& object) const {
    object["peers"] = Json::array();
    for (const auto& [key, relays] : peers_) {
      object["peers"].push_back({{"key", to_z32(key)}, {"relays", texts_of(relays)}});
    }
  }

  Bytes32 target_;
  Json shown_;
  dht::QueryId query_{};
  std::map<PublicKey, std::vector<Endpoint>> peers_;
};

Outcome<std::unique_ptr<Operation>> make_find(Daemon& daemon, const Request& request, Output& out) {
  Params params(request.params);
  const auto id = params.required_text("id");
  const auto kind = params.text("kind", "peer");
  const bool hello = params.flag("hello", true);
  if (params.error()) return tl::unexpected(*params.error());
  if (kind == "topic") {
    const auto topic = parse_topic(id);
    if (!topic) return tl::unexpected(topic.error());
    return std::make_unique<FindTarget>(daemon, out, kind, topic->id, Json{{"topic", topic->text}});
  }
  const auto key = parse_key(id);
  if (!key) {
    return fail_with(ExitCode::usage, fmt::format("\"{}\" is not a key", id),
                     "keys are 52 letters of z-base-32, 64 hex digits, hyper://... or pear://...");
  }
  Json shown = Json::object();
  add_key(shown, *key);
  if (kind == "feed") {
    return std::make_unique<FindTarget>(daemon, out, kind, discovery_key(*key), shown);
  }
  if (kind == "node") {
    return std::make_unique<FindTarget>(daemon, out, kind, *key, Json{{"key", nullptr}});
  }
  if (!hello) return std::make_unique<FindTarget>(daemon, out, kind, hash(*key), shown);
  return std::make_unique<FindPeer>(daemon, out, *key);
}

}  // namespace

void add_find_handlers(HandlerTable& table) { table["find"] = make_find; }

}  // namespace cip::node
