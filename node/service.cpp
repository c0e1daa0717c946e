#include "node/service.hpp"

#include <fmt/format.h>

#include "node/background.hpp"
#include "node/call_runner.hpp"
#include "node/clock.hpp"
#include "node/control_client.hpp"
#include "node/daemon.hpp"
#include "node/identity_import.hpp"
#include "node/in_process_call.hpp"
#include "node/local.hpp"
#include "node/log.hpp"
#include "node/running_call.hpp"
#include "node/swarm_host.hpp"

namespace cip::node {

namespace {

// How long a command waits for a node that holds the lock to open its socket, or to finish leaving.
constexpr Duration kAttachTime = std::chrono::seconds(5);
constexpr Duration kAttachPause = std::chrono::milliseconds(20);
// How long a node that was started for a command stays after the last one (D5).
constexpr Duration kIdleExit = std::chrono::seconds(60);

RunResult failed(Error error) {
  RunResult result;
  result.error = std::move(error);
  return result;
}

void wait_a_moment(asio::io_context& io) {
  asio::steady_timer timer(io, kAttachPause);
  timer.wait();
}

// What a node started for a command is like.
JoinOptions background_options(const JoinOptions& given) {
  auto options = given;
  if (!options.idle_exit) options.idle_exit = kIdleExit;
  if (!options.listen) options.listen = Endpoint{0, 0};
  options.log.file.clear();
  return options;
}

Outcome<void> start_node_for(const JoinOptions& join, Handler& handler) {
  auto started = start_in_background(background_options(join));
  if (started) {
    handler.on_notice(fmt::format("started a node in the background (pid {}); cipnode stop ends it",
                                  started->value("pid", 0)));
    return {};
  }
  // Another command may have been faster: then its node holds the lock.
  if (started.error().code == ExitCode::busy && lock_holder(HomePaths(join.home))) return {};
  return tl::unexpected(started.error());
}

// A connection to the home's node, which is started if need be.
Outcome<std::shared_ptr<ControlCall>> attach(asio::io_context& io, const ServiceOptions& options,
                                             const Request& request, Handler& handler) {
  const HomePaths paths(options.join.home);
  const bool may_start = method_info(request.method)->starts_node;
  const auto end = now().mono + kAttachTime;
  bool started = false;
  while (true) {
    const auto holder = lock_holder(paths);
    if (!holder && !may_start) return ControlCall::connect(io, paths, request, handler);
    if (!holder && !started) {
      if (auto done = start_node_for(options.join, handler); !done)
        return tl::unexpected(done.error());
      started = true;
    }
    auto call = ControlCall::connect(io, paths, request, handler);
    if (call) return call;
    if (now().mono >= end) {
      return fail_with(ExitCode::busy,
                       fmt::format("the home {} is in use by {}, which does not answer",
                                   paths.home.string(), to_string(holder.value_or(LockHolder{}))),
                       "wait for it to end, or choose another --home");
    }
    wait_a_moment(io);
  }
}

// Runs the loop until the node has put everything away.
void leave(asio::io_context& io, Daemon& daemon, const bool& stopped) {
  daemon.stop();
  while (!stopped) {
    io.restart();
    io.run_one();
  }
}

RunResult run_in_process(const ServiceOptions& options, const Request& request, Handler& handler) {
  asio::io_context io(1);
  auto join = options.join;
  if (!join.listen) join.listen = Endpoint{0, 0};
  auto daemon = Daemon::open(io, std::move(join), DaemonRole::in_process);
  if (!daemon) return failed(daemon.error());
  bool stopped = false;
  (*daemon)->start([](const Json&) {}, [&] { stopped = true; });
  InProcessCall call(io, **daemon, request, handler);
  CallRunner runner(io, options.input_fd, timeout_of(request));
  auto result = runner.run(call);
  leave(io, **daemon, stopped);
  return result;
}

RunResult run_over_socket(const ServiceOptions& options, const Request& request, Handler& handler) {
  asio::io_context io(1);
  auto call = attach(io, options, request, handler);
  if (!call) return failed(call.error());
  CallRunner runner(io, options.input_fd, timeout_of(request));
  return runner.run(**call);
}

// Ends the node of the home; afterwards the home is free.
RunResult run_stop(const ServiceOptions& options, const Request& request, Handler& handler) {
  const HomePaths paths(options.join.home);
  const auto holder = lock_holder(paths);
  const auto result = run_over_socket(options, request, handler);
  if (result.error || result.signal || !holder) return result;
  asio::io_context io(1);
  const auto timeout = timeout_of(request);
  const auto end = now().mono + timeout;
  while (lock_holder(paths).value_or(LockHolder{}).pid == holder->pid) {
    if (timeout > Duration::zero() && now().mono >= end) {
      return failed({ExitCode::timeout, fmt::format("{} takes long to end", to_string(*holder)),
                     "see node.log in its home"});
    }
    wait_a_moment(io);
  }
  return result;
}

RunResult run_daemon(JoinOptions options, Handler& handler) {
  const auto role = options.ready_fd >= 0 ? DaemonRole::background : DaemonRole::foreground;
  int ready_fd = options.ready_fd;
  asio::io_context io(1);
  auto daemon = Daemon::open(io, std::move(options), role);
  if (!daemon) {
    report_failure(ready_fd, daemon.error());
    return failed(daemon.error());
  }
  RunResult result;
  bool stopped = false;
  const SignalWatch signals(io, [&](int signal) {
    result.signal = signal;
    (*daemon)->stop();
  });
  const auto show = [&](const Json& event) {
    if (event.value("event", "") == "ready") report_ready(std::exchange(ready_fd, -1), event);
    handler.on_result(event);
  };
  (*daemon)->start(show, [&] { stopped = true; });
  result.running = true;
  while (!stopped) {
    io.restart();
    io.run_one();
  }
  return result;
}

// A home whose node was started for a command becomes a foreground one; this process stays
// attached.
RunResult upgrade_running_node(const JoinOptions& options, Handler& handler) {
  Request request{"join.upgrade", Json::object()};
  request.params["contacts"] = options.contacts;
  request.params["lan"] = options.lan;
  ServiceOptions service;
  service.join = options;
  return run_over_socket(service, request, handler);
}

// The secrets of a home go out and in without leaving a node behind: one that runs does it, else
// this process, which then meets nobody.
RunResult run_identity(const ServiceOptions& options, const Request& request, Handler& handler) {
  const HomePaths paths(std::filesystem::absolute(options.join.home));
  if (request.method == "id.import") {
    if (auto ready = prepare_import(paths, options.input_fd); !ready) return failed(ready.error());
  } else if (std::error_code error; !std::filesystem::exists(paths.identity, error)) {
    return failed({ExitCode::not_found,
                   fmt::format("the home {} has no identity yet", paths.home.string()),
                   "cipnode id makes one; --home DIR names another home"});
  }
  if (lock_holder(paths) && !options.no_daemon) return run_over_socket(options, request, handler);
  auto alone = options;
  alone.join.lan = false;
  alone.join.listen = Endpoint{0x7f000001, 0};
  return run_in_process(alone, request, handler);
}

Json wait_request(const JoinOptions& options) {
  return {{"timeoutMs", options.ready_timeout / std::chrono::milliseconds(1)}};
}

// Collects what a request answers and shows nothing.
struct Quiet final : Handler {
  void on_result(const Json&) override {}
};

// Passes everything on and notes whether there was anything.
class Noting final : public Handler {
 public:
  explicit Noting(Handler& to) : to_(to) {}
  void on_result(const Json& object) override {
    any_ = true;
    to_.on_result(object);
  }
  bool wants_more() const override { return to_.wants_more(); }
  void on_notice(std::string_view sentence) override { to_.on_notice(sentence); }
  bool any() const { return any_; }

 private:
  Handler& to_;
  bool any_ = false;
};

}  // namespace

RunResult run_request(const ServiceOptions& options, const Request& given, Handler& handler) {
  ignore_sigpipe();
  const auto* info = method_info(given.method);
  if (!info) return failed({ExitCode::usage, fmt::format("no method {}", given.method), {}});
  if (info->local) {
    const auto answers = answer_locally(given, options.join.home);
    if (!answers) return failed(answers.error());
    for (const auto& answer : *answers) handler.on_result(answer);
    return {};
  }
  auto request = given;
  if (options.timeout) {
    request.params["timeoutMs"] = *options.timeout / std::chrono::milliseconds(1);
  }
  if (!options.join.contacts.empty()) request.params["bootstrap"] = options.join.contacts;
  if (given.method == "stop") return run_stop(options, request, handler);
  if (given.method.starts_with("id.")) return run_identity(options, request, handler);
  if (options.no_daemon) return run_in_process(options, request, handler);
  return run_over_socket(options, request, handler);
}

RunResult run_join(const JoinOptions& options, Handler& handler) {
  ignore_sigpipe();
  if (auto logging = set_up_logging(options.log); !logging) return failed(logging.error());
  if (options.test_nodes > 0) return run_swarm(options, handler);
  const HomePaths paths(options.home);
  if (options.ready_fd < 0 && lock_holder(paths)) {
    Noting noting(handler);
    auto result = upgrade_running_node(options, noting);
    const bool was_ending = result.error && result.error->code == ExitCode::no_daemon;
    if (!was_ending || noting.any() || lock_holder(paths)) return result;
  }
  return run_daemon(options, handler);
}

RunResult run_join_detached(const JoinOptions& options, Handler& handler) {
  ignore_sigpipe();
  const auto ready = start_in_background(options);
  if (!ready) return failed(ready.error());
  if (!options.contacts.empty()) {
    // The node keeps trying; whoever asked for a detached one wants to know now.
    ServiceOptions service;
    service.join.home = options.home;
    Quiet quiet;
    const auto waited = run_over_socket(service, {"join.wait", wait_request(options)}, quiet);
    if (waited.error || waited.signal) {
      run_over_socket(service, {"stop", Json::object()}, quiet);
      return waited;
    }
  }
  handler.on_result(*ready);
  return {};
}

}  // namespace cip::node
