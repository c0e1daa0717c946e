#pragma once

// What is asked of the disk and not answered yet. Pure: whoever owns it is told by on_asked when
// there is something to poll, and brings the answers back in any order.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/assert.hpp"
#include "base/fifo.hpp"
#include "store/storage_op.hpp"

namespace cip::store {

// Operations of one lane run one after the other in the order they were asked for; those of
// different lanes side by side. Each feed is a lane; its StoreOps are in it too.
enum class StorageLane : std::uint64_t {
  directory = std::uint64_t{1} << 40,  // above every FeedNumber
  status,
  records,
  reclaim,   // giving the disk back: nobody waits for it
  recovery,  // of the database after a failure
};
constexpr StorageLane lane_of(FeedNumber feed) { return static_cast<StorageLane>(feed); }

using StorageRequestId = std::uint64_t;

struct StorageRequest {
  StorageRequestId id = 0;
  StorageLane lane{};
  StorageOp op;
};

class StorageRequests {
 public:
  StorageRequests() = default;
  StorageRequests(const StorageRequests&) = delete;
  StorageRequests& operator=(const StorageRequests&) = delete;

  // `done` is called with the answer, once, from handle_done().
  template <typename Op>
  void ask(StorageLane lane, Op op, std::function<void(typename Op::Answer)> done) {
    const auto id = ++last_;
    waiting_.emplace(id, [done = std::move(done)](StorageAnswer answer) {
      CIP_ASSERT(std::holds_alternative<typename Op::Answer>(answer));
      done(std::move(std::get<typename Op::Answer>(answer)));
    });
    asked_.push(StorageRequest{id, lane, std::move(op)});
    on_asked();
  }
  // The same, but `done` is not called once `asker` is gone.
  template <typename Op>
  void ask(StorageLane lane, Op op, std::weak_ptr<const void> asker,
           std::function<void(typename Op::Answer)> done) {
    ask(lane, std::move(op),
        [asker = std::move(asker), done = std::move(done)](typename Op::Answer answer) {
          if (!asker.expired()) done(std::move(answer));
        });
  }
  // Nobody waits for the answer.
  template <typename Op>
  void ask(StorageLane lane, Op op) {
    ask(lane, std::move(op), [](const typename Op::Answer&) {});
  }

  std::optional<StorageRequest> poll() { return asked_.pop(); }
  void handle_done(StorageRequestId id, StorageAnswer answer) {
    const auto waiter = waiting_.extract(id);
    CIP_ASSERT(!waiter.empty());
    waiter.mapped()(std::move(answer));
  }

  // Asked for and not answered yet.
  std::size_t pending() const { return waiting_.size(); }

  std::function<void()> on_asked = [] {};

 private:
  StorageRequestId last_ = 0;
  Fifo<StorageRequest> asked_;
  std::unordered_map<StorageRequestId, std::function<void(StorageAnswer)>> waiting_;
};

}  // namespace cip::store
