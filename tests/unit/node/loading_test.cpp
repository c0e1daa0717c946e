#include "node/loading.hpp"

#include <doctest/doctest.h>

using namespace cip;
using namespace cip::node;

namespace {

struct Silent final : Output {
  void result(const Json&) override {}
  void data(ByteView) override {}
  void progress(const Json&) override {}
  void notice(const std::string&) override {}
  void position(const Json&) override {}
  std::size_t room() const override { return 1; }
  std::uint64_t put() const override { return 0; }
  std::uint64_t taken() const override { return 0; }
  void consumed(std::size_t) override {}
  void done() override {}
  void fail(Error failure) override { error = std::move(failure); }
  std::optional<Error> error;
};

struct Noting final : Operation {
  Noting(Output& out, int& counter) : Operation(out), started(counter) {}
  void start() override { ++started; }
  int& started;
};

}  // namespace

TEST_CASE("a request that comes while the home is loaded starts when all of it is") {
  asio::io_context io;
  Loading loading(io);
  auto feeds = loading.part();
  auto topics = loading.part();
  loading.all_begun();
  Silent out;
  int started = 0;
  const auto early = start_when_loaded(loading, std::make_unique<Noting>(out, started), out);
  early->start();
  feeds.reset();
  io.poll();
  CHECK(started == 0);
  CHECK_FALSE(loading.is_done());
  topics.reset();
  io.restart();
  io.poll();
  CHECK(loading.is_done());
  CHECK(started == 1);
  start_when_loaded(loading, std::make_unique<Noting>(out, started), out)->start();
  CHECK(started == 2);
}

TEST_CASE("a request that was cancelled while the home was loaded never starts") {
  asio::io_context io;
  Loading loading(io);
  auto feeds = loading.part();
  loading.all_begun();
  Silent out;
  int started = 0;
  auto early = start_when_loaded(loading, std::make_unique<Noting>(out, started), out);
  early->start();
  early->handle_deadline();
  REQUIRE(out.error);
  CHECK(out.error->code == ExitCode::timeout);
  early.reset();
  feeds.reset();
  io.poll();
  CHECK(loading.is_done());
  CHECK(started == 0);
}
