// feed.cat, feed.download, feed.follow: blocks of feeds, fetched if they are not here.

#include <fmt/format.h>

#include <asio/steady_timer.hpp>

#include "base/text.hpp"
#include "node/block_stream.hpp"
#include "node/clock.hpp"
#include "node/disk_keeper.hpp"
#include "node/feed_search.hpp"
#include "node/handlers/feed_operation.hpp"
#include "node/store_error.hpp"

namespace cip::node {

namespace {

class Fetch : public FeedOperation {
 public:
  Fetch(Daemon& daemon, Params& params, Output& out)
      : FeedOperation(daemon, out), peers_(params.texts("peer")) {
    query_.text = params.required_text("feed");
    const auto key = params.text("encryptionKey");
    if (!key.empty()) encryption_key_ = key;
    const auto range = params.text("range");
    if (!range.empty()) range_text_ = range;
    // Who sets a time wants the search to go on until then.
    patience_ = params.duration("timeoutMs").has_value() ? Duration::zero() : kSearchTime;
  }
  ~Fetch() override {
    cancel_download();
    daemon_.participant().changed();
  }

  void start() override {
    begun_ = now().mono;
    if (encryption_key_) {
      const auto key = parse_key(*encryption_key_);
      if (!key) {
        return out_.fail({ExitCode::usage, "the encryption key is not 32 bytes in z32 or hex", {}});
      }
      query_.encryption_key = *key;
    }
    if (range_text_) {
      const auto range = parse_range(*range_text_);
      if (!range) return out_.fail(range.error());
      range_ = *range;
    }
    open(query_);
  }

  void handle_deadline() override {
    if (search_) return out_.fail(search_->verdict());
    Operation::handle_deadline();
  }

 protected:
  // Looks for peers and fetches from whoever has something.
  void fetch(overlay::DownloadOptions options) {
    search_.emplace(daemon_, number(), peers_, patience_,
                    [this](Error error) { out_.fail(std::move(error)); });
    download(options);
  }
  // Replaces the download, if there is one.
  void download(overlay::DownloadOptions options) {
    if (!search_) return fetch(options);
    cancel_download();
    download_ = daemon_.participant().hub().replication().download(now(), number(), options);
    daemon_.participant().changed();
  }
  bool is_writer() { return known().record.writable; }
  // Nobody has more of an own feed, unless blocks were cleared here, or another home went on with
  // it.
  bool is_whole_own() { return is_writer() && feed().contiguous_length() == feed().length(); }
  // Whether every block of the range is here, as far as its end is known.
  bool is_here() {
    const auto& held = feed();
    const auto end = range_.end.value_or(held.length());
    if (held.length() == 0 || end > held.length()) return false;
    if (held.contiguous_length() >= end) return true;
    for (auto i = range_.start; i < end; ++i) {
      if (!held.has(i)) return false;
    }
    return true;
  }
  overlay::DownloadOptions options_of_range() const {
    overlay::DownloadOptions options;
    options.start = range_.start;
    options.end = range_.end;
    return options;
  }
  const overlay::InSync* end_of_download(const overlay::FeedNews& news) const {
    const auto* event = std::get_if<overlay::ReplicatorEvent>(&news.what);
    const auto* sync = event ? std::get_if<overlay::InSync>(event) : nullptr;
    return sync && download_ && sync->download == *download_ ? sync : nullptr;
  }
  // True when the feed showed two histories, or its disk failed: the request has failed then.
  bool ended_badly(const overlay::FeedNews& news) {
    if (search_) search_->handle(news);
    const auto* event = std::get_if<overlay::ReplicatorEvent>(&news.what);
    if (event && std::holds_alternative<overlay::FeedFrozen>(*event)) {
      out_.fail({ExitCode::conflict, "the feed has two signed histories; nothing more is taken",
                 "its author must start a new feed"});
      return true;
    }
    const auto* own = std::get_if<store::FeedEvent>(&news.what);
    const auto* failed = own ? std::get_if<store::StoreFailed>(own) : nullptr;
    if (!failed) return false;
    cancel_download();  // before the feed is opened anew
    out_.fail(error_from(failed->reason, "writing the feed"));
    return true;
  }

  void cancel_download() {
    if (!download_) return;
    daemon_.participant().hub().replication().cancel_download(now(), number(), *download_);
    download_.reset();
  }

  FeedQuery query_;
  BlockSpan range_;
  std::vector<std::string> peers_;
  Duration patience_{};
  std::optional<FeedSearch> search_;
  std::optional<overlay::DownloadId> download_;
  TimePoint begun_{};

 private:
  std::optional<std::string> encryption_key_, range_text_;
};

// Puts out the bytes of blocks one after the other.
class Cat final : public Fetch {
 public:
  Cat(Daemon& daemon, Params& params, Output& out)
      : Fetch(daemon, params, out), had_(params.number("skipBytes").value_or(0)) {}

  void handle_room() override {
    if (stream_) put();
  }

 private:
  void opened() override {
    stream_.emplace(daemon_.feeds(), number(), range_.start, range_.end, query_.encryption_key);
    if (is_whole_own() || is_here()) {
      if (!end_at_length()) return;
    } else {
      fetch(options_of_range());
    }
    put();
  }

  void handle(const overlay::FeedNews& news) override {
    if (!stream_ || ended_badly(news)) return;
    stream_->handle(news);
    if (const auto* sync = end_of_download(news); sync && sync->finished && !end_at_length())
      return;
    put();
  }

  // The length is known for good: a range beyond it is an error.
  bool end_at_length() {
    const auto length = feed().length();
    const auto end = range_.end.value_or(length);
    if (end > length || range_.start > length) {
      out_.fail({ExitCode::not_found, fmt::format("the feed has {} blocks", length),
                 "choose a --range within it"});
      return false;
    }
    stream_->set_end(end);
    return true;
  }

  void put() {
    stream_->pump();
    while (out_.room() > 0) {
      const auto block = stream_->next();
      if (!block) break;
      const auto skipped =
          static_cast<std::size_t>(std::min<std::uint64_t>(had_, block->bytes.size()));
      had_ -= skipped;
      out_.data(ByteView(block->bytes).subspan(skipped));
    }
    stream_->pump();
    if (stream_->error()) return out_.fail(*stream_->error());
    if (stream_->is_at_end()) {
      stream_.reset();
      out_.done();
    }
  }

  std::uint64_t had_;  // bytes that the reader got from another node
  std::optional<BlockStream> stream_;
};

// Fetches, verifies, keeps; the answer comes when everything is durable.
class Download final : public Fetch {
 public:
  Download(Daemon& daemon, Params& params, Output& out) : Fetch(daemon, params, out) {}

 private:
  void opened() override {
    before_ = daemon_.participant().hub().replication().counters(number());
    class_before_ = known().record.disk_class;
    if (feed().length() > 0) daemon_.feeds().keep(number());
    if (is_whole_own() || (range_.end && is_here())) {
      syncing_ = feed().sync();
      return daemon_.feeds().turn();
    }
    fetch(options_of_range());
  }

  void handle(const overlay::FeedNews& news) override {
    if (ended_badly(news)) return;
    if (const auto* event = std::get_if<overlay::ReplicatorEvent>(&news.what)) {
      if (std::holds_alternative<overlay::Progress>(*event)) {
        daemon_.feeds().keep(number());
        show_progress();
      }
      if (!fits()) return;
    }
    if (const auto* sync = end_of_download(news); sync && sync->finished && syncing_ == 0) {
      syncing_ = feed().sync();
      daemon_.feeds().turn();
    }
    const auto* event = std::get_if<store::FeedEvent>(&news.what);
    const auto* synced = event ? std::get_if<store::Synced>(event) : nullptr;
    if (synced && syncing_ != 0 && synced->ticket == syncing_) finish();
  }

  // Whether what is still to come has room; if not, the request has failed and what came may go.
  bool fits() {
    auto room = daemon_.disk().admit(missing_bytes());
    if (room) return true;
    if (!known().record.seeded) daemon_.feeds().set_disk_class(number(), class_before_);
    out_.fail(std::move(room.error()));
    return false;
  }
  // Of the wanted blocks, by the average of the feed.
  std::uint64_t missing_bytes() {
    const auto length = feed().length();
    const auto end = std::min(range_.end.value_or(length), length);
    if (range_.start >= end) return 0;
    const auto missing = end - range_.start - feed().blocks().count(range_.start, end);
    return static_cast<std::uint64_t>(static_cast<double>(missing) *
                                      static_cast<double>(feed().byte_length()) /
                                      static_cast<double>(length));
  }

  std::uint64_t blocks() const {
    return daemon_.participant().hub().replication().counters(number()).blocks_fetched -
           before_.blocks_fetched;
  }
  std::uint64_t bytes() const {
    return daemon_.participant().hub().replication().counters(number()).bytes_fetched -
           before_.bytes_fetched;
  }

  void show_progress() {
    const auto end = std::min(range_.end.value_or(feed().length()), feed().length());
    out_.progress({{"blocks", blocks()},
                   {"totalBlocks", end > range_.start ? end - range_.start : 0},
                   {"bytes", bytes()}});
  }

  void finish() {
    syncing_ = 0;
    daemon_.feeds().keep(number());
    const auto took = ms_since(begun_);
    const auto per_second = [&](std::uint64_t count) {
      return took > 0 ? static_cast<double>(count) * 1000 / took : 0;
    };
    out_.result({{"key", to_z32(feed().key())},
                 {"blocks", blocks()},
                 {"bytes", bytes()},
                 {"tookMs", took},
                 {"blocksPerSecond", per_second(blocks())},
                 {"bytesPerSecond", per_second(bytes())},
                 {"treeHash", to_hex(feed().tree_hash())},
                 {"length", feed().length()},
                 {"inSync", feed().contiguous_length() == feed().length()}});
    out_.done();
  }

  overlay::ReplicationCounters before_;
  store::DiskClass class_before_{};
  store::Ticket syncing_ = 0;
};

// Puts out blocks as they come, for ever.
class Follow final : public Fetch {
 public:
  Follow(Daemon& daemon, Params& params, Output& out)
      : Fetch(daemon, params, out), timer_(daemon.io()) {
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
    if (!only_new_) return follow_from(range_.start);
    if (is_writer()) return follow_from(feed().length());
    overlay::DownloadOptions nothing;
    nothing.start = nothing.end.emplace(0);
    fetch(nothing);
    timer_.expires_after(kLearnLength);
    timer_.async_wait([this, alive = std::weak_ptr(alive_)](std::error_code error) {
      if (error || alive.expired()) return;
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
    if (!is_writer()) {
      overlay::DownloadOptions options;
      options.start = start;
      options.follow = true;
      download(options);
    }
    put();
  }

  void handle(const overlay::FeedNews& news) override {
    if (ended_badly(news) || !stream_) return;
    stream_->handle(news);
    put();
  }

  void put() {
    stream_->pump();
    while (out_.room() > 0) {
      const auto block = stream_->next();
      if (!block) break;
      Json object{{"key", to_z32(feed().key())}, {"index", block->index}};
      add_payload(object, block->bytes);
      out_.result(object);
    }
    stream_->pump();
    if (stream_->error()) out_.fail(*stream_->error());
  }

  bool only_new_ = false;
  std::optional<BlockStream> stream_;
  asio::steady_timer timer_;
};

}  // namespace

void add_fetch_handlers(HandlerTable& table) {
  table["feed.cat"] = factory_of<Cat>();
  table["feed.download"] = factory_of<Download>();
  table["feed.follow"] = factory_of<Follow>();
}

}  // namespace cip::node
