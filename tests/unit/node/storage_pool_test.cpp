#include "node/storage_pool.hpp"

#include <doctest/doctest.h>

#include <asio/executor_work_guard.hpp>
#include <atomic>
#include <future>

#include "base/random.hpp"
#include "store/memory_backend.hpp"
#include "tests/unit/node/support.hpp"

using namespace cip;
using namespace cip::node;
using test::run_until;

namespace {
struct PoolFixture {
  asio::io_context io;
  asio::executor_work_guard<asio::io_context::executor_type> kept_running{io.get_executor()};
  SeededRandom random{1};
  store::MemoryBackend backend{random};
};
}  // namespace

TEST_CASE_FIXTURE(PoolFixture, "jobs of one lane run one after the other, in order") {
  StoragePool pool(io, backend, 3);
  std::atomic<int> inside = 0;
  std::atomic<bool> overlapped = false;
  std::vector<int> order;
  for (int i = 0; i < 200; ++i) {
    pool.submit(
        store::lane_of(7),
        [&](store::Backend&) {
          if (++inside > 1) overlapped = true;
          --inside;
        },
        [&order, i] { order.push_back(i); });
  }
  REQUIRE(run_until(io, [&] { return order.size() == 200; }));
  CHECK_FALSE(overlapped);
  CHECK(std::is_sorted(order.begin(), order.end()));
  CHECK(pool.pending() == 0);
}

TEST_CASE_FIXTURE(PoolFixture, "a slow job of one lane does not hold up the others") {
  StoragePool pool(io, backend, 2);
  std::promise<void> release;
  bool slow_done = false, other_done = false;
  pool.submit(
      store::lane_of(1), [gate = release.get_future().share()](store::Backend&) { gate.wait(); },
      [&] { slow_done = true; });
  pool.submit(
      store::lane_of(2), [](store::Backend&) {}, [&] { other_done = true; });
  CHECK(run_until(io, [&] { return other_done; }));
  CHECK_FALSE(slow_done);
  release.set_value();
  CHECK(run_until(io, [&] { return slow_done; }));
}

TEST_CASE_FIXTURE(PoolFixture,
                  "what is submitted is done even if the pool goes, but nobody is told") {
  int ran = 0;
  bool told = false;
  {
    StoragePool pool(io, backend, 1);
    for (int i = 0; i < 10; ++i) {
      pool.submit(
          store::lane_of(1), [&](store::Backend&) { ++ran; }, [&] { told = true; });
    }
  }
  CHECK(ran == 10);
  io.poll();
  CHECK_FALSE(told);
}

TEST_CASE_FIXTURE(PoolFixture, "an operation of a feed comes back with its number, id and result") {
  StoragePool pool(io, backend);
  std::optional<std::error_code> error;
  pool.submit(store::StoreOp{5, store::ReadOp{99, {}, {0}}},
              [&](store::FeedNumber feed, store::StoreOpId id, store::StoreResult result) {
                CHECK(feed == 99);
                CHECK(id == 5);
                error = result ? std::error_code{} : result.error();
              });
  REQUIRE(run_until(io, [&] { return error.has_value(); }));
  CHECK(*error == store::Errc::not_found);
}

TEST_CASE_FIXTURE(PoolFixture, "what is asked for by value is run and answered here") {
  store::StorageRequests requests;
  StoragePool pool(io, backend);
  pool.serve(requests);
  std::optional<Result<void>> written;
  requests.ask(store::StorageLane::status, store::PutStateOp{"a", Bytes{1}},
               [&](const Result<void>& result) { written = result; });
  CHECK_FALSE(written);
  REQUIRE(run_until(io, [&] { return written.has_value(); }));
  CHECK(*written);
  CHECK(requests.pending() == 0);
  CHECK(*backend.find_state("a") == Bytes{1});
}
