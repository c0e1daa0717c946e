// feed.follow: blocks of a feed as they come, for ever.

#include <fmt/format.h>

#include <asio/steady_timer.hpp>
#include <deque>

#include "base/counted.hpp"
#include "base/crypto.hpp"
#include "base/text.hpp"
#include "node/block_stream.hpp"
#include "node/handlers/fetch.hpp"

namespace cip::node {

namespace {

// What was put out lately, so that blocks which a new history shares with the old one are not put
// out twice: a reader of the new one knows only roughly where the two part.
class PutOut {
 public:
  void add(std::uint64_t index, ByteView block) {
    if (index != first_ + hashes_.size()) hashes_.clear();
    if (hashes_.empty()) first_ = index;
    hashes_.push_back(hash(block));
    if (hashes_.size() <= kRemembered) return;
    hashes_.pop_front();
    ++first_;
  }
  // The block was put out as it is. At the first one that is not, what came after it is forgotten.
  bool has(std::uint64_t index, ByteView block) {
    if (index < first_ || index - first_ >= hashes_.size()) return false;
    const auto at = static_cast<std::size_t>(index - first_);
    if (hashes_[at] == hash(block)) return true;
    hashes_.resize(at);
    return false;
  }
  // From `index` on everything is new, be it the same bytes again.
  void forget_from(std::uint64_t index) {
    const auto known = index > first_ ? index - first_ : 0;
    if (known < hashes_.size()) hashes_.resize(static_cast<std::size_t>(known));
  }

 private:
  static constexpr std::size_t kRemembered = 16'384;

  std::uint64_t first_ = 0;
  std::deque<Bytes32> hashes_;
};

class Follow final : public Fetch {
 public:
  Follow(Daemon& daemon, Params& params, Output& out)
      : Fetch(daemon, params, out), timer_(daemon.io()) {
    wait_for_ever();
    if (params.has("from") && params.text_or_number("from") != "new") {
      range_.start = params.number("from").value_or(0);
    } else {
      only_new_ = params.has("from");
    }
  }

  void handle_room() override {
    if (stream_) put();
  }
  void handle_move() override {
    if (is_open() && !stream_) out_.position({{"from", length_elsewhere()}});
  }

 private:
  // "new" waits a moment for the length that peers show.
  static constexpr Duration kLearnLength = std::chrono::seconds(2);

  void opened() override {
    length_ = feed().length();
    if (!only_new_) return follow_from(range_.start);
    if (is_writer()) return follow_from(feed().length());
    overlay::DownloadOptions nothing;
    nothing.start = nothing.end.emplace(0);
    download(nothing);
    timer_.expires_after(kLearnLength);
    timer_.async_wait([this, alive = std::weak_ptr(alive_)](std::error_code error) {
      if (error || alive.expired() || is_gone()) return;
      follow_from(length_elsewhere());
    });
  }

  std::uint64_t length_elsewhere() {
    auto length = feed().length();
    for (const auto& peer : daemon_.participant().hub().replication().peers(number())) {
      length = std::max(length, peer.length);
    }
    return length;
  }

  void follow_from(std::uint64_t start) {
    if (only_new_) out_.position({{"from", start}});
    stream_.emplace(daemon_.feeds(), number(), start, std::nullopt, query_.encryption_key);
    put();
    fetch_from(start);
  }

  // The blocks of an own feed come by its appends, if it can have any.
  void fetch_from(std::uint64_t start) {
    if (is_writer() && !feed().is_frozen()) return;
    overlay::DownloadOptions options;
    options.start = start;
    options.follow = true;
    download(options);
  }

  void handle(const overlay::FeedNews& news) override {
    if (ended_badly(news)) return;
    if (const auto* cut = cut_of(news)) go_on_from(*cut);
    length_ = std::max(length_, feed().length());
    if (!stream_) return;
    stream_->handle(news);
    note_damage(stream_->damage());
    put();
  }

  // What was put out before stays put out; from where the new history differs it goes on.
  void go_on_from(const store::Truncated& cut) {
    out_.notice(fmt::format("the author {}; it had {} (fork {})", told_of(cut),
                            counted(length_, "block"), cut.fork));
    Json event{{"event", "truncated"}, {"key", to_z32(feed().key())}, {"from", cut.common},
               {"oldLength", length_}, {"length", cut.length},        {"fork", cut.fork}};
    out_.result(event);
    length_ = cut.length;
    if (!stream_) return;
    const auto from = std::min(stream_->position(), cut.common);
    // Nothing was appended since: this is where it was cut.
    if (cut.length == cut.common) put_out_.forget_from(from);
    stream_->rewind(from);
    fetch_from(from);
  }

  void put() {
    stream_->pump();
    while (out_.room() > 0) {
      const auto block = stream_->next();
      if (!block) break;
      if (put_out_.has(block->index, block->bytes)) continue;
      put_out_.add(block->index, block->bytes);
      Json object{{"key", to_z32(feed().key())}, {"index", block->index}};
      add_payload(object, block->bytes);
      out_.result(object);
    }
    stream_->pump();
    if (stream_->error()) out_.fail(*stream_->error());
  }

  bool only_new_ = false;
  std::uint64_t length_ = 0;  // since the last cut; a cut shows before it is told
  PutOut put_out_;
  std::optional<BlockStream> stream_;
  asio::steady_timer timer_;
};

}  // namespace

void add_follow_handlers(HandlerTable& table) { table["feed.follow"] = factory_of<Follow>(); }

}  // namespace cip::node
