#pragma once

// Several channels on one encrypted stream (feeds.md 4; peer implementation: npm protomux).
//
//   frame   = uint channel (of the sender) || uint type || payload
//   channel 0: 0 batch, 1 open (own number, protocol, optional id, handshake), 2 reject (the
//              receiver's number), 3 close (own number)
//   batch   = uint channel, then items: uint len || len bytes of (uint type || payload)
//                                       0 || uint channel that is current from here on
//
// Each side numbers its own channels; a channel is open when both sides have sent open for the same
// (protocol, id). Whoever opens may send at once: what arrives before we have decided is kept here.

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "overlay/transport/batch_writer.hpp"
#include "overlay/transport/errors.hpp"
#include "overlay/transport/frame_sink.hpp"

namespace cip::overlay {

// Own number of a channel; reused after a close, but not before its ChannelClosed was polled.
using ChannelId = std::uint32_t;

// The other side opened (protocol, id), which this side has not: answer with open() for the same
// pair, or with reject(remote_channel), now or later. A close by the other side in between is
// answered by the multiplexer itself; an open() after it is then simply an own one.
struct ChannelRequested {
  std::uint32_t remote_channel = 0;
  std::string_view protocol;  // aliases are replaced by the name they stand for
  ByteView id;                // empty: none
  ByteView handshake;
};
// Both sides have opened; `handshake` is the other side's.
struct ChannelOpened {
  ChannelId channel = 0;
  std::string_view protocol;
  ByteView id;
  ByteView handshake;
};
struct ChannelMessage {
  ChannelId channel = 0;
  std::uint32_t type = 0;
  ByteView payload;
};
// Closed or rejected by the other side. Own closes are not reported.
struct ChannelClosed {
  ChannelId channel = 0;
  bool rejected = false;
};
using MuxEvent = std::variant<ChannelRequested, ChannelOpened, ChannelMessage, ChannelClosed>;

// What waits for pairing decisions, a message counting as its size plus 512. Above the first the
// owner stops reading the transport (as the JavaScript side does), above the second, which one
// frame of the largest size can reach, the stream ends.
inline constexpr std::size_t kPauseReadingAbove = 32768;
inline constexpr std::size_t kMaxUndecided = 20 * 1024 * 1024;
// Channels of one stream, counted per side. The other side's opens above it are rejected.
inline constexpr std::size_t kMaxChannels = 4096;
// Protocol names and ids longer than this are rejected unseen.
inline constexpr std::size_t kMaxProtocolName = 128;
inline constexpr std::size_t kMaxChannelIdSize = 256;

// Inputs: handle_frame() and the commands. After each, drain poll_event(), then flush(). Views in
// events are valid until the next handle_frame(), if the frame's bytes stay as long.
class Mux {
 public:
  // `out` outlives the multiplexer and stays where it is. The name `alias` counts as `protocol`;
  // feeds need
  // {{"hypercore", "hypercore/alpha"}}.
  struct Alias {
    std::string alias;
    std::string protocol;
  };
  explicit Mux(FrameSink& out, std::vector<Alias> aliases = {{"hypercore", "hypercore/alpha"}});

  // One plaintext of the stream. An error is final: the stream must be destroyed.
  Result<void> handle_frame(ByteView frame);

  // Opens a channel, or answers the oldest request for the same pair. Messages may follow at once.
  ChannelId open(std::string_view protocol, ByteView id, ByteView handshake);
  void reject(std::uint32_t remote_channel);
  // A message in one piece, or in two that need not be joined before. Dropped when the channel is
  // not open. At most kMaxPlaintext - 18 bytes.
  void send(ChannelId channel, std::uint32_t type, ByteView payload) {
    send(channel, type, payload, {});
  }
  void send(ChannelId channel, std::uint32_t type, ByteView head, ByteView tail);
  // Nothing of the channel is reported from here on, and its messages are dropped.
  void close(ChannelId channel);
  // Hands everything gathered to the sink. Nothing leaves without it, except full batches.
  void flush() { out_.flush(); }

  std::optional<MuxEvent> poll_event();

  bool has_channel(ChannelId channel) const;
  std::size_t channel_count() const { return open_count_; }
  // Too much waits for decisions: read no more from the transport until this is false.
  bool wants_pause() const { return undecided_ > kPauseReadingAbove; }

 private:
  // All channels for one (protocol, id), matched in order of opening.
  struct Pair {
    std::string protocol;
    Bytes id;
    std::deque<std::uint32_t> outgoing;  // own numbers whose open waits for the other side's
    std::deque<std::uint32_t> incoming;  // the other side's numbers that wait for a decision
    std::size_t users = 0;               // slots that refer to this pair
  };
  using Pairs = std::map<std::string, Pair, std::less<>>;

  struct Local {
    enum class State : std::uint8_t {
      unused,
      waiting,   // own open sent
      open,      // both have opened
      reserved,  // closed before the other side answered: its answer frees the number
      gone,      // closed by the other side; free when that event was polled
    } state = State::unused;
    std::uint32_t generation = 0;  // tells events of an earlier channel with this number
    std::uint32_t remote = 0;
    Pairs::iterator pair;
  };
  struct Waiting {  // a message before the decision: where it lies in Remote::kept
    std::uint32_t type = 0;
    std::size_t offset = 0;
    std::size_t size = 0;
  };
  struct Remote {
    enum class State : std::uint8_t { unused, requested, paired } state = State::unused;
    std::uint32_t generation = 0;
    std::uint32_t local = 0;
    Pairs::iterator pair;
    Bytes kept;  // handshake, then messages, while requested
    std::size_t handshake_size = 0;
    std::vector<Waiting> waiting;
  };
  struct Queued {
    MuxEvent event;
    std::uint32_t generation = 0;
  };

  Result<void> handle_item(std::uint64_t channel, ByteView rest, bool in_batch);
  Result<void> handle_control(std::uint64_t type, ByteView rest, bool in_batch);
  Result<void> handle_batch(ByteView rest);
  Result<void> handle_open(ByteView rest);
  Result<void> handle_reject(ByteView rest);
  Result<void> handle_close(ByteView rest);
  Result<void> keep(Remote& remote, std::uint64_t type, ByteView payload);

  Pairs::iterator pair_of(std::string_view protocol, ByteView id);
  void release(Pairs::iterator pair);
  std::uint32_t take_number();
  void free_number(std::uint32_t number);
  Result<void> request(std::uint32_t number, Pairs::iterator pair, ByteView handshake);
  void accept(std::uint32_t own, std::uint32_t requested);
  void match(std::uint32_t own, std::uint32_t remote_number, ByteView handshake);
  void forget_remote(std::uint32_t number);
  bool is_current(const Queued& queued) const;
  Local& local(std::uint32_t number) { return locals_[number - 1]; }
  Remote& remote(std::uint32_t number) { return remotes_[number - 1]; }

  void send_control(std::uint64_t type, std::uint32_t number);

  BatchWriter out_;
  std::vector<Alias> aliases_;
  Pairs pairs_;
  std::deque<Local> locals_;    // by own number - 1
  std::deque<Remote> remotes_;  // by the other side's number - 1
  std::vector<std::uint32_t> free_;
  std::size_t open_count_ = 0;
  std::size_t undecided_ = 0;  // units as in kPauseReadingAbove

  std::deque<Queued> events_;
  // What views in events may still refer to.
  std::vector<Pairs::node_type> retired_pairs_;
  std::vector<Bytes> retired_bytes_;
};

}  // namespace cip::overlay
