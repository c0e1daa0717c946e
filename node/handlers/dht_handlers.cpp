// lookup, announce, put, get, size: the DHT's own operations.

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "base/text.hpp"
#include "dht/payloads.hpp"
#include "dht/republisher.hpp"
#include "dht/routing_table.hpp"
#include "dht/signatures.hpp"
#include "dht/size_estimator.hpp"
#include "node/clock.hpp"
#include "node/feed_loader.hpp"
#include "node/handlers/handlers.hpp"
#include "node/handlers/walk.hpp"
#include "node/participant.hpp"
#include "node/store_error.hpp"
#include "node/topic_library.hpp"

namespace cip::node {

namespace {

// 64 hex digits, `topic:NAME` or `feed:KEY`.
Outcome<Bytes32> parse_target(const std::string& text) {
  if (text.starts_with("feed:")) {
    const auto key = parse_key(text.substr(5));
    if (key) return discovery_key(*key);
  } else if (text.starts_with("topic:")) {
    const auto topic = parse_topic(parse_key(text.substr(6)) ? text : text.substr(6));
    if (topic) return topic->id;
  } else if (const auto bytes = from_hex(text); bytes && bytes->size() == 32) {
    return first_bytes<32>(*bytes);
  }
  return fail_with(ExitCode::usage, fmt::format("\"{}\" is not a target", text),
                   "a target is 64 hex digits, topic:NAME or feed:KEY");
}

// One query, begun when the node knows somebody.
class QueryOperation : public Operation {
 public:
  QueryOperation(Daemon& daemon, Output& out) : Operation(out), daemon_(daemon), ready_(daemon) {}
  ~QueryOperation() override { daemon_.participant().unwatch(query_); }

  void start() final {
    begun_ = now().mono;
    ready_.wait([this] { begin_if_anybody(); });
  }
  void handle_deadline() override {
    if (ready_.is_waiting() || !daemon_.has_contact()) {
      return out_.fail(no_contact_error(daemon_));
    }
    Operation::handle_deadline();
  }

 protected:
  virtual Result<dht::QueryId> ask(dht::Node& node) = 0;
  virtual void take(const dht::QueryReply&) {}
  virtual void finish(const dht::QueryDone& done) = 0;

  double took_ms() const { return ms_since(begun_); }
  // Asks once more: what ask() asks for has changed.
  void ask_again() { begin(); }

  Daemon& daemon_;

 private:
  // A node without contacts is the first of its network, and asks itself.
  void begin_if_anybody() {
    if (nobody_answers(daemon_)) return out_.fail(no_contact_error(daemon_));
    begin();
  }

  void begin() {
    auto& participant = daemon_.participant();
    const auto query = ask(participant.dht());
    if (!query) return out_.fail(error_from(query.error(), "asking the DHT"));
    query_ = *query;
    participant.watch(query_, [this](const dht::Event& event) {
      if (const auto* reply = std::get_if<dht::QueryReply>(&event)) take(*reply);
      if (const auto* done = std::get_if<dht::QueryDone>(&event)) {
        query_ = {};
        finish(*done);
      }
    });
    participant.changed();
  }

  ReadyWait ready_;
  TimePoint begun_{};
  dht::QueryId query_{};
};

// Peers named by more nodes come first: what a storing node says is not signed, and one that
// invents peers is alone with them (dht.md 20, 10).
class Lookup final : public QueryOperation {
 public:
  Lookup(Daemon& daemon, Output& out, const Bytes32& target)
      : QueryOperation(daemon, out), target_(target) {}

 private:
  struct Found {
    PublicKey key{};
    std::vector<Endpoint> relays;
    std::vector<Endpoint> from;
  };

  Result<dht::QueryId> ask(dht::Node& node) override { return node.lookup(now(), target_); }

  void take(const dht::QueryReply& reply) override {
    const auto decoded = dht::decode_lookup_reply(reply.value);
    if (!decoded) return;
    for (const auto& peer : decoded->peers) {
      auto known = std::ranges::find(found_, peer.public_key, &Found::key);
      if (known == found_.end()) {
        known = found_.insert(known, {peer.public_key, peer.relay_addresses, {}});
      }
      known->from.push_back(reply.from);
    }
  }

  void finish(const dht::QueryDone& done) override {
    if (found_.empty()) {
      if (done.answers == 0) return out_.fail(no_contact_error(daemon_));
      return out_.fail({ExitCode::not_found, "nobody announces this target",
                        "check the target, and that those who announce it joined this overlay"});
    }
    std::ranges::stable_sort(found_, std::greater{},
                             [](const Found& peer) { return peer.from.size(); });
    for (const auto& peer : found_) {
      auto relays = Json::array();
      for (const auto relay : peer.relays) relays.push_back(to_string(relay));
      out_.result({{"key", to_z32(peer.key)},
                   {"relays", std::move(relays)},
                   {"from", to_string(peer.from.front())},
                   {"namedBy", peer.from.size()},
                   {"tookMs", took_ms()}});
    }
    out_.done();
  }

  Bytes32 target_;
  std::vector<Found> found_;
};

std::size_t accepted(const dht::QueryDone& done) {
  std::size_t count = done.stored_here ? 1 : 0;
  for (const auto& stored : done.stored) count += stored.error == 0;
  return count;
}

class Announce final : public QueryOperation {
 public:
  Announce(Daemon& daemon, Output& out, const Bytes32& target)
      : QueryOperation(daemon, out), target_(target) {}

 private:
  Result<dht::QueryId> ask(dht::Node& node) override {
    auto& participant = daemon_.participant();
    return node.announce(now(), target_, daemon_.identity(),
                         participant.announcer().relay_addresses());
  }
  void finish(const dht::QueryDone& done) override {
    if (done.error) {
      return out_.fail(done.answers == 0 ? no_contact_error(daemon_)
                                         : error_from(done.error, "announcing the target"));
    }
    // From here on the node keeps it announced.
    daemon_.participant().announcer().announce(now(), target_, daemon_.identity());
    daemon_.participant().changed();
    out_.result({{"target", to_hex(target_)}, {"stored", accepted(done)}, {"tookMs", took_ms()}});
    out_.done();
  }

  Bytes32 target_;
};

// Why nobody stored it, as far as those who answered agree.
Error not_stored_error(const Daemon& daemon, const dht::QueryDone& done) {
  const auto all = [&](dht::ReplyError error) {
    return !done.stored.empty() && std::ranges::all_of(done.stored, [&](const dht::Stored& node) {
      return node.error == static_cast<std::uint64_t>(error);
    });
  };
  if (all(dht::ReplyError::sequence_too_low)) {
    return {ExitCode::conflict, "a value with a higher sequence number is stored",
            "read it with: cipnode get KEY; then put with a higher --seq, or without --seq"};
  }
  if (all(dht::ReplyError::sequence_reused)) {
    return {ExitCode::conflict, "another value with this sequence number is stored",
            "put with a higher --seq, or without --seq"};
  }
  if (done.answers == 0 && !done.stored_here) return no_contact_error(daemon);
  return error_from(done.error, "storing the value");
}

bool is_sequence_error(const dht::Stored& node) {
  return node.error == static_cast<std::uint64_t>(dht::ReplyError::sequence_too_low) ||
         node.error == static_cast<std::uint64_t>(dht::ReplyError::sequence_reused);
}

// What a put stores. Of a mutable value without a number of its user `signer` is set: its number is
// the time, but always beyond the last one that is known, so that a clock which was set back keeps
// nobody from putting.
struct Wanted {
  dht::OwnValue value;
  std::optional<KeyPair> signer{};
};

class Put final : public QueryOperation {
 public:
  Put(Daemon& daemon, Output& out, Wanted wanted)
      : QueryOperation(daemon, out),
        value_(std::move(wanted.value)),
        signer_(std::move(wanted.signer)) {}

 private:
  // Somebody else may put under the same key meanwhile, but not for ever.
  static constexpr unsigned kMaxLooks = 3;

  Result<dht::QueryId> ask(dht::Node& node) override {
    if (looking_) return node.get_mutable(now(), value_.signed_put->public_key, 0);
    if (value_.signed_put) return node.put_signed(now(), *value_.signed_put);
    return node.put_immutable(now(), value_.immutable);
  }
  void take(const dht::QueryReply& reply) override {
    if (!looking_) return;
    const auto found = dht::decode_mutable_value(reply.value);
    if (found) highest_ = std::max(highest_, found->seq);
  }
  void finish(const dht::QueryDone& done) override {
    if (looking_) return put_beyond();
    if (signer_ && looks_ < kMaxLooks && std::ranges::any_of(done.stored, is_sequence_error)) {
      return look();
    }
    if (done.error) return out_.fail(not_stored_error(daemon_, done));
    daemon_.keep_own_value(value_);
    show(done);
  }

  // Nodes hold a higher number, be it some of them: readers would go on getting that value.
  void look() {
    ++looks_;
    looking_ = true;
    highest_ = value_.signed_put->signed_value.seq;
    ask_again();
  }
  void put_beyond() {
    looking_ = false;
    if (highest_ >= kMaxSafeUint) {
      return out_.fail({ExitCode::conflict, "the stored value has the highest sequence number",
                        "put under another name: --key NAME"});
    }
    auto& last = value_.signed_put->signed_value;
    value_.signed_put = dht::sign_mutable(highest_ + 1, std::move(last.value), *signer_);
    ask_again();
  }

  void show(const dht::QueryDone& done) {
    Json object{{"hash", to_hex(done.target)}};
    if (value_.signed_put) {
      add_key(object, value_.signed_put->public_key);
      object["seq"] = value_.signed_put->signed_value.seq;
    }
    const auto stored = accepted(done);
    object["stored"] = stored;
    object["refused"] = done.stored.size() + (done.stored_here ? 1 : 0) - stored;
    object["tookMs"] = took_ms();
    out_.result(object);
    out_.done();
  }

  dht::OwnValue value_;
  std::optional<KeyPair> signer_;
  bool looking_ = false;
  unsigned looks_ = 0;
  std::uint64_t highest_ = 0;
};

// An immutable value by its hash, a mutable one by its key. 64 hex digits can be either: then the
// mutable value is looked for when nobody has an immutable one.
class Get final : public QueryOperation {
 public:
  enum class What : std::uint8_t { by_key, by_hash, either };

  Get(Daemon& daemon, Output& out, const Bytes32& target, What what)
      : QueryOperation(daemon, out), target_(target), what_(what) {}

 private:
  Result<dht::QueryId> ask(dht::Node& node) override {
    if (what_ == What::by_key) return node.get_mutable(now(), target_, 0);
    return node.get_immutable(now(), target_);
  }
  void take(const dht::QueryReply& reply) override {
    if (what_ != What::by_key) {
      if (!best_) best_ = Found{reply.value, std::nullopt, reply.from};
      return;
    }
    const auto value = dht::decode_mutable_value(reply.value);
    if (value && (!best_ || value->seq > best_->seq)) {
      best_ = Found{value->value, value->seq, reply.from};
    }
  }
  void finish(const dht::QueryDone& done) override {
    if (!best_ && done.answers == 0) return out_.fail(no_contact_error(daemon_));
    if (!best_ && what_ == What::either) {
      what_ = What::by_key;
      return ask_again();
    }
    if (!best_) {
      return out_.fail({ExitCode::not_found, "nobody holds this value",
                        "values are kept for two days after they were last put"});
    }
    Json object;
    if (is_utf8(best_->value)) {
      object["value"] = text_of(best_->value);
    } else {
      object["valueBase64"] = to_base64(best_->value);
    }
    object["seq"] = best_->seq ? Json(*best_->seq) : Json(nullptr);
    object["from"] = to_string(best_->from);
    object["tookMs"] = took_ms();
    out_.result(object);
    out_.done();
  }

  struct Found {
    Bytes value;
    std::optional<std::uint64_t> seq;
    Endpoint from;
  };
  Bytes32 target_;
  What what_;
  std::optional<Found> best_;
};

// Walks to random targets until there are enough samples for a fair interval.
class Size final : public Operation {
 public:
  static constexpr std::size_t kWalks = 8;

  Size(Daemon& daemon, Params&, Output& out) : Operation(out), daemon_(daemon), ready_(daemon) {}
  ~Size() override { daemon_.participant().unwatch(query_); }

  void start() override {
    ready_.wait([this] {
      if (nobody_answers(daemon_)) return out_.fail(no_contact_error(daemon_));
      walk();
    });
  }

 private:
  void walk() {
    auto& participant = daemon_.participant();
    if (walks_++ == kWalks) return show();
    query_ = participant.dht().find_node(now(), daemon_.random().bytes<32>());
    participant.watch(query_, [this](const dht::Event& event) {
      const auto* done = std::get_if<dht::QueryDone>(&event);
      if (!done) return;
      query_ = {};
      if (done->answers == 0) return out_.fail(no_contact_error(daemon_));
      walk();
    });
    participant.changed();
  }

  void show() {
    const auto* estimator = daemon_.participant().dht().size_estimator();
    const auto density = estimator ? estimator->density() : std::nullopt;
    if (!density) return out_.fail(no_contact_error(daemon_));
    const auto robust = estimator->robust();
    out_.result({{"estimate", density->nodes},
                 {"low", density->low},
                 {"high", density->high},
                 {"samples", density->samples},
                 {"robust", robust ? Json(robust->nodes) : Json(nullptr)}});
    out_.done();
  }

  Daemon& daemon_;
  ReadyWait ready_;
  std::size_t walks_ = 0;
  dht::QueryId query_{};
};

template <typename T>
Factory with_target() {
  return [](Daemon& daemon, const Request& request,
            Output& out) -> Outcome<std::unique_ptr<Operation>> {
    Params params(request.params);
    const auto target = parse_target(params.required_text("target"));
    if (params.error()) return tl::unexpected(*params.error());
    if (!target) return tl::unexpected(target.error());
    return std::make_unique<T>(daemon, out, *target);
  };
}

// The time, or one more than what this node put last, which a clock set back may be behind.
std::uint64_t next_seq(Daemon& daemon, const PublicKey& key) {
  const auto known = daemon.participant().republisher().known_seq(dht::target_of_key(key));
  return std::min(std::max(now().wall.value, known ? *known + 1 : 0), kMaxSafeUint);
}

Outcome<std::unique_ptr<Operation>> make_put(Daemon& daemon, const Request& request, Output& out) {
  Params params(request.params);
  const auto text = params.text("value");
  const auto base64 = params.text("valueBase64");
  const auto seq = params.number("seq");
  const auto name = params.text("key");
  if (params.error()) return tl::unexpected(*params.error());
  auto value = to_bytes(bytes_of(text));
  if (!base64.empty()) {
    auto decoded = from_base64(base64);
    if (!decoded) return fail_with(ExitCode::usage, "valueBase64 is not base64", "");
    value = std::move(*decoded);
  }
  if (value.size() > dht::kMaxOwnValueSize) {
    return fail_with(
        ExitCode::usage,
        fmt::format("the value has {} bytes, more than {}", value.size(), dht::kMaxOwnValueSize),
        "a feed holds any amount: cipnode feed create NAME");
  }
  Wanted wanted;
  if (name.empty()) {
    wanted.value.immutable = std::move(value);
  } else {
    const auto key = daemon.record_key(name);
    wanted.value.signed_put =
        dht::sign_mutable(seq.value_or(next_seq(daemon, key.public_key)), std::move(value), key);
    if (!seq) wanted.signer = key;
  }
  return std::make_unique<Put>(daemon, out, std::move(wanted));
}

Outcome<std::unique_ptr<Operation>> make_get(Daemon& daemon, const Request& request, Output& out) {
  Params params(request.params);
  const auto text = params.required_text("target");
  if (params.error()) return tl::unexpected(*params.error());
  const bool is_hash = text.starts_with("hash:");
  const auto hex = from_hex(is_hash ? text.substr(5) : text);
  if (hex && hex->size() == 32) {
    return std::make_unique<Get>(daemon, out, first_bytes<32>(*hex),
                                 is_hash ? Get::What::by_hash : Get::What::either);
  }
  const auto key = parse_key(text.starts_with("key:") ? text.substr(4) : text);
  if (key) return std::make_unique<Get>(daemon, out, *key, Get::What::by_key);
  return fail_with(ExitCode::usage, fmt::format("\"{}\" is neither a hash nor a key", text),
                   "a hash is 64 hex digits; a key is z32 or hex");
}

}  // namespace

void add_dht_handlers(HandlerTable& table) {
  table["lookup"] = with_target<Lookup>();
  table["announce"] = with_target<Announce>();
  table["put"] = make_put;
  table["get"] = make_get;
  table["size"] = factory_of<Size>();
}

}  // namespace cip::node
