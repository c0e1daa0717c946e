#include "node/service.hpp"

#include <fmt/format.h>

#include <asio/signal_set.hpp>

#include "node/background.hpp"
#include "node/backup.hpp"
#include "node/call_runner.hpp"
#include "node/clock.hpp"
#include "node/daemon.hpp"
#include "node/home_call.hpp"
#include "node/identity_import.hpp"
#include "node/in_process_call.hpp"
#include "node/local.hpp"
#include "node/log.hpp"
#include "node/process.hpp"
#include "node/restore.hpp"
#include "node/running_call.hpp"
#include "node/signal_watch.hpp"
#include "node/signals.hpp"
#include "node/summary.hpp"
#include "node/supervision.hpp"
#include "node/swarm_host.hpp"

namespace cip::node {

namespace {

RunResult failed(Error error) {
  RunResult result;
  result.error = std::move(error);
  return result;
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
  join.for_command = command_of(request);
  auto daemon = Daemon::open(io, std::move(join), HomeRole::in_process);
  if (!daemon) return failed(daemon.error());
  bool stopped = false;
  (*daemon)->start([](const Json&) {}, [&](const std::optional<Error>&) { stopped = true; });
  InProcessCall call(io, **daemon, request, handler);
  CallRunner runner(io, options.input_fd, timeout_of(request));
  auto result = runner.run(call);
  leave(io, **daemon, stopped);
  return result;
}

RunResult run_over_socket(const ServiceOptions& options, const Request& request, Handler& handler) {
  if (auto own = check_home_owner(HomePaths(options.join.home)); !own) return failed(own.error());
  asio::io_context io(1);
  HomeCall call(io, options, request, handler);
  if (auto attached = call.attach(); attached.error || attached.signal != 0) return attached;
  CallRunner runner(io, options.input_fd, timeout_of(request));
  return runner.run(call);
}

// A node whose socket somebody took away: it is asked to end as every process is.
bool is_deaf(const HomePaths& paths, const LockHolder& holder) {
  asio::io_context io(1);
  QuietHandler quiet;
  return holder.role != HomeRole::in_process && holder.state == HomeState::running &&
         !ControlCall::connect(io, paths, {"stop"}, quiet);
}

// Until the home is free of this node.
Outcome<void> wait_for_end(const HomePaths& paths, const LockHolder& holder, Duration timeout) {
  asio::io_context io(1);
  const auto end = now().mono + timeout;
  while (true) {
    const auto left = lock_holder(paths);
    if (!left || left->pid != holder.pid) return {};
    if (timeout > Duration::zero() && now().mono >= end) {
      return fail_with(ExitCode::timeout, fmt::format("{} takes long to end", to_string(holder)),
                       "see node.log in its home");
    }
    asio::steady_timer pause(io, kAttachPause);
    pause.wait();
  }
}

// Ends the node of the home; afterwards the home is free.
RunResult run_stop(const ServiceOptions& options, const Request& request, Handler& handler) {
  const HomePaths paths(options.join.home);
  const auto holder = lock_holder(paths);
  auto result = run_over_socket(options, request, handler);
  const bool is_silent = result.error && result.error->code == ExitCode::busy;
  if (is_silent && holder && is_deaf(paths, *holder) && end_holder(paths, *holder)) {
    result.error.reset();
    handler.on_result({{"pid", holder->pid}});
  }
  if (result.error || result.signal || !holder) return result;
  if (auto ended = wait_for_end(paths, *holder, timeout_of(request)); !ended) {
    return failed(ended.error());
  }
  return result;
}

// What a detached node has for SIGHUP: somebody moved its log away.
class LogHangup {
 public:
  explicit LogHangup(asio::io_context& io) : signals_(io, SIGHUP) { wait(); }

 private:
  void wait() {
    signals_.async_wait([this](std::error_code error, int) {
      if (error) return;
      reopen_log();
      wait();
    });
  }
  asio::signal_set signals_;
};

// Says once on --ready-fd what became of the node.
class ReadyReport {
 public:
  explicit ReadyReport(int fd) : fd_(fd) {}
  void ready(const Json& event) { report_ready(std::exchange(fd_, -1), event); }
  void failure(const Error& error) { report_failure(std::exchange(fd_, -1), error); }

 private:
  int fd_;
};

RunResult run_daemon(JoinOptions options, Handler& handler, ReadyReport& report) {
  const auto role = options.for_command.empty() ? HomeRole::joined : HomeRole::for_command;
  const bool detached = options.ready_fd >= 0;
  asio::io_context io(1);
  std::optional<LogHangup> log_hangup;
  if (detached) log_hangup.emplace(io);
  // A node in the background is not the process that a manager started.
  Supervision supervision(io, detached ? NotifyWishes{} : take_notify_wishes());
  auto daemon = Daemon::open(io, std::move(options), role);
  if (!daemon) {
    supervision.failed(daemon.error());
    return failed(daemon.error());
  }
  RunResult result;
  bool stopped = false;
  const SignalWatch signals(
      io,
      [&](int signal) {
        result.signal = signal;
        (*daemon)->stop();
      },
      detached ? Hangup::is_for_others : Hangup::ends);
  const auto show = [&](const Json& event) {
    const auto name = event.value("event", "");
    if (name == "stopping") return supervision.stopping();
    if (name == "ready") {
      report.ready(event);
      supervision.ready([&] { return summary_of(**daemon); });
    }
    handler.on_result(event);
  };
  (*daemon)->start(show, [&](std::optional<Error> error) {
    if (error) supervision.failed(*error);
    result.error = std::move(error);
    stopped = true;
    io.stop();
  });
  result.running = true;
  while (!stopped) {
    io.restart();
    io.run();
  }
  return result;
}

RunResult run_node(const JoinOptions& options, Handler& handler, ReadyReport& report) {
  if (auto logging = set_up_logging(options.log); !logging) return failed(logging.error());
  if (options.test_nodes > 0) return run_swarm(options, handler);
  return run_daemon(options, handler, report);
}

// What is about the home itself leaves no node behind: one that runs does it, else this process,
// which then meets nobody.
RunResult run_for_home(const ServiceOptions& options, const Request& request, Handler& handler) {
  const HomePaths paths(std::filesystem::absolute(options.join.home));
  if (lock_holder(paths) && !options.no_daemon) return run_over_socket(options, request, handler);
  auto alone = options;
  alone.join.lan = false;
  alone.join.listen = Endpoint{0x7f000001, 0};
  return run_in_process(alone, request, handler);
}

Outcome<void> check_has_identity(const HomePaths& paths) {
  if (auto own = check_home_owner(paths); !own) return own;
  if (std::error_code error; std::filesystem::exists(paths.identity, error)) return {};
  return fail_with(ExitCode::not_found,
                   fmt::format("the home {} has no identity yet", paths.home.string()),
                   "cipnode id makes one; --home DIR names another home");
}

RunResult run_identity(const ServiceOptions& options, const Request& request, Handler& handler) {
  const HomePaths paths(std::filesystem::absolute(options.join.home));
  auto ready = request.method == "id.import" ? prepare_import(paths, options.input_fd)
                                             : check_has_identity(paths);
  if (!ready) return failed(ready.error());
  return run_for_home(options, request, handler);
}

// What a node tells of its files is copied here, while it holds them still.
class CopyingHandler final : public Handler {
 public:
  CopyingHandler(BackupWriter& writer, Handler& handler) : writer_(writer), handler_(handler) {}
  const std::optional<Error>& failure() const { return failure_; }

  void on_result(const Json& pinned) override {
    if (auto copied = writer_.copy(pinned); !copied) failure_ = std::move(copied.error());
  }
  bool wants_more() const override { return !failure_; }
  void on_notice(std::string_view sentence) override { handler_.on_notice(sentence); }

 private:
  BackupWriter& writer_;
  Handler& handler_;
  std::optional<Error> failure_;
};

RunResult stopped_by_signal(Handler& handler, std::string_view what) {
  handler.on_notice(fmt::format("interrupted: nothing is left of the {}", what));
  RunResult result;
  result.signal = caught_signal();
  return result;
}

RunResult failed_without_trace(Error error, std::string_view what) {
  error.message += fmt::format("; nothing is left of the {}", what);
  return failed(std::move(error));
}

RunResult run_backup(const ServiceOptions& options, const Request& request, Handler& handler) {
  const HomePaths paths(std::filesystem::absolute(options.join.home));
  if (auto ready = check_has_identity(paths); !ready) return failed(ready.error());
  Params params(request.params);
  const auto target = params.required_text("dir");
  if (params.error()) return failed(*params.error());
  const SignalCatcher signals;  // also between the request and the name of the copy
  auto writer = BackupWriter::begin(paths, target);
  if (!writer) return failed(writer.error());
  CopyingHandler copying(*writer, handler);
  auto result = run_for_home(options, request, copying);
  if (caught_signal() != 0) return stopped_by_signal(handler, "backup");
  if (copying.failure()) return failed_without_trace(*copying.failure(), "backup");
  if (result.error) return failed_without_trace(*result.error, "backup");
  const auto done = writer->finish();
  if (caught_signal() != 0 && !done) return stopped_by_signal(handler, "backup");
  if (!done) return failed_without_trace(done.error(), "backup");
  handler.on_result(*done);
  return result;
}

RunResult run_restore(const ServiceOptions& options, const Request& request, Handler& handler) {
  Params params(request.params);
  const auto backup = params.required_text("dir");
  if (params.error()) return failed(*params.error());
  const SignalCatcher signals;
  const auto done = restore_home(HomePaths(std::filesystem::absolute(options.join.home)), backup);
  if (!done && caught_signal() != 0) return stopped_by_signal(handler, "restored home");
  if (!done) return failed(done.error());
  handler.on_result(*done);
  return {};
}

// Of the time to wait for a contact, what is left.
Json wait_request(const JoinOptions& options, TimePoint begun) {
  constexpr Duration kLeast = std::chrono::milliseconds(50);
  const auto left = std::max(options.ready_timeout - (now().mono - begun), kLeast);
  const bool is_endless = options.ready_timeout == Duration::zero();
  return {{"timeoutMs", is_endless ? 0 : left / std::chrono::milliseconds(1)}};
}

}  // namespace

RunResult run_request(const ServiceOptions& options, const Request& given, Handler& handler) {
  ignore_sigpipe();
  const auto* info = method_info(given.method);
  if (!info) return failed({ExitCode::usage, fmt::format("no method {}", given.method), {}});
  if (given.method != "version") {
    if (auto named = check_home_named(options.join.home); !named) return failed(named.error());
  }
  if (given.method == "restore") return run_restore(options, given, handler);
  if (info->local) {
    const auto answers = answer_locally(given, options.join.home);
    if (!answers) return failed(answers.error());
    for (const auto& answer : answers->results) handler.on_result(answer);
    return answers->error ? failed(*answers->error) : RunResult{};
  }
  auto request = given;
  if (options.timeout) {
    request.params["timeoutMs"] = *options.timeout / std::chrono::milliseconds(1);
  }
  if (options.network_given || !info->any_network) {
    request.params["network"] = options.join.network;
  }
  if (!options.join.contacts.empty()) request.params["bootstrap"] = options.join.contacts;
  if (given.method == "stop") return run_stop(options, request, handler);
  if (given.method.starts_with("id.")) return run_identity(options, request, handler);
  if (given.method == "backup") return run_backup(options, request, handler);
  if (options.no_daemon) return run_in_process(options, request, handler);
  return run_over_socket(options, request, handler);
}

RunResult run_join(const JoinOptions& given, Handler& handler) {
  ignore_sigpipe();
  auto options = given;
  if (options.ready_fd >= 0) {
    become_daemon(options.ready_fd);
    options.log.file = HomePaths(options.home).log;
  }
  ReadyReport report(options.ready_fd);
  auto result = run_node(options, handler, report);
  if (result.error) report.failure(*result.error);
  return result;
}

RunResult run_join_detached(const JoinOptions& options, Handler& handler) {
  ignore_sigpipe();
  const auto begun = now().mono;
  const auto start = start_in_background(options);
  if (start.error) return failed(*start.error);
  if (start.signal != 0) {
    RunResult result;
    result.signal = start.signal;
    return result;
  }
  if (!options.contacts.empty()) {
    // The node keeps trying; whoever asked for a detached one wants to know now.
    ServiceOptions service;
    service.join.home = options.home;
    QuietHandler quiet;
    const auto waited =
        run_over_socket(service, {"join.wait", wait_request(options, begun)}, quiet);
    if (waited.error || waited.signal) {
      run_over_socket(service, {"stop", Json::object()}, quiet);
      return waited;
    }
  }
  handler.on_result(start.ready);
  return {};
}

}  // namespace cip::node
