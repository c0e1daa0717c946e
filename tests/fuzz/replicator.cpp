// Two replicators of one feed with the input between them: it says which message is delivered,
// changed, lost or made up, when time passes, streams are full and connections break. Whatever
// happens, the reader holds blocks of the writer under a tree that the writer signed.

#include <deque>
#include <set>

#include "base/assert.hpp"
#include "overlay/replicator.hpp"
#include "store/memory_backend.hpp"

namespace {

using namespace cip;
using namespace cip::overlay;

constexpr std::uint64_t kBlocks = 24;
constexpr std::size_t kMaxSteps = 400;

Bytes block(std::uint64_t index) { return Bytes(index * 7 % 23, static_cast<std::uint8_t>(index)); }

struct Message {
  std::uint32_t type = 0;
  Bytes payload;
};

class Side final : public Streams {
 public:
  Side(const Bytes32& key, std::optional<store::Manifest> manifest)
      : feed(open(key, std::move(manifest))), replicator(feed, *this, budget) {}

  ChannelId open_channel(ConnId, std::string_view, ByteView, ByteView) override { return 0; }
  void reject_channel(ConnId, ChannelId) override {}
  void send(ConnId, ChannelId, std::uint32_t type, ByteView payload) override {
    sent.push_back({type, to_bytes(payload)});
  }
  void send(ConnId, ChannelId channel, std::uint32_t type, ByteView head, ByteView tail) override {
    auto payload = to_bytes(head);
    append(payload, tail);
    send(conn, channel, type, payload);
  }
  void close_channel(ConnId, ChannelId) override { peer = 0; }
  void destroy(ConnId, std::string_view why, std::error_code) override { CIP_ASSERT(!why.empty()); }
  bool is_writable(ConnId) const override { return !is_full; }
  void hold_reading(ConnId) override {}
  void release_reading(ConnId) override {}

  void connect(Now now) {
    if (peer != 0) replicator.remove_peer(now, peer);
    sent.clear();
    peer = replicator.add_peer(now, ++conn, 1);
    settle(now);
  }

  void receive(Now now, const Message& message) {
    if (peer == 0) return;
    // False ends the stream.
    if (!replicator.handle_message(now, peer, message.type, message.payload)) connect(now);
    settle(now);
  }

  void settle(Now now) {
    for (bool any = true; any;) {
      any = false;
      replicator.flush(now);
      while (auto op = feed.poll_store_op()) {
        any = true;
        store::StoreResult result;
        if (const auto* read = std::get_if<store::ReadOp>(&op->op)) {
          result = backend.read(*read);
        } else {
          CIP_ASSERT(backend.commit(*std::get<store::CommitPtr>(op->op)).has_value());
        }
        feed.handle_store_done(op->id, std::move(result));
        replicator.note_room();
      }
      while (auto event = feed.poll_event()) {
        any = true;
        if (replicator.handle_feed_event(now, *event)) continue;
        if (const auto* read = std::get_if<store::BlockRead>(&*event)) last_read = read->value;
      }
      while (replicator.poll_event()) {
      }
    }
  }

  store::Feed open(const Bytes32& key, std::optional<store::Manifest> manifest) {
    store::FeedRecord record;
    record.key = key;
    store::Backend& store = backend;
    const auto made = store.create_feed(record, std::move(manifest)).value();
    return store::Feed::open(store.load_feed(made.number).value()).value();
  }

  SeededRandom random{1};
  store::MemoryBackend backend{random};
  store::Feed feed;
  FetchBudget budget;
  Replicator replicator;
  std::deque<Message> sent;
  PeerNumber peer = 0;
  ConnId conn = 0;
  bool is_full = false;
  std::optional<Result<Bytes>> last_read;
};

class Input {
 public:
  explicit Input(ByteView bytes) : bytes_(bytes) {}
  bool empty() const { return bytes_.empty(); }
  std::uint8_t byte() {
    if (bytes_.empty()) return 0;
    const auto first = bytes_[0];
    bytes_ = bytes_.subspan(1);
    return first;
  }
  ByteView take(std::size_t n) {
    const auto out = bytes_.first(std::min(n, bytes_.size()));
    bytes_ = bytes_.subspan(out.size());
    return out;
  }

 private:
  ByteView bytes_;
};

struct World {
  World() {
    CIP_ASSERT(init_crypto());
    key = make_key_pair(Seed{1});
    manifest = store::single_signer_manifest(key.public_key);
  }
  KeyPair key;
  store::Manifest manifest;
};

class Game {
 public:
  explicit Game(const World& world)
      : world_(world),
        writer_(store::manifest_key(world.manifest), world.manifest),
        reader_(store::manifest_key(world.manifest), std::nullopt) {
    writer_.replicator.set_keep_open(true);
    grow(kBlocks / 2);
    reader_.replicator.download(now_, {.start = 0, .end = {}, .follow = true});
    connect();
  }

  void step(Input& input) {
    const auto what = input.byte();
    auto& to = (what & 8) != 0 ? reader_ : writer_;
    auto& from = (what & 8) != 0 ? writer_ : reader_;
    switch (what & 7) {
      case 0:
      case 1:
        return deliver(from, to, {});
      case 2:
        return deliver(from, to, input.take(16));
      case 3:
        if (!from.sent.empty()) from.sent.pop_front();
        return;
      case 4: {
        const std::uint32_t type = input.byte() % 11;
        const std::size_t size = input.byte();
        return to.receive(now_, {type, to_bytes(input.take(size))});
      }
      case 5:
        return pass(input.byte());
      case 6:
        if (input.byte() < 40) return connect();
        to.is_full = !to.is_full;
        to.replicator.note_room();
        return to.settle(now_);
      default:
        return change(input.byte());
    }
  }

  void check() {
    CIP_ASSERT(reader_.feed.length() == 0 || trees_.contains(reader_.feed.tree_hash()));
    for (std::uint64_t i = 0; i < reader_.feed.length(); ++i) {
      if (!reader_.feed.has(i)) continue;
      reader_.last_read.reset();
      reader_.feed.read(i);
      reader_.settle(now_);
      CIP_ASSERT(reader_.last_read.has_value());
      CIP_ASSERT(*reader_.last_read == block(i));
    }
    CIP_ASSERT(!reader_.feed.is_frozen());
    CIP_ASSERT(!writer_.feed.is_frozen());
  }

 private:
  void grow(std::uint64_t by) {
    std::vector<Bytes> blocks;
    const auto length = writer_.feed.length();
    for (auto i = length; i < std::min(length + by, kBlocks); ++i) blocks.push_back(block(i));
    CIP_ASSERT(writer_.feed.append(std::move(blocks), world_.key).has_value());
    writer_.settle(now_);
    trees_.insert(writer_.feed.tree_hash());
  }
  void connect() {
    writer_.connect(now_);
    reader_.connect(now_);
  }
  void deliver(Side& from, Side& to, ByteView changes) {
    if (from.sent.empty()) return;
    auto message = std::move(from.sent.front());
    from.sent.pop_front();
    for (std::size_t i = 0; i < changes.size() && i < message.payload.size(); ++i) {
      message.payload[i] ^= changes[i];
    }
    to.receive(now_, message);
  }
  void pass(std::uint8_t steps) {
    now_.mono += std::chrono::milliseconds(100) * steps;
    for (auto* side : {&writer_, &reader_}) {
      const auto due = side->replicator.next_timeout();
      if (due && *due <= now_.mono) side->replicator.handle_timeout(now_);
      side->settle(now_);
    }
  }
  void change(std::uint8_t what) {
    if (what < 60) return grow(1 + what % 4);
    auto& side = what < 120 ? writer_ : reader_;
    const std::uint64_t start = what % kBlocks;
    if (side.feed.clear(start, start + 3)) {
      side.replicator.note_cleared(now_, start, start + 3);
    }
    side.settle(now_);
  }

  const World& world_;
  Now now_{TimePoint{std::chrono::hours(1)}, UnixMillis{1'700'000'000'000}};
  Side writer_;
  Side reader_;
  std::set<Bytes32> trees_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const World world;
  Game game(world);
  Input input(ByteView{data, size});
  for (std::size_t n = 0; n < kMaxSteps && !input.empty(); ++n) game.step(input);
  game.check();
  return 0;
}
