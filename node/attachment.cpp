#include "node/attachment.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "node/background.hpp"
#include "node/clock.hpp"

namespace cip::node {

namespace {

// How long a node that should answer may be silent: it may be closing its socket just now.
constexpr Duration kSilence = std::chrono::seconds(5);
// A node that starts may have a large database to recover.
constexpr Duration kStarting = std::chrono::seconds(60);
// How long a node that was started for a command stays after the last one (D5).
constexpr Duration kIdleExit = std::chrono::seconds(60);

// What a node started for a command is like.
JoinOptions node_options(const JoinOptions& given, const Request& request) {
  auto options = given;
  if (!options.idle_exit) options.idle_exit = kIdleExit;
  if (!options.listen) options.listen = Endpoint{0, 0};
  options.for_command = command_of(request);
  return options;
}

std::string way_out(const LockHolder& holder) {
  if (holder.pid == 0 || holder.role == HomeRole::in_process) {
    return "wait for it to end, or choose another --home";
  }
  return fmt::format("end it with: cipnode stop, or: kill {}; or choose another --home",
                     holder.pid);
}

}  // namespace

std::string command_of(const Request& request) {
  auto words = "cipnode " + request.method;
  std::ranges::replace(words, '.', ' ');
  return words;
}

Attachment::Attachment(const ServiceOptions& options, Handler& handler)
    : options_(options), handler_(handler), paths_(options.join.home), begun_(now().mono) {}

Attachment::Look Attachment::look(asio::io_context& io, const Request& request, Handler& handler) {
  const auto holder = lock_holder(paths_);
  const bool is_coming = is_turn_taken(paths_) || (holder && holder->state != HomeState::running);
  if (!holder && !is_coming) {
    if (method_info(request.method)->starts_node) {
      if (!started_) return start_node(request);
    } else {
      auto call = ControlCall::connect(io, paths_, request, handler);
      if (!call) return {.call = {}, .error = call.error()};
      return {.call = std::move(*call), .error = {}};
    }
  }
  if (holder && holder->state != HomeState::leaving) {
    if (auto call = ControlCall::connect(io, paths_, request, handler)) {
      return {.call = std::move(*call), .error = {}};
    }
  }
  return wait(holder, is_coming);
}

Attachment::Look Attachment::start_node(const Request& request) {
  started_ = true;
  const auto start = start_in_background(node_options(options_.join, request));
  if (start.signal != 0) return {.call = {}, .error = {}, .signal = start.signal};
  // Another one may have been faster: then its node holds the home.
  if (start.error && start.error->code == ExitCode::busy && lock_holder(paths_)) return {};
  if (start.error) return {.call = {}, .error = start.error};
  handler_.on_notice(fmt::format("started a node in the background (pid {}); cipnode stop ends it",
                                 start.ready.value("pid", 0)));
  return {};
}

Attachment::Look Attachment::wait(const std::optional<LockHolder>& holder, bool is_coming) const {
  if (now().mono - begun_ < (is_coming ? kStarting : kSilence)) return {};
  return {
      .call = {},
      .error = Error{ExitCode::busy,
                     fmt::format("the home {} is in use by {}, which does not answer",
                                 paths_.home.string(), to_string(holder.value_or(LockHolder{}))),
                     way_out(holder.value_or(LockHolder{}))}};
}

}  // namespace cip::node
