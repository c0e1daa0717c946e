// Times of one feed on RocksDB through the public API (store/local_feed.hpp), as one line of JSON.
//
//   cip_bench_store FOLDER append BLOCKS SIZE BATCH   appends in batches, each durable
//   cip_bench_store FOLDER synced COUNT               single appends beside bare fdatasync calls
//   cip_bench_store FOLDER read BLOCKS SIZE READS CACHE_MIB
//                                                     random reads, second pass, and opening, with
//                                                     a run cache of that size

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "store/local_feed.hpp"
#include "store/rocksdb/rocks_backend.hpp"

using namespace cip;

namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

struct Bench {
  explicit Bench(std::string path) : folder(std::move(path)) { open(); }

  void open(std::size_t run_cache_bytes = store::RocksOptions{}.run_cache_bytes) {
    store::RocksOptions options;
    options.folder = folder + "/db";
    options.run_cache_bytes = run_cache_bytes;
    backend = std::move(store::open_rocks_backend(options, random).value());
    feeds.emplace(*backend, Bytes32{1});
  }
  store::LocalFeed create() {
    return {feeds->create({.name = "bench"}, store::FreshSecrets::draw(random)).value(), *backend};
  }
  std::vector<Bytes> blocks(std::uint64_t count, std::size_t size) {
    std::vector<Bytes> out(count, Bytes(size));
    for (auto& block : out) random.fill(block);
    return out;
  }

  std::string folder;
  SeededRandom random{1};
  std::unique_ptr<store::Backend> backend;
  std::optional<store::FeedStore> feeds;
};

void append_all(store::LocalFeed& feed, const std::vector<Bytes>& batch, std::uint64_t blocks) {
  while (feed.feed().length() < blocks) feed.append(batch).value();
}

void bench_append(Bench& bench, std::uint64_t blocks, std::size_t size, std::uint64_t batch) {
  auto feed = bench.create();
  const auto values = bench.blocks(batch, size);
  const auto start = std::chrono::steady_clock::now();
  append_all(feed, values, blocks);
  const auto took = seconds_since(start);
  fmt::print("{{\"blocks\":{},\"blocksPerSecond\":{:.0f}}}\n", blocks,
             static_cast<double>(blocks) / took);
}

// The bare cost is that of a file which grows by the size of such a commit.
void bench_synced(Bench& bench, std::uint64_t count) {
  auto feed = bench.create();
  const int fd = ::open((bench.folder + "/bare").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  const auto block = bench.blocks(1, 100).front();
  const Bytes line(512, 1);
  std::vector<double> bare, ours;
  for (std::uint64_t i = 0; i < count; ++i) {
    auto start = std::chrono::steady_clock::now();
    if (::write(fd, line.data(), line.size()) < 0 || ::fdatasync(fd) != 0) std::abort();
    bare.push_back(seconds_since(start));
    start = std::chrono::steady_clock::now();
    feed.append(ByteView(block)).value();
    ours.push_back(seconds_since(start));
  }
  ::close(fd);
  fmt::print("{{\"appendMs\":{:.3f},\"fdatasyncMs\":{:.3f},\"ratio\":{:.2f}}}\n",
             1e3 * median(ours), 1e3 * median(bare), median(ours) / median(bare));
}

struct Reading {
  std::uint64_t blocks = 0;
  std::size_t size = 0;
  std::uint64_t reads = 0;
  std::size_t cache_bytes = 0;
};

void bench_read(Bench& bench, const Reading& wanted) {
  const auto [blocks, size, reads, cache_bytes] = wanted;
  Bytes32 key{};
  {
    auto feed = bench.create();
    key = feed.feed().key();
    append_all(feed, bench.blocks(10'000, size), blocks);
  }
  bench.feeds.reset();
  bench.backend.reset();
  bench.open(cache_bytes);
  auto start = std::chrono::steady_clock::now();
  store::LocalFeed feed(bench.feeds->open(key).value(), *bench.backend);
  const auto opened = seconds_since(start);
  double took = 0;
  for (int pass = 0; pass < 2; ++pass) {
    SeededRandom order(7);
    start = std::chrono::steady_clock::now();
    for (std::uint64_t i = 0; i < reads; ++i) {
      if (feed.read(order.below(blocks)).value().size() != size) std::abort();
    }
    took = seconds_since(start);
  }
  fmt::print("{{\"readsPerSecond\":{:.0f},\"openMs\":{:.2f}}}\n", static_cast<double>(reads) / took,
             1e3 * opened);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  if (!init_crypto() || args.size() < 3) return 2;
  const auto number = [&](std::size_t i) { return std::stoull(args.at(i)); };
  Bench bench(args[0]);
  if (args[1] == "append") bench_append(bench, number(2), number(3), number(4));
  if (args[1] == "synced") bench_synced(bench, number(2));
  if (args[1] == "read") {
    bench_read(bench, {number(2), number(3), number(4), number(5) << 20});
  }
}
