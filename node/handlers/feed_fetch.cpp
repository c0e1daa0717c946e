// feed.cat, feed.download: blocks of feeds, fetched if they are not here.

#include <fmt/format.h>

#include "base/counted.hpp"
#include "base/text.hpp"
#include "node/block_stream.hpp"
#include "node/clock.hpp"
#include "node/disk_keeper.hpp"
#include "node/handlers/fetch.hpp"

namespace cip::node {

namespace {

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
      download(options_of_range());
    }
    put();
  }

  void handle(const overlay::FeedNews& news) override {
    if (!stream_ || ended_badly(news)) return;
    if (const auto* cut = cut_of(news); cut && !survives(*cut)) return;
    stream_->handle(news);
    note_damage(stream_->damage());
    if (has_finished(news) && !end_at_length()) return;
    put();
  }

  // What was put out, or promised, must be part of one history.
  bool survives(const store::Truncated& cut) {
    const auto end = stream_->end();
    if (cut.common < stream_->position() || (end && *end > cut.length)) {
      out_.fail({ExitCode::conflict,
                 fmt::format("the author {} while it was read (fork {}); {} went out", told_of(cut),
                             cut.fork, counted(stream_->position() - range_.start, "block")),
                 "read it again"});
      stream_.reset();
      return false;
    }
    stream_->rewind(std::max(cut.common, stream_->position()));
    return true;
  }

  // The length is known for good: a range beyond it is an error.
  bool end_at_length() {
    const auto length = feed().length();
    const auto end = range_.end.value_or(length);
    if (end > length || range_.start > length) {
      out_.fail({ExitCode::not_found, fmt::format("the feed has {}", counted(length, "block")),
                 "choose a --range within it"});
      return false;
    }
    stream_->set_end(end);
    return true;
  }

  void put() {
    // All of a range or nothing: whether the feed is that long is not known yet.
    if (range_.end.value_or(0) > feed().length()) return;
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
      return out_.done();
    }
    if (!is_downloading()) fetch_cleared();
  }

  // Blocks that were here when the reading began, and were cleared meanwhile.
  void fetch_cleared() {
    const auto missing = stream_->first_missing();
    if (!missing) return;
    overlay::DownloadOptions options;
    options.start = *missing;
    options.end = stream_->end();
    download(options);
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
    if (query_.encryption_key) {
      trial_.emplace(daemon_.feeds(), number(), range_.start, range_.start + 1,
                     query_.encryption_key);
    }
    class_before_ = known().record.disk_class;
    if (feed().length() > 0) daemon_.feeds().keep(number());
    if (is_whole_own() || (range_.end && is_here())) return sync();
    download(options_of_range());
  }

  void sync() {
    syncing_ = feed().sync();
    daemon_.feeds().turn();
  }

  void handle(const overlay::FeedNews& news) override {
    if (ended_badly(news) || !try_key(news)) return;
    if (const auto* event = std::get_if<overlay::ReplicatorEvent>(&news.what)) {
      if (std::holds_alternative<overlay::Progress>(*event)) {
        daemon_.feeds().keep(number());
        show_progress();
      }
      if (!fits()) return;
    }
    if (has_finished(news)) return sync();
    const auto* event = std::get_if<store::FeedEvent>(&news.what);
    const auto* synced = event ? std::get_if<store::Synced>(event) : nullptr;
    if (!synced || syncing_ == 0 || synced->ticket != syncing_) return;
    syncing_ = 0;
    const auto length = feed().length();
    if (range_.start > length || range_.end.value_or(0) > length) return fail_beyond(length);
    // Blocks may have been cleared, or replaced, before all of them were durable.
    if (length > 0 && !is_here()) return download(options_of_range());
    is_durable_ = true;
    if (!trial_ || !feed().has(range_.start)) finish();
  }

  // Reads the first block with the key that was given, as soon as it is here. False: it does not
  // fit, and the request has failed.
  bool try_key(const overlay::FeedNews& news) {
    if (!trial_) return true;
    trial_->handle(news);
    trial_->pump();
    note_damage(trial_->damage());
    if (trial_->error()) {
      keep_as_before();
      out_.fail(*trial_->error());
      return false;
    }
    if (!trial_->next()) {
      // It was here and was given up, as it is damaged.
      if (!is_durable_ || feed().has(range_.start)) return true;
      is_durable_ = false;
      download(options_of_range());
      return false;
    }
    trial_.reset();
    if (is_durable_) finish();
    return !is_durable_;
  }

  void keep_as_before() {
    if (!known().record.seeded) daemon_.feeds().set_disk_class(number(), class_before_);
  }

  void fail_beyond(std::uint64_t length) {
    const auto here = range_.start < length ? feed().blocks().count(range_.start, length) : 0;
    if (here == 0) keep_as_before();
    out_.fail({ExitCode::not_found,
               fmt::format("the feed has {}; of the range {} here", counted(length, "block"),
                           here == 1 ? "1 is" : fmt::format("{} are", here)),
               "choose a --range within it"});
  }

  // Whether what is still to come has room; if not, the request has failed and what came may go.
  bool fits() {
    auto room = claim_.admit();
    if (room) return true;
    keep_as_before();
    out_.fail(std::move(room.error()));
    return false;
  }
  std::uint64_t missing() {
    return missing_bytes(feed(), range_.start, range_.end.value_or(feed().length()));
  }

  void show_progress() {
    const auto end = std::min(range_.end.value_or(feed().length()), feed().length());
    const auto came = fetched();
    out_.progress({{"blocks", came.blocks},
                   {"totalBlocks", end > range_.start ? end - range_.start : 0},
                   {"bytes", came.bytes}});
  }

  void finish() {
    if (trial_) out_.notice("the encryption key was not tried: there is no block");
    daemon_.feeds().keep(number());
    const auto took = ms_since(begun_);
    const auto came = fetched();
    const auto per_second = [&](std::uint64_t count) {
      return took > 0 ? static_cast<double>(count) * 1000 / took : 0;
    };
    out_.result({{"key", to_z32(feed().key())},
                 {"blocks", came.blocks},
                 {"bytes", came.bytes},
                 {"tookMs", took},
                 {"blocksPerSecond", per_second(came.blocks)},
                 {"bytesPerSecond", per_second(came.bytes)},
                 {"treeHash", to_hex(feed().tree_hash())},
                 {"length", feed().length()},
                 {"inSync", feed().contiguous_length() == feed().length()}});
    out_.done();
  }

  store::DiskClass class_before_{};
  store::Ticket syncing_ = 0;
  bool is_durable_ = false;
  std::optional<BlockStream> trial_;  // of the key, until the first block was read with it
  // While the feed is open.
  DiskKeeper::Claim claim_{daemon_.disk(), [this] {
                             const bool is_open = daemon_.feeds().feed(number()) != nullptr;
                             return DiskDemand{number(), is_open ? missing() : 0};
                           }};
};

}  // namespace

void add_fetch_handlers(HandlerTable& table) {
  table["feed.cat"] = factory_of<Cat>();
  table["feed.download"] = factory_of<Download>();
}

}  // namespace cip::node
