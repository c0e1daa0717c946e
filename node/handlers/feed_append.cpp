// feed.append: input becomes blocks of an own feed, durable before the answer.

#include <fmt/format.h>

#include "base/text.hpp"
#include "node/block_cutter.hpp"
#include "node/disk_keeper.hpp"
#include "node/handlers/feed_operation.hpp"
#include "node/length_check.hpp"
#include "node/store_error.hpp"
#include "overlay/replicator.hpp"
#include "store/proof.hpp"

namespace cip::node {

namespace {

// Appended and not durable yet; above it the input waits, so that memory does not grow with a disk
// that is slower than a pipe.
constexpr std::size_t kMaxAhead = 16 << 20;

class Append final : public FeedOperation {
 public:
  Append(Daemon& daemon, Params& params, Output& out)
      : FeedOperation(daemon, out), cutter_(rule_of(params)), peers_(params.texts("peer")) {
    query_.text = params.required_text("feed");
    query_.create = false;
  }

  void start() override { open(query_); }

  void handle_input(ByteView bytes) override {
    if (!begun_) return cip::append(early_, bytes);
    take(bytes);
  }
  void handle_input_end() override {
    ended_ = true;
    if (begun_) finish_input();
  }

 private:
  static CutRule rule_of(Params& params) {
    CutRule rule;
    rule.lines = params.flag("lines");
    if (const auto size = params.number("blockSize"))
      rule.block_size = std::max<std::size_t>(1, *size);
    rule.largest = store::kMaxBlockSize;
    return rule;
  }

  void opened() override {
    if (!known().signer) {
      return out_.fail({ExitCode::refused, "this home does not hold the secret of the feed",
                        "only the node that made a feed can append to it"});
    }
    const auto& record = known().record;
    const bool is_looked_for = peers_.empty() && !record.is_private && !record.topic;
    check_.emplace(daemon_, number(), peers_,
                   is_looked_for ? std::optional(record.discovery_key) : std::nullopt,
                   [this](Outcome<void> length) {
                     if (!length) return fail(std::move(length.error()));
                     begin();
                   });
  }

  void begin() {
    begun_ = true;
    start_ = target_ = feed().length();
    take(std::exchange(early_, {}));
    if (ended_) finish_input();
  }

  void take(ByteView bytes) {
    if (failed_) return;
    if (!append_all(cutter_.feed(bytes))) return;
    if (cutter_.is_too_large()) {
      return fail({ExitCode::usage,
                   fmt::format("a block has at most {} bytes (15 MiB); {} were appended before it",
                               store::kMaxBlockSize, appended_),
                   "cut the input with --lines or --block-size N"});
    }
    if (feed().uncommitted_bytes() < kMaxAhead) return out_.consumed(bytes.size());
    held_back_ += bytes.size();
  }

  bool append_all(std::vector<Bytes> blocks) {
    if (blocks.empty()) return true;
    std::uint64_t size = 0;
    for (const auto& block : blocks) size += block.size();
    if (auto may = daemon_.may_append(); !may) return fail(std::move(may.error())), false;
    if (auto room = daemon_.disk().admit(size); !room) return fail(std::move(room.error())), false;
    const auto count = blocks.size();
    const auto length = daemon_.feeds().append(number(), std::move(blocks));
    if (!length) return fail(error_from(length.error(), "appending to the feed")), false;
    target_ = *length;
    appended_ += count;
    bytes_ += size;
    return true;
  }

  void finish_input() {
    if (failed_ || !append_all(cutter_.finish())) return;
    finished_ = true;
    look();
  }

  void handle(const overlay::FeedNews& news) override {
    const auto* event = std::get_if<store::FeedEvent>(&news.what);
    if (!event || failed_) return;
    if (const auto* broken = std::get_if<store::StoreFailed>(event)) {
      auto error = error_from(broken->reason, "writing the feed");
      error.message += fmt::format("; {} blocks of the input are in it", feed().length() - start_);
      return fail(std::move(error));
    }
    if (!std::holds_alternative<store::Appended>(*event)) return;
    if (held_back_ > 0 && feed().uncommitted_bytes() < kMaxAhead) {
      out_.consumed(std::exchange(held_back_, 0));
    }
    look();
  }

  void look() {
    if (!finished_ || feed().length() < target_) return;
    finished_ = false;
    Json result{{"key", to_z32(feed().key())},
                {"length", feed().length()},
                {"appended", appended_},
                {"bytes", bytes_},
                {"treeHash", to_hex(feed().tree_hash())}};
    out_.result(result);
    out_.done();
  }

  void fail(Error error) {
    failed_ = true;
    out_.fail(std::move(error));
  }

  FeedQuery query_;
  BlockCutter cutter_;
  std::vector<std::string> peers_;
  std::optional<LengthCheck> check_;
  Bytes early_;  // input that came before the feed was open and its length was asked for
  std::size_t held_back_ = 0;
  std::uint64_t start_ = 0, target_ = 0;  // lengths before the input, and with all of it so far
  std::uint64_t appended_ = 0;
  std::uint64_t bytes_ = 0;
  bool begun_ = false;
  bool ended_ = false;
  bool finished_ = false;
  bool failed_ = false;
};

}  // namespace

void add_append_handlers(HandlerTable& table) { table["feed.append"] = factory_of<Append>(); }

}  // namespace cip::node
