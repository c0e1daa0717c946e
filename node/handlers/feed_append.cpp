// feed.append: input becomes blocks of an own feed, durable before the answer.

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <iterator>

#include "base/counted.hpp"
#include "base/text.hpp"
#include "node/block_cutter.hpp"
#include "node/continuation.hpp"
#include "node/disk_keeper.hpp"
#include "node/handlers/feed_operation.hpp"
#include "node/length_check.hpp"
#include "node/store_error.hpp"
#include "overlay/replicator.hpp"
#include "store/proof.hpp"
#include "store/rocksdb/memory_limit.hpp"

namespace cip::node {

namespace {

// Appended and not durable yet; above it the input waits, so that memory does not grow with a disk
// that is slower than a pipe. Fewer bytes at once are more syncs.
constexpr std::size_t kMostAppendAhead = 16 << 20;
constexpr std::size_t kLeastAppendAhead = 1 << 20;

class Append final : public FeedOperation {
 public:
  Append(Daemon& daemon, Params& params, Output& out)
      : FeedOperation(daemon, out),
        cutter_(rule_of(params)),
        peers_(params.texts("peer")),
        assumes_latest_(params.flag("assumeLatest")),
        appended_(params.number("hadBlocks").value_or(0)),
        durable_(appended_),
        bytes_(params.number("hadBytes").value_or(0)) {
    query_.text = params.required_text("feed");
    query_.create = false;
  }

  void start() override { open(query_); }

  void handle_input(ByteView bytes) override {
    if (moving_) return;
    if (!begun_) return cip::append(early_, bytes);
    take(bytes);
  }
  void handle_input_end() override {
    if (moving_) return;
    ended_ = true;
    if (begun_) finish_input();
  }
  // What is cut already stays; the rest is a part of a block, which nobody meant to append.
  void handle_input_error(Error error) override {
    if (moving_) return;
    input_error_ = std::move(error);
    ended_ = true;
    if (begun_) finish_input();
  }

  // What was cut is appended here; the rest of the input is for the other node.
  void handle_move() override {
    if (finished_ || failed_) return;
    moving_ = true;
    look();
  }

 private:
  static CutRule rule_of(Params& params) {
    CutRule rule;
    rule.lines = params.flag("lines");
    if (const auto size = params.number("blockSize"))
      rule.block_size = static_cast<std::size_t>(std::clamp<std::uint64_t>(*size, 1, SIZE_MAX));
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
    LengthCheckOptions options{.peers = peers_, .target = {}, .assumes_latest = assumes_latest_};
    if (is_looked_for) options.target = record.discovery_key;
    check_.emplace(daemon_.participant(), daemon_.feeds(), daemon_, number(), options,
                   [this](Outcome<void> length) {
                     if (!length) return fail(std::move(length.error()));
                     begin();
                   });
  }

  void begin() {
    if (moving_) return;
    begun_ = true;
    take(std::exchange(early_, {}));
    if (ended_) finish_input();
  }

  void take(ByteView bytes) {
    if (failed_ || stopped_) return;
    if (!append_all(cutter_.feed(bytes))) return;
    if (cutter_.is_too_large()) {
      return fail({ExitCode::usage,
                   fmt::format("a block has at most {} bytes (15 MiB); {} were appended before it",
                               store::kMaxBlockSize, appended_),
                   "cut the input with --lines or --block-size N"});
    }
    if (waiting_.empty() && feed().uncommitted_bytes() < ahead_) {
      return out_.consumed(bytes.size());
    }
    held_back_ += bytes.size();
  }

  bool append_all(std::vector<Bytes> blocks) {
    if (blocks.empty()) return true;
    if (!waiting_.empty() || is_being_cut()) {
      std::ranges::move(blocks, std::back_inserter(waiting_));
      return true;
    }
    std::uint64_t size = 0;
    for (const auto& block : blocks) size += block.size();
    if (auto may = daemon_.may_append(); !may) return stop_at(std::move(may.error())), false;
    if (auto room = daemon_.disk().admit(size); !room)
      return stop_at(std::move(room.error())), false;
    const auto count = blocks.size();
    const auto length = daemon_.feeds().append(number(), std::move(blocks));
    if (!length) return stop_at(error_from(length.error(), "appending to the feed")), false;
    appended_ += count;
    under_way_.push_back({*length, appended_});
    bytes_ += size;
    return true;
  }

  // Somebody cuts the feed: what comes is appended to what is left.
  bool is_being_cut() {
    const auto now_free = daemon_.feeds().append(number(), {});
    return !now_free && now_free.error() == store::Errc::overloaded;
  }

  void finish_input() {
    if (failed_ || stopped_ || (!input_error_ && !append_all(cutter_.finish()))) return;
    finished_ = true;
    look();
  }

  void handle(const overlay::FeedNews& news) override {
    const auto* event = std::get_if<store::FeedEvent>(&news.what);
    if (!event || failed_) return;
    if (const auto* broken = std::get_if<store::StoreFailed>(event)) {
      auto error = error_from(broken->reason, "writing the feed");
      error.message += fmt::format("; of the input it has {}", counted(durable_, "block"));
      return fail(std::move(error));
    }
    if (std::holds_alternative<store::Truncated>(*event) && !waiting_.empty()) {
      if (!append_all(std::exchange(waiting_, {}))) return;
      return look();
    }
    const auto* appended = std::get_if<store::Appended>(event);
    if (!appended) return;
    while (!under_way_.empty() && under_way_.front().length <= appended->length) {
      durable_ = under_way_.front().blocks;
      under_way_.pop_front();
    }
    if (held_back_ > 0 && feed().uncommitted_bytes() < ahead_) {
      out_.consumed(std::exchange(held_back_, 0));
    }
    look();
  }

  void look() {
    if (!under_way_.empty() || !waiting_.empty()) return;
    if (moving_ && !finished_) return hand_on();
    if (!finished_) return;
    finished_ = false;
    if (input_error_ && appended_ == 0) {
      input_error_->message += "; nothing was appended";
      return fail(std::move(*input_error_));
    }
    Json result{{"key", to_z32(feed().key())},
                {"length", feed().length()},
                {"appended", appended_},
                {"bytes", bytes_},
                {"treeHash", to_hex(feed().tree_hash())}};
    out_.result(result);
    if (!input_error_) return out_.done();
    input_error_->message += fmt::format("; before that {} went in", counted(appended_, "block"));
    fail(std::move(*input_error_));
  }

  // All that was appended is durable.
  void hand_on() {
    if (std::exchange(failed_, true)) return;
    if (held_back_ > 0) out_.consumed(std::exchange(held_back_, 0));
    cip::node::hand_on(out_, {{"appended", appended_}, {"bytes", bytes_}}, cutter_.part());
  }

  // No more of the input goes in. What is under way does first, so that the words say how much.
  void stop_at(Error error) {
    stopped_ = true;
    input_error_ = std::move(error);
    finished_ = true;
    look();
  }

  void fail(Error error) {
    if (std::exchange(failed_, true)) return;
    out_.fail(std::move(error));
  }

  FeedQuery query_;
  BlockCutter cutter_;
  std::vector<std::string> peers_;
  bool assumes_latest_;
  std::optional<LengthCheck> check_;
  Bytes early_;  // input that came before the feed was open and its length was asked for
  const std::size_t ahead_ = store::share_of_memory(kLeastAppendAhead, kMostAppendAhead);
  std::size_t held_back_ = 0;
  // Others append to the feed, and cut it, at the same time: what is durable of the input is told
  // by the feed's events alone, not by its length.
  struct UnderWay {
    std::uint64_t length = 0;  // of the feed with it
    std::uint64_t blocks = 0;  // of the input up to here
  };
  std::deque<UnderWay> under_way_;
  std::vector<Bytes> waiting_;  // blocks, until the feed was cut
  std::uint64_t appended_;      // blocks, with those of the node that handed this on
  std::uint64_t durable_;       // of these
  std::uint64_t bytes_;
  std::optional<Error> input_error_;
  bool begun_ = false;
  bool ended_ = false;
  bool finished_ = false;
  bool stopped_ = false;
  bool failed_ = false;  // or handed on
  bool moving_ = false;  // the node makes way: no more input is taken here
};

}  // namespace

void add_append_handlers(HandlerTable& table) { table["feed.append"] = factory_of<Append>(); }

}  // namespace cip::node
