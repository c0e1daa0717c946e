#include "node/control_connection.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <asio/post.hpp>

#include "node/control_server.hpp"
#include "node/json_rpc.hpp"
#include "node/version.hpp"

namespace cip::node {

namespace {
constexpr Duration kRefusalLife = std::chrono::seconds(1);
}

// A request of this connection: the Output of its operation, and the credit of both directions.
class ControlConnection::Call final : public Output {
 public:
  Call(ControlConnection& owner, std::uint32_t id) : owner_(owner), id_(id) {}

  void start(const Request& request) {
    const auto* info = method_info(request.method);
    is_change_ = info && info->changes && !info->repeatable && info->starts_node;
    running_ = std::make_unique<RunningCall>(owner_.io_, owner_.service_, request, *this);
  }
  void input(ByteView bytes) {
    if (running_) running_->input(bytes);
  }
  void input_end() {
    if (running_) running_->input_end();
  }
  void input_error(Error error) {
    if (running_) running_->input_error(std::move(error));
  }
  void move() {
    is_moving_ = true;
    if (running_) running_->move();
  }
  // Whether something would be done by halves if the node left now, as far as its caller has heard.
  bool is_change() const { return is_change_ && (!is_handed_on_ || owner_.socket_->queued() > 0); }
  void credit(std::uint64_t bytes) {
    // Nobody can have consumed more than was put out.
    taken_ += std::min<std::uint64_t>(bytes, put_ - taken_);
    if (running_) running_->room();
  }

  void result(const Json& object) override { notify("result", object); }
  void progress(const Json& object) override {
    send(json_notification("progress", {{"id", id_}, {"value", object}}));
  }
  void notice(const std::string& sentence) override {
    send(json_notification("notice", {{"id", id_}, {"value", sentence}}));
  }
  void position(const Json& object) override {
    is_handed_on_ = is_moving_;
    send(json_notification("position", {{"id", id_}, {"value", object}}));
  }
  void data(ByteView bytes) override {
    while (!bytes.empty()) {
      const auto chunk = bytes.first(std::min(bytes.size(), kMaxChunkSize));
      put_ += chunk.size();
      owner_.socket_->send(encode_bytes_frame(id_, chunk));
      bytes = bytes.subspan(chunk.size());
    }
  }
  std::size_t room() const override {
    const auto under_way = put_ - taken_;
    return under_way < kStreamCredit ? static_cast<std::size_t>(kStreamCredit - under_way) : 0;
  }
  std::uint64_t put() const override { return put_; }
  std::uint64_t taken() const override { return taken_; }
  void consumed(std::size_t bytes) override {
    send(json_notification("credit", {{"id", id_}, {"bytes", bytes}}));
  }
  void done() override {
    send(json_response(id_, nullptr));
    end();
  }
  void fail(Error error) override {
    send(json_error(id_, error));
    end();
  }

 private:
  void notify(const char* kind, const Json& value) {
    const auto text = json_text(json_notification(kind, {{"id", id_}, {"value", value}}));
    // What a client gives back is the size of the frame's body.
    put_ += text.size();
    owner_.socket_->send(encode_json_frame(text));
  }
  void send(const Json& message) { owner_.socket_->send(encode_json_frame(json_text(message))); }
  void end() {
    if (running_) running_->ended();
    owner_.forget(id_);
  }

  ControlConnection& owner_;
  std::uint32_t id_;
  std::uint64_t put_ = 0;
  std::uint64_t taken_ = 0;
  bool is_change_ = false;
  bool is_moving_ = false;     // the node makes way
  bool is_handed_on_ = false;  // ... and the other node does what is left
  std::unique_ptr<RunningCall> running_;
};

ControlConnection::ControlConnection(asio::io_context& io, FrameSocket::Socket socket,
                                     Service& service)
    : io_(io),
      socket_(std::make_shared<FrameSocket>(std::move(socket))),
      service_(service),
      idle_(io) {}

ControlConnection::~ControlConnection() { close(); }

void ControlConnection::start(Duration patience, std::function<void()> on_closed) {
  on_closed_ = std::move(on_closed);
  idle_.expires_after(patience);
  idle_.async_wait([weak = weak_from_this()](std::error_code error) {
    const auto self = weak.lock();
    if (error || !self) return;
    if (const auto closed = self->on_closed_) closed();
  });
  socket_->start([this](const Frame& frame) { handle(frame); },
                 [this] {
                   if (on_closed_) on_closed_();
                 });
}

void ControlConnection::refuse(FrameSocket::Socket socket, const Error& error) {
  const auto executor = socket.get_executor();
  const auto last = std::make_shared<FrameSocket>(std::move(socket));
  // Closed at once, the client would fail to write its hello and never read this.
  const auto timer = std::make_shared<asio::steady_timer>(executor, kRefusalLife);
  last->start([](const Frame&) {}, [timer] { timer->cancel(); });
  last->send(encode_json_frame(json_text(json_error(nullptr, error))));
  timer->async_wait([last, timer](std::error_code) { last->close(); });
}

void ControlConnection::close() {
  on_closed_ = nullptr;
  idle_.cancel();
  calls_.clear();
  socket_->close_after_writes();
}

void ControlConnection::move() {
  for (const auto& [id, call] : calls_) call->move();
}

std::size_t ControlConnection::changes() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(calls_, [](const auto& entry) { return entry.second->is_change(); }));
}

void ControlConnection::handle(const Frame& frame) {
  if (frame.type == FrameType::json) {
    const auto message = Json::parse(text_of(frame.body), nullptr, false);
    return handle_json(message);
  }
  const auto call = calls_.find(frame.request);
  if (call != calls_.end()) call->second->input(frame.body);
}

void ControlConnection::handle_json(const Json& message) {
  const auto method = Params(message).text("method");
  if (method.empty()) {
    return respond_error(nullptr, {ExitCode::usage, "not a JSON-RPC 2.0 request", {}});
  }
  if (!message.contains("id")) {
    return handle_notification(method, message.value("params", Json::object()));
  }
  if (method == "hello") return handle_hello(message);
  handle_request(message);
}

void ControlConnection::handle_hello(const Json& message) {
  const auto sent = message.value("params", Json::object());
  Params params(sent);
  const auto protocol = params.text("protocol");
  const auto version = params.number("version").value_or(0);
  if (protocol != kControlProtocol || version != kControlVersion) {
    return respond_error(
        message["id"],
        {ExitCode::incompatible,
         fmt::format("the running node (cipnode {}) speaks version {} of the control protocol, "
                     "this program version {}",
                     kProgramVersion, kControlVersion, version),
         "stop the node with the program that started it, or use the same version"});
  }
  greeted_ = true;
  const Json hello{
      {"protocol", kControlProtocol}, {"version", kControlVersion}, {"program", kProgramVersion}};
  socket_->send(encode_json_frame(json_text(json_response(message["id"], hello))));
}

void ControlConnection::handle_request(const Json& message) {
  Params outer(message);
  const auto id = outer.number("id");
  if (!id || *id > UINT32_MAX || calls_.contains(static_cast<std::uint32_t>(*id))) {
    return respond_error(message["id"], {ExitCode::usage, "the request id is not a new u32", {}});
  }
  if (!greeted_) {
    return respond_error(message["id"],
                         {ExitCode::incompatible, "the first request must be hello", {}});
  }
  if (calls_.size() >= kMaxRequestsPerConnection) {
    return respond_error(message["id"],
                         {ExitCode::busy, "too many requests on this connection", {}});
  }
  idle_.cancel();
  const auto key = static_cast<std::uint32_t>(*id);
  auto& call = calls_[key] = std::make_unique<Call>(*this, key);
  call->start({outer.text("method"), message.value("params", Json::object())});
}

void ControlConnection::handle_notification(const std::string& method, const Json& params) {
  Params in(params);
  const auto id = in.number("id");
  const auto call = id ? calls_.find(static_cast<std::uint32_t>(*id)) : calls_.end();
  if (call == calls_.end()) return;
  if (method == "end") call->second->input_end();
  if (method == "input_error") {
    call->second->input_error(error_of(params.value("error", Json::object())));
  }
  if (method == "credit") {
    call->second->credit(in.number("bytes").value_or(0));
  }
  if (method == "cancel") {
    socket_->send(encode_json_frame(json_text(json_response(*id, nullptr))));
    forget(static_cast<std::uint32_t>(*id));
  }
}

void ControlConnection::respond_error(const Json& id, const Error& error) {
  socket_->send(encode_json_frame(json_text(json_error(id, error))));
}

// Later, since the operation itself may be what speaks.
void ControlConnection::forget(std::uint32_t id) {
  asio::post(io_, [self = weak_from_this(), id] {
    if (const auto alive = self.lock()) alive->calls_.erase(id);
  });
}

}  // namespace cip::node
