#pragma once

// A request under way, as its caller sees it: over the control socket (ControlCall) or in the same
// process (InProcessCall).

#include <functional>
#include <optional>

#include "base/bytes.hpp"
#include "node/error.hpp"

namespace cip::node {

class ActiveCall {
 public:
  using OnEnd = std::function<void(std::optional<Error>)>;

  virtual ~ActiveCall() = default;

  // `on_end` comes once, with the error if there was one. `on_input_room` comes whenever input may
  // be sent again.
  virtual void start(OnEnd on_end, std::function<void()> on_input_room) = 0;
  // At most input_room() bytes.
  virtual void send_input(ByteView bytes) = 0;
  virtual void send_input_end() = 0;
  // In place of the end: the input broke off, the request ends with this error.
  virtual void send_input_error(Error error) = 0;
  virtual std::size_t input_room() const = 0;
  // The node has stopped working on it when the end comes.
  virtual void cancel() = 0;
  // No callback comes any more.
  virtual void close() = 0;
  // Asks the node for a sign of life; whether it has given one since.
  virtual void ask_if_awake() {}
  virtual bool is_awake() const { return true; }
};

}  // namespace cip::node
