#include "node/storage_pool.hpp"

#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <unordered_map>

namespace cip::node {

class StoragePool::Impl {
 public:
  struct Task {
    Job job;
    Done done;
  };

  Impl(asio::io_context& context, store::Backend& database, std::size_t threads)
      : io(context), backend(database), workers(threads) {
    try {
      for (auto& worker : workers) worker.thread = std::thread([this, &worker] { work(worker); });
    } catch (const std::system_error&) {
      stop();  // those that were started
      throw;
    }
  }

  void submit(store::StorageLane lane, Task task) {
    ++pending;
    Worker* called = nullptr;
    {
      const std::lock_guard lock(mutex);
      auto& queue = queues[lane];
      queue.push_back(std::move(task));
      // A lane with more than one task is in `ready` already, or being worked on.
      if (queue.size() > 1) return;
      ready.push_back(lane);
      called = call_one();
    }
    if (called != nullptr) called->wake.notify_one();
  }

  // Results that are on their way to the network thread find the pool closed.
  void stop() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    for (auto& worker : workers) worker.wake.notify_one();
    for (auto& worker : workers) {
      if (worker.thread.joinable()) worker.thread.join();
    }
    *open = false;
  }

  std::size_t pending = 0;  // network thread only

 private:
  struct Worker {
    std::condition_variable wake;
    bool is_called = false;
    std::thread thread;
  };

  // Of those that wait the last that worked, whose caches are warm. Null: none waits.
  Worker* call_one() {
    if (idle.empty()) return nullptr;
    auto* worker = idle.back();
    idle.pop_back();
    worker->is_called = true;
    return worker;
  }

  void work(Worker& worker) {
    std::unique_lock lock(mutex);
    while (true) {
      while (ready.empty()) {
        if (stopping) return;
        idle.push_back(&worker);
        worker.wake.wait(lock, [&] { return worker.is_called || stopping; });
        worker.is_called = false;
      }
      const auto lane = ready.front();
      ready.pop_front();
      auto task = std::move(queues[lane].front());
      lock.unlock();
      task.job(backend);
      task.job = nullptr;
      hand_back(std::move(task.done));
      lock.lock();
      auto& queue = queues[lane];
      queue.pop_front();
      if (queue.empty()) {
        queues.erase(lane);
      } else {
        ready.push_back(lane);
        // One of those ready is for this thread.
        auto* called = ready.size() > 1 ? call_one() : nullptr;
        if (called != nullptr) called->wake.notify_one();
      }
    }
  }

  void hand_back(Done done) {
    asio::post(io, [this, alive = open, callback = std::move(done)] {
      if (!*alive) return;
      --pending;
      callback();
    });
  }

  asio::io_context& io;
  store::Backend& backend;
  std::shared_ptr<bool> open = std::make_shared<bool>(true);
  std::mutex mutex;
  std::unordered_map<store::StorageLane, std::deque<Task>> queues;
  std::deque<store::StorageLane> ready;
  bool stopping = false;
  std::vector<Worker> workers;
  std::vector<Worker*> idle;
};

StoragePool::StoragePool(asio::io_context& io, store::Backend& backend, std::size_t threads)
    : impl_(std::make_shared<Impl>(io, backend, threads)) {}
StoragePool::~StoragePool() { impl_->stop(); }

void StoragePool::submit(store::StorageLane lane, Job job, Done done) {
  impl_->submit(lane, {std::move(job), std::move(done)});
}

void StoragePool::submit(
    store::StoreOp op,
    std::function<void(store::FeedNumber, store::StoreOpId, store::StoreResult)> done) {
  const auto feed = op.feed();
  const auto id = op.id;
  auto result = std::make_shared<store::StoreResult>();
  submit(
      store::lane_of(feed),
      [op = std::move(op), result](store::Backend& backend) {
        if (const auto* read = std::get_if<store::ReadOp>(&op.op)) {
          *result = backend.read(*read);
          return;
        }
        const auto committed = backend.commit(*std::get<store::CommitPtr>(op.op));
        *result = committed ? store::StoreResult{} : fail(committed.error());
      },
      [feed, id, result, done = std::move(done)] { done(feed, id, std::move(*result)); });
}

void StoragePool::serve(store::StorageRequests& requests) {
  requests.on_asked = [this, &requests] {
    while (auto request = requests.poll()) {
      auto answer = std::make_shared<store::StorageAnswer>();
      submit(
          request->lane,
          [op = std::make_shared<const store::StorageOp>(std::move(request->op)),
           answer](store::Backend& backend) { *answer = store::run(backend, *op); },
          [&requests, id = request->id, answer] { requests.handle_done(id, std::move(*answer)); });
    }
  };
}

std::size_t StoragePool::pending() const { return impl_->pending; }

}  // namespace cip::node
