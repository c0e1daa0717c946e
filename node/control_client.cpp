#include "node/control_client.hpp"

#include <fmt/format.h>

#include "node/json_rpc.hpp"
#include "node/operation.hpp"
#include "node/version.hpp"

namespace cip::node {

namespace {
constexpr std::uint32_t kHelloId = 0;
constexpr std::uint32_t kCallId = 1;
}  // namespace

Outcome<std::shared_ptr<ControlCall>> ControlCall::connect(asio::io_context& io,
                                                           const HomePaths& paths, Request request,
                                                           Handler& handler) {
  FrameSocket::Socket socket(io);
  const SocketAddress address(paths.socket);
  std::error_code error;
  socket.connect(address.endpoint(), error);
  if (error) {
    return fail_with(ExitCode::no_daemon, fmt::format("no node runs in {}", paths.home.string()),
                     "start one with: cipnode join --detach");
  }
  return std::make_shared<ControlCall>(std::move(socket), std::move(request), handler);
}

ControlCall::ControlCall(FrameSocket::Socket socket, Request request, Handler& handler)
    : socket_(std::make_shared<FrameSocket>(std::move(socket))),
      request_(std::move(request)),
      handler_(handler) {}

void ControlCall::start(OnEnd on_end, std::function<void()> on_input_room) {
  on_end_ = std::move(on_end);
  on_input_room_ = std::move(on_input_room);
  auto self = shared_from_this();
  socket_->start([self](const Frame& frame) { self->handle(frame); }, [self] { self->lost(); });
  send_hello();
}

void ControlCall::send_hello() {
  send(json_request(kHelloId, "hello",
                    {{"protocol", kControlProtocol},
                     {"version", kControlVersion},
                     {"program", kProgramVersion}}));
}

// A node answers hello at any time, and at once.
void ControlCall::ask_if_awake() {
  is_awake_ = false;
  if (accepted_) send_hello();
}

void ControlCall::send_input(ByteView bytes) {
  input_credit_ -= static_cast<std::ptrdiff_t>(bytes.size());
  socket_->send(encode_bytes_frame(kCallId, bytes));
}

void ControlCall::send_input_end() { send(json_notification("end", {{"id", kCallId}})); }

void ControlCall::send_input_error(Error error) {
  const auto broken = json_error(kCallId, error);
  send(json_notification("input_error", {{"id", kCallId}, {"error", broken["error"]}}));
}

void ControlCall::cancel() {
  if (!accepted_) return end(std::nullopt);
  send(json_notification("cancel", {{"id", kCallId}}));
}

void ControlCall::close() {
  on_end_ = nullptr;
  on_input_room_ = nullptr;
  on_position = nullptr;
  socket_->close();
}

void ControlCall::handle(const Frame& frame) {
  is_awake_ = true;
  if (frame.type == FrameType::json) {
    return handle_json(Json::parse(text_of(frame.body), nullptr, false), frame.body.size());
  }
  if (frame.request != kCallId || refused_) return;
  handler_.on_data(frame.body);
  handed_over(frame.body.size());
}

void ControlCall::handle_json(const Json& message, std::size_t size) {
  if (!message.is_object()) return;
  if (message.contains("method")) return handle_notification(message, size);
  handle_response(message);
}

void ControlCall::handle_notification(const Json& message, std::size_t size) {
  const auto method = Params(message).text("method");
  const auto params = message.value("params", Json::object());
  if (!params.is_object()) return;
  if (method == "credit") {
    input_credit_ += static_cast<std::ptrdiff_t>(Params(params).number("bytes").value_or(0));
    if (on_input_room_) on_input_room_();
    return;
  }
  const auto value = params.find("value");
  if (value == params.end()) return;
  if (method == "result" && !refused_) {
    serves_ = serves_ || Params(*value).text("event") == "ready";
    handler_.on_result(*value);
    handed_over(size);
  }
  if (method == "position" && on_position) on_position(*value);
  if (method == "progress") handler_.on_progress(*value);
  if (method == "notice" && value->is_string()) handler_.on_notice(value->get<std::string>());
}

void ControlCall::handle_response(const Json& message) {
  if (message.contains("error")) {
    auto error = error_of(message["error"]);
    // There is a node: that it is none any more says one that is leaving, before it does anything.
    if (error.code == ExitCode::no_daemon) loss_ = Loss::untouched;
    return end(std::move(error));
  }
  if (Params(message).number("id") != kHelloId) return end(std::nullopt);
  if (std::exchange(accepted_, true)) return;
  send(json_request(kCallId, request_.method, request_.params));
  if (on_input_room_) on_input_room_();
}

void ControlCall::handed_over(std::size_t bytes) {
  if (handler_.wants_more()) return give_credit(bytes);
  refused_ = true;
  cancel();
}

void ControlCall::give_credit(std::size_t bytes) {
  send(json_notification("credit", {{"id", kCallId}, {"bytes", bytes}}));
}

void ControlCall::send(const Json& message) {
  socket_->send(encode_json_frame(json_text(message)));
}

void ControlCall::lost() {
  loss_ = accepted_ ? Loss::at_work : Loss::untouched;
  const auto* info = method_info(request_.method);
  if (accepted_ && info && info->changes && !serves_) {
    return end(Error{ExitCode::unconfirmed,
                     "the node went away before it confirmed; the change may have been made",
                     "look at the state before you try again"});
  }
  end(Error{ExitCode::no_daemon, "the node went away", "see node.log in its home"});
}

void ControlCall::end(std::optional<Error> error) {
  if (const auto on_end = std::exchange(on_end_, nullptr)) on_end(std::move(error));
  socket_->close();
}

}  // namespace cip::node
