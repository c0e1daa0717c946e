// Random graphs of holders of one feed: connections come and go, messages are lost, some peers lie,
// the writer appends and now and then rewrites its feed. Nothing wrong may be kept, no honest peer
// may be thrown out, and once the graph holds still all honest readers end equal to the writer.

#include <doctest/doctest.h>

#include "tests/unit/overlay/replicator_fixture.hpp"

using namespace cip;
using namespace cip::overlay;
using test::ReplicatorWorld;
using test::Side;

namespace {

class Model {
 public:
  explicit Model(std::uint64_t seed) : random_(seed) {
    writer_ = &world_.add_writer();
    honest_.push_back(writer_);
    const auto readers = 2 + random_.below(5);
    for (std::uint64_t i = 0; i < readers; ++i) add_reader(honest_, "reader");
    const auto liars = random_.below(3);
    for (std::uint64_t i = 0; i < liars; ++i) add_reader(liars_, "liar");
    loss_ = random_.below(15);
    world_.on_send = [&](Side& from, ReplicatorWorld::Message& message) {
      if (random_.below(1000) < loss_) return false;
      if (is_liar(from) && random_.below(3) == 0) lie(message);
      return true;
    };
    append(1 + random_.below(80));
  }

  void turn() {
    switch (random_.below(6)) {
      case 0:
      case 1:
        return connect();
      case 2:
        if (!links_.empty()) world_.disconnect(links_[random_.below(links_.size())]);
        return;
      case 3:
        return append(1 + random_.below(20));
      case 4:
        return world_.advance(std::chrono::milliseconds(random_.below(20000)));
      default:
        if (random_.below(6) == 0) rewrite();
        return world_.run(random_.below(400));
    }
  }

  // Every honest side hangs on one that is nearer to the writer.
  void heal() {
    for (const auto link : links_) world_.disconnect(link);
    world_.on_send = nullptr;
    for (std::size_t i = 1; i < honest_.size(); ++i) {
      world_.connect(*honest_[random_.below(i)], *honest_[i]);
    }
    for (int i = 0; i < 4; ++i) {
      world_.run();
      world_.advance(kStallTimeout);
    }
    world_.run();
  }

  void check() {
    for (auto* side : honest_) {
      CAPTURE(side->name);
      REQUIRE(side->feed.fork() == writer_->feed.fork());
      REQUIRE(side->feed.contiguous_length() == writer_->feed.length());
      CHECK(side->feed.tree_hash() == writer_->feed.tree_hash());
      CHECK_FALSE(side->feed.is_frozen());
      for (const auto& why : side->destroyed) {
        // Messages are lost here, and time passes in which none arrives.
        if (why == "feed peer that fell silent") continue;
        CHECK_MESSAGE(!liars_.empty(), "an honest peer was thrown out: ", why);
      }
    }
  }

 private:
  void add_reader(std::vector<Side*>& sides, const char* name) {
    auto& side = world_.add_reader(name + std::to_string(sides.size()));
    side.feed.allow_forks(true);
    side.replicator.download(
        world_.now,
        {.start = 0,
         .end = {},
         .follow = true,
         .order = random_.below(2) == 0 ? BlockOrder::linear : BlockOrder::rarest_first});
    sides.push_back(&side);
  }
  bool is_liar(const Side& side) const {
    return std::find(liars_.begin(), liars_.end(), &side) != liars_.end();
  }
  Side& any() {
    const auto n = random_.below(honest_.size() + liars_.size());
    return n < honest_.size() ? *honest_[n] : *liars_[n - honest_.size()];
  }
  void connect() {
    auto& a = any();
    auto& b = any();
    if (&a == &b) return;
    links_.push_back(world_.connect(a, b));
  }
  void append(std::uint64_t blocks) {
    std::vector<Bytes> values;
    for (std::uint64_t i = 0; i < blocks; ++i) {
      values.push_back(Bytes(random_.below(40), static_cast<std::uint8_t>(random_.next_u64())));
    }
    REQUIRE(writer_->feed.append(std::move(values), world_.key));
    writer_->settle();
  }
  void rewrite() {
    REQUIRE(writer_->feed.truncate(random_.below(writer_->feed.length() + 1), world_.key));
    writer_->settle();
    append(1 + random_.below(10));
  }
  void lie(ReplicatorWorld::Message& message) {
    if (message.type == FeedMessage::range) {
      message.payload = encode_range({0, 1000000, false});
    } else if (message.type == FeedMessage::sync) {
      auto sync = *decode_sync(message.payload);
      sync.length += 1 + random_.below(100);
      sync.can_upgrade = true;
      message.payload = encode_sync(sync);
    } else if (message.type == FeedMessage::data) {
      auto data = *decode_data(message.payload);
      if (data.proof.block && random_.below(2) == 0) {
        data.proof.block->value.push_back(7);
      } else if (data.proof.block && !data.proof.block->nodes.empty()) {
        data.proof.block->nodes[0].hash[0] ^= 1;
      } else if (data.proof.upgrade && !data.proof.upgrade->signature.empty()) {
        data.proof.upgrade->signature[9] ^= 1;
      }
      message.payload = encode_data(data.id, data.proof);
    }
  }

  SeededRandom random_;
  ReplicatorWorld world_;
  std::uint64_t loss_ = 0;
  Side* writer_ = nullptr;
  std::vector<Side*> honest_;
  std::vector<Side*> liars_;
  std::vector<ConnId> links_;
};

}  // namespace

TEST_CASE("in any graph, with liars, losses and forks, all honest readers end equal") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    Model model(seed);
    for (int turn = 0; turn < 80; ++turn) model.turn();
    model.heal();
    model.check();
  }
}
