#pragma once

// How a request goes on at another node when the one that worked on it made way for a `join`: what
// it has answered so far is not answered again, and nothing is left out.

#include <map>
#include <optional>
#include <utility>

#include "node/service.hpp"

namespace cip::node {

class Output;

// What a change says when it hands itself on (Operation::handle_move()): all that it did is told or
// durable, and of its input `rest`, which it had taken, is for the other node. `position`: what
// note_position() knows beside that.
void hand_on(Output& out, Json position, ByteView rest);

class Continuation {
 public:
  explicit Continuation(Request request) : request_(std::move(request)) {}

  // What the node answered, in its order.
  void note_result(const Json& object);
  void note_data(std::size_t bytes) { bytes_ += bytes; }
  // Where the node stands in what it has not answered anything of yet (Output::position()).
  void note_position(const Json& position);

  // A result that says again what was said before the change of nodes.
  bool is_repeated(const Json& object) const;
  // All that was asked for has been answered; only the end is missing.
  bool is_complete() const;
  // Of a change: the node has told of all that it did, and of its input these bytes, beside what it
  // has not dealt with, are for the other node. Taken once.
  std::optional<Bytes> take_rest() { return std::exchange(rest_, std::nullopt); }
  // The request to the other node; nothing: it was answered in part and cannot go on. `passed`:
  // since the request began.
  std::optional<Request> next(Duration passed) const;

 private:
  Request go_on_subscribing(Duration passed) const;

  Request request_;
  std::uint64_t results_ = 0;
  std::uint64_t bytes_ = 0;
  std::map<std::string, std::uint64_t> after_;  // of a subscription: next seq by feed
  std::optional<std::uint64_t> from_;           // of a feed that is followed: next index
  Json ready_;                                  // of feeds that are served: the ready event
  Bytes coming_rest_;                           // of a change that is handed on: input
  std::optional<Bytes> rest_;                   // ... all of it
  std::uint64_t appended_ = 0;                  // of an append that was handed on: blocks
  std::uint64_t appended_bytes_ = 0;
};

}  // namespace cip::node
