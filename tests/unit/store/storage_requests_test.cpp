#include "store/storage_requests.hpp"

#include <doctest/doctest.h>

#include "store/memory_backend.hpp"

namespace cip::store {

TEST_CASE("requests are polled in order, and each answer comes to who asked, once") {
  SeededRandom random(1);
  MemoryBackend backend(random);
  StorageRequests requests;
  int wakes = 0;
  requests.on_asked = [&] { ++wakes; };
  std::string told;
  requests.ask(StorageLane::status, PutStateOp{"a", Bytes{7}},
               [&](const Result<void>& put) { told += put ? "put " : "failed "; });
  requests.ask(lane_of(3), ListFeedsOp{},
               [&](const Result<std::vector<FeedRecord>>&) { told += "listed "; });
  requests.ask(StorageLane::directory, DropStateOp{"b"});
  CHECK(wakes == 3);
  CHECK(requests.pending() == 3);

  std::vector<StorageRequest> asked;
  while (auto request = requests.poll()) asked.push_back(std::move(*request));
  REQUIRE(asked.size() == 3);
  CHECK(asked[0].lane == StorageLane::status);
  CHECK(asked[1].lane == lane_of(3));
  CHECK(told.empty());
  // In any order.
  for (const auto at : {1, 0, 2}) requests.handle_done(asked[at].id, run(backend, asked[at].op));
  CHECK(told == "listed put ");
  CHECK(requests.pending() == 0);
  CHECK(*backend.find_state("a") == Bytes{7});
}

TEST_CASE("who is gone is not answered") {
  SeededRandom random(1);
  MemoryBackend backend(random);
  StorageRequests requests;
  auto asker = std::make_shared<int>();
  int answers = 0;
  for (int i = 0; i < 2; ++i) {
    requests.ask(StorageLane::directory, BarrierOp{}, asker,
                 [&](const Result<void>&) { ++answers; });
    const auto request = requests.poll();
    REQUIRE(request);
    if (i == 1) asker.reset();
    requests.handle_done(request->id, run(backend, request->op));
  }
  CHECK(answers == 1);
  CHECK(requests.pending() == 0);
}

TEST_CASE("who is answered may ask again") {
  SeededRandom random(1);
  MemoryBackend backend(random);
  StorageRequests requests;
  int answers = 0;
  requests.on_asked = [&] {
    while (const auto request = requests.poll())
      requests.handle_done(request->id, run(backend, request->op));
  };
  requests.ask(StorageLane::directory, BarrierOp{}, [&](const Result<void>&) {
    ++answers;
    requests.ask(StorageLane::directory, BarrierOp{}, [&](const Result<void>&) { ++answers; });
  });
  CHECK(answers == 2);
  CHECK(requests.pending() == 0);
}

}  // namespace cip::store
