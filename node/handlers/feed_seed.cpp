// feed.seed: feeds of others are kept and served from now on; with `listen` they are served on a
// port of their own, without the DHT, until the request ends.

#include <fmt/format.h>

#include <algorithm>
#include <asio/post.hpp>

#include "base/text.hpp"
#include "node/clock.hpp"
#include "node/disk_keeper.hpp"
#include "node/feed_library.hpp"
#include "node/handlers/handlers.hpp"
#include "node/named_peers.hpp"
#include "node/participant.hpp"
#include "node/port_pair.hpp"

namespace cip::node {

namespace {

class Seed final : public Operation {
 public:
  Seed(Daemon& daemon, Params& params, Output& out)
      : Operation(out),
        daemon_(daemon),
        names_(params.texts("feeds")),
        peers_(params.texts("peer")),
        listen_(params.text("listen")),
        once_(params.flag("once")) {}

  ~Seed() override {
    auto& participant = daemon_.participant();
    if (listener_) participant.tcp().stop_listening(*listener_);
  }

  void start() override {
    if (names_.empty()) return out_.fail({ExitCode::usage, "no feed was named", "name its key"});
    if (auto room = daemon_.disk().admit_some(); !room) return out_.fail(std::move(room.error()));
    open_next();
  }

 private:
  void open_next() {
    if (open_.size() == names_.size()) return listen_.empty() ? seed_next() : serve();
    FeedQuery query;
    query.text = names_[open_.size()];
    query.disk_class = store::DiskClass::kept;
    daemon_.feeds().open(std::move(query), command_,
                         [this, alive = std::weak_ptr(alive_)](Outcome<FeedUse> use) {
                           if (alive.expired()) return;
                           if (!use) return out_.fail(std::move(use.error()));
                           open_.push_back(std::move(*use));
                           open_next();
                         });
  }

  const Bytes32& key_of(store::FeedNumber number) const {
    return daemon_.feeds().find(number)->record.key;
  }

  void seed_next() {
    if (seeded_ == open_.size()) return end_when_dialled();
    const auto number = open_[seeded_++].number();
    dial_peers(number);
    if (daemon_.feeds().find(number)->record.writable) {
      out_.notice(
          fmt::format("{} is an own feed: it is served anyway while a node of this home runs",
                      to_z32(key_of(number))));
      return say_seeded(number);
    }
    daemon_.feeds().set_seeded(number, true,
                               [this, number, alive = std::weak_ptr(alive_)](Outcome<void> done) {
                                 if (alive.expired()) return;
                                 if (!done) return out_.fail(std::move(done.error()));
                                 say_seeded(number);
                               });
  }

  void say_seeded(store::FeedNumber number) {
    Json result = Json::object();
    add_key(result, key_of(number));
    out_.result(result);
    seed_next();
  }

  void dial_peers(store::FeedNumber number) {
    auto& named = dialled_.emplace_back(std::make_unique<NamedPeers>(
        daemon_.participant(), daemon_, daemon_.feeds().find(number)->record.discovery_key,
        [this](const DialledPeer& peer) {
          if (peer.dials.empty()) out_.notice(peer.problem);
          if (ends_when_dialled_) end_when_dialled();
        }));
    for (const auto& peer : peers_) named->dial(peer);
  }

  // Later, since this may be the answer of one of them.
  void end_when_dialled() {
    ends_when_dialled_ = true;
    if (std::ranges::any_of(dialled_, [](const auto& named) { return named->pending() > 0; })) {
      return;
    }
    asio::post(daemon_.io(), [this, alive = std::weak_ptr(alive_)] {
      if (!alive.expired()) out_.done();
    });
  }

  void serve() {
    const auto local = parse_endpoint(listen_);
    if (!local) {
      return out_.fail({ExitCode::usage, fmt::format("\"{}\" is not HOST:PORT", listen_),
                        "write a numeric IPv4 address and a port"});
    }
    auto acceptor = listen_tcp(daemon_.io(), *local);
    if (!acceptor) return out_.fail(std::move(acceptor.error()));
    const Endpoint bound{local->ip, acceptor->local_endpoint().port()};
    listener_ = daemon_.participant().tcp().listen(std::move(*acceptor));
    Json ready{{"event", "ready"}, {"tcp", to_string(bound)}, {"keys", Json::array()}};
    for (const auto& use : open_) {
      const auto number = use.number();
      served_.push_back(daemon_.feeds().serve(number));
      // Named peers are there to fetch from: what is not here yet is passed on as it comes.
      if (!peers_.empty()) daemon_.feeds().follow(number);
      dial_peers(number);
      ready["keys"].push_back(to_z32(key_of(number)));
      if (once_) end_after_first_reader(number);
    }
    out_.result(ready);
  }

  void end_after_first_reader(store::FeedNumber number) {
    news_.push_back(daemon_.feeds().watch(number, [this](const overlay::FeedNews& news) {
      if (!std::holds_alternative<overlay::FeedPeerLeft>(news.what)) return;
      if (!std::exchange(had_reader_, true)) out_.done();
    }));
  }

  Daemon& daemon_;
  std::vector<std::string> names_, peers_;
  std::string listen_;
  bool once_;
  bool had_reader_ = false;
  std::vector<FeedUse> open_;
  std::vector<Hold> served_;
  std::vector<std::unique_ptr<NamedPeers>> dialled_;
  bool ends_when_dialled_ = false;
  std::size_t seeded_ = 0;
  std::optional<std::size_t> listener_;
  std::vector<FeedLibrary::News::Listening> news_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace

void add_seed_handlers(HandlerTable& table) { table["feed.seed"] = factory_of<Seed>(); }

}  // namespace cip::node
