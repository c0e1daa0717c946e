#pragma once

// The way of a command to the node of its home: one is started when there is none, and one that is
// starting, or makes way for another, is waited for.

#include <memory>
#include <optional>

#include "node/control_client.hpp"

namespace cip::node {

// "cipnode feed ls" of the method feed.ls: what a process tells others that it is for.
std::string command_of(const Request& request);

// Between two looks.
inline constexpr Duration kAttachPause = std::chrono::milliseconds(20);

class Attachment {
 public:
  // `options` and `handler` outlive it.
  Attachment(const ServiceOptions& options, Handler& handler);

  // One of the three; none: look again after kAttachPause.
  struct Look {
    std::shared_ptr<ControlCall> call;
    std::optional<Error> error;
    int signal = 0;  // came while a node was started
  };
  // `handler` gets the answers of the call.
  Look look(asio::io_context& io, const Request& request, Handler& handler);

 private:
  Look start_node(const Request& request);
  Look wait(const std::optional<LockHolder>& holder, bool is_coming) const;

  const ServiceOptions& options_;
  Handler& handler_;
  HomePaths paths_;
  TimePoint begun_;
  bool started_ = false;
};

}  // namespace cip::node
