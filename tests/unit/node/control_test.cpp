// The control service and its client over a real socket, with operations made up for the test.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/control_client.hpp"
#include "node/control_server.hpp"
#include "node/json_rpc.hpp"
#include "tests/unit/node/support.hpp"

using namespace cip;
using namespace cip::node;
using test::Recorder;
using test::run_until;

namespace {

// feed.append: counts its input. feed.cat: puts out `bytes` bytes as the reader takes them.
// subscribe: runs until it is cancelled. find: fails. status: answers with what it was asked.
struct TestService final : Service {
  int alive = 0;
  std::size_t longest_queue = 0;

  struct Counted : Operation {
    Counted(TestService& owner, Output& out) : Operation(out), service(owner) { ++service.alive; }
    ~Counted() override { --service.alive; }
    void start() override {}
    TestService& service;
  };
  struct Append final : Counted {
    using Counted::Counted;
    void handle_input(ByteView bytes) override {
      size += bytes.size();
      out_.consumed(bytes.size());
    }
    void handle_input_end() override {
      out_.result({{"bytes", size}});
      out_.done();
    }
    std::size_t size = 0;
  };
  struct Cat final : Counted {
    Cat(TestService& owner, Output& out, std::size_t bytes) : Counted(owner, out), left(bytes) {}
    void start() override { handle_room(); }
    void handle_room() override {
      while (left > 0 && out_.room() > 0) {
        const Bytes chunk(std::min<std::size_t>(left, 100'000), 0x5a);
        out_.data(chunk);
        left -= chunk.size();
      }
      if (left == 0) out_.done();
    }
    std::size_t left;
  };
  struct Subscribe final : Counted {
    using Counted::Counted;
    void start() override { out_.result({{"seq", 1}}); }
  };
  struct Echo final : Counted {
    Echo(TestService& owner, Output& out, Json params) : Counted(owner, out), value(params) {}
    void start() override {
      out_.notice("look");
      out_.progress({{"half", true}});
      out_.result(value);
      out_.done();
    }
    Json value;
  };

  Outcome<std::unique_ptr<Operation>> make_operation(const Request& request, Output& out) override {
    if (request.method == "feed.append") return std::make_unique<Append>(*this, out);
    if (request.method == "feed.cat") {
      return std::make_unique<Cat>(*this, out, request.params["bytes"].get<std::size_t>());
    }
    if (request.method == "subscribe") return std::make_unique<Subscribe>(*this, out);
    if (request.method == "status") return std::make_unique<Echo>(*this, out, request.params);
    return fail_with(ExitCode::no_route, "nobody there", "look elsewhere");
  }
};

struct ControlFixture {
  test::TemporaryDirectory directory;
  HomePaths paths{directory.path()};
  asio::io_context io;
  TestService service;
  std::unique_ptr<ControlServer> server = std::move(*ControlServer::open(io, paths, service));

  struct Client {
    Recorder seen;
    std::shared_ptr<ControlCall> call;
    bool ended = false;
    std::optional<Error> error;
    ~Client() { call->close(); }
  };

  std::unique_ptr<Client> start(const std::string& method, Json params = Json::object()) {
    auto client = std::make_unique<Client>();
    client->call = *ControlCall::connect(io, paths, {method, std::move(params)}, client->seen);
    client->call->start(
        [raw = client.get()](std::optional<Error> error) {
          raw->ended = true;
          raw->error = std::move(error);
        },
        [] {});
    return client;
  }
};

}  // namespace

TEST_CASE_FIXTURE(ControlFixture, "the control socket belongs to its owner alone") {
  struct stat info {};
  REQUIRE(::stat(paths.socket.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
}

TEST_CASE_FIXTURE(ControlFixture, "a request brings its results, notices and progress, then ends") {
  const auto client = start("status", {{"zebra", "\xff"}, {"apple", 2}});
  REQUIRE(run_until(io, [&] { return client->ended; }));
  CHECK_FALSE(client->error);
  REQUIRE(client->seen.results.size() == 1);
  CHECK(client->seen.results[0].begin().key() == "zebra");
  CHECK(client->seen.notices == std::vector<std::string>{"look"});
  CHECK(client->seen.progress.size() == 1);
  CHECK(run_until(io, [&] { return service.alive == 0; }));
}

TEST_CASE_FIXTURE(ControlFixture, "an error arrives with class, message and hint") {
  const auto client = start("find");
  REQUIRE(run_until(io, [&] { return client->ended; }));
  REQUIRE(client->error);
  CHECK(client->error->code == ExitCode::no_route);
  CHECK(client->error->message == "nobody there");
  CHECK(client->error->hint == "look elsewhere");
}

TEST_CASE_FIXTURE(ControlFixture, "input larger than the credit arrives whole") {
  const auto client = start("feed.append");
  std::size_t left = 3 * kStreamCredit + 17;
  const auto pump = [&] {
    while (left > 0 && client->call->input_room() > 0) {
      const Bytes chunk(std::min({left, client->call->input_room(), kMaxChunkSize}), 1);
      client->call->send_input(chunk);
      left -= chunk.size();
    }
    return left == 0;
  };
  REQUIRE(run_until(io, pump));
  client->call->send_input_end();
  REQUIRE(run_until(io, [&] { return client->ended; }));
  CHECK(client->seen.results.at(0)["bytes"] == 3 * kStreamCredit + 17);
}

TEST_CASE_FIXTURE(ControlFixture, "raw output larger than the credit arrives whole") {
  const auto client = start("feed.cat", {{"bytes", 5'000'000}});
  REQUIRE(run_until(io, [&] { return client->ended; }));
  CHECK(client->seen.data == Bytes(5'000'000, 0x5a));
}

TEST_CASE_FIXTURE(ControlFixture, "a connection that closes cancels its requests") {
  auto client = start("subscribe");
  REQUIRE(run_until(io, [&] { return client->seen.results.size() == 1; }));
  CHECK(service.alive == 1);
  CHECK(server->requests() == 1);
  client.reset();
  CHECK(run_until(io, [&] { return service.alive == 0 && server->connections() == 0; }));
}

TEST_CASE_FIXTURE(ControlFixture, "a cancelled request ends without error") {
  const auto client = start("subscribe");
  REQUIRE(run_until(io, [&] { return client->seen.results.size() == 1; }));
  client->call->cancel();
  REQUIRE(run_until(io, [&] { return client->ended; }));
  CHECK_FALSE(client->error);
  CHECK(run_until(io, [&] { return service.alive == 0; }));
}

TEST_CASE_FIXTURE(ControlFixture, "a request may not take longer than its caller allows") {
  const auto client = start("subscribe", {{"timeoutMs", 1}});
  REQUIRE(run_until(io, [&] { return client->ended; }));
  REQUIRE(client->error);
  CHECK(client->error->code == ExitCode::timeout);
}

TEST_CASE_FIXTURE(ControlFixture, "a node gives a sign of life in the middle of a request") {
  const auto client = start("subscribe");
  REQUIRE(run_until(io, [&] { return client->seen.results.size() == 1; }));
  client->call->ask_if_awake();
  CHECK_FALSE(client->call->is_awake());
  REQUIRE(run_until(io, [&] { return client->call->is_awake(); }));
  CHECK(client->seen.results.size() == 1);  // the request was not put again
  CHECK_FALSE(client->ended);
}

TEST_CASE_FIXTURE(ControlFixture,
                  "a change whose node goes away is unconfirmed, a question is not") {
  const auto change = start("feed.append");
  const auto question = start("subscribe");
  REQUIRE(run_until(io, [&] { return service.alive == 2; }));
  server.reset();
  REQUIRE(run_until(io, [&] { return change->ended && question->ended; }));
  CHECK(change->error->code == ExitCode::unconfirmed);
  CHECK(change->call->loss() == ControlCall::Loss::at_work);
  CHECK(question->error->code == ExitCode::no_daemon);
}

TEST_CASE_FIXTURE(ControlFixture, "a home without a node is no_daemon") {
  server.reset();
  Recorder seen;
  const auto call = ControlCall::connect(io, paths, {"status", Json::object()}, seen);
  REQUIRE_FALSE(call);
  CHECK(call.error().code == ExitCode::no_daemon);
}

TEST_CASE_FIXTURE(ControlFixture, "another version of the protocol is incompatible") {
  FrameSocket::Socket socket(io);
  const SocketAddress address(paths.socket);
  socket.connect(address.endpoint());
  const auto raw = std::make_shared<FrameSocket>(std::move(socket));
  std::vector<Json> answers;
  raw->start([&](const Frame& frame) { answers.push_back(Json::parse(frame.body)); }, [] {});
  const auto send = [&](const Json& message) { raw->send(encode_json_frame(json_text(message))); };
  send(json_request(1, "status", Json::object()));
  send(json_request(0, "hello", {{"protocol", kControlProtocol}, {"version", 99}}));
  REQUIRE(run_until(io, [&] { return answers.size() == 2; }));
  CHECK(answers[0]["error"]["code"] == 10);
  CHECK(answers[1]["error"]["code"] == 10);
  CHECK(answers[1]["error"]["data"]["class"] == "incompatible");
  raw->close();
}

TEST_CASE_FIXTURE(ControlFixture, "bytes that are no frames close that connection alone") {
  const auto good = start("subscribe");
  REQUIRE(run_until(io, [&] { return good->seen.results.size() == 1; }));
  FrameSocket::Socket socket(io);
  const SocketAddress address(paths.socket);
  socket.connect(address.endpoint());
  const auto raw = std::make_shared<FrameSocket>(std::move(socket));
  bool closed = false;
  raw->start([](const Frame&) {}, [&] { closed = true; });
  raw->send(Bytes(64, 0xff));
  CHECK(run_until(io, [&] { return closed; }));
  CHECK_FALSE(good->ended);
}

TEST_CASE_FIXTURE(ControlFixture, "a client above the bound is told that the node is busy") {
  std::vector<std::unique_ptr<Client>> clients;
  for (std::size_t i = 0; i < kMaxControlConnections; ++i) clients.push_back(start("subscribe"));
  REQUIRE(run_until(io, [&] { return server->requests() == kMaxControlConnections; }));
  const auto late = start("status");
  REQUIRE(run_until(io, [&] { return late->ended; }));
  REQUIRE(late->error);
  CHECK(late->error->code == ExitCode::busy);
  clients.pop_back();
  REQUIRE(run_until(io, [&] { return server->connections() < kMaxControlConnections; }));
  const auto next = start("status");
  REQUIRE(run_until(io, [&] { return next->ended; }));
  CHECK_FALSE(next->error);
}

TEST_CASE_FIXTURE(ControlFixture,
                  "a client that asks for nothing is let go, one that does is not") {
  server.reset();
  server = std::move(*ControlServer::open(io, paths, service, std::chrono::milliseconds(50)));
  const auto busy = start("subscribe");
  REQUIRE(run_until(io, [&] { return busy->seen.results.size() == 1; }));
  FrameSocket::Socket socket(io);
  const SocketAddress address(paths.socket);
  socket.connect(address.endpoint());
  const auto raw = std::make_shared<FrameSocket>(std::move(socket));
  bool closed = false;
  raw->start([](const Frame&) {}, [&] { closed = true; });
  CHECK(run_until(io, [&] { return closed; }));
  CHECK_FALSE(busy->ended);
  CHECK(server->connections() == 1);
}

TEST_CASE("a socket path longer than the kernel takes works all the same") {
  const test::TemporaryDirectory directory;
  const auto home = directory.path() / std::string(120, 'x');
  std::filesystem::create_directory(home);
  const HomePaths paths(home);
  asio::io_context io;
  TestService service;
  const auto server = ControlServer::open(io, paths, service);
  REQUIRE(server);
  Recorder seen;
  const auto call = ControlCall::connect(io, paths, {"status", Json::object()}, seen);
  REQUIRE(call);
  bool ended = false;
  (*call)->start([&](std::optional<Error>) { ended = true; }, [] {});
  CHECK(run_until(io, [&] { return ended; }));
  CHECK(seen.results.size() == 1);
}
