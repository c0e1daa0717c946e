// What the machine at hand can do at most of each thing that a download of 64 KiB blocks consists
// of, on one core and one at a time, as one line of JSON in MB/s.
//
//   cip_bench_limits FOLDER

#include <fmt/format.h>
#include <netinet/in.h>
#include <sodium.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/crypto.hpp"
#include "base/random.hpp"
#include "store/feed_store.hpp"
#include "store/rocksdb/rocks_backend.hpp"

using namespace cip;

namespace {

constexpr std::size_t kBlock = 64 << 10;
constexpr std::size_t kBlocks = 4'000;

double rate_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  const auto took = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return static_cast<double>(kBlock * kBlocks) / took / 1e6;
}

double hashing(const Bytes& block) {
  return rate_of([&] {
    Bytes32 sum{};
    for (std::size_t i = 0; i < kBlocks; ++i) {
      crypto_generichash(sum.data(), sum.size(), block.data(), block.size(), sum.data(),
                         sum.size());
    }
  });
}

double secret_stream(const Bytes& block) {
  crypto_secretstream_xchacha20poly1305_state state;
  Bytes32 key{};
  FixedBytes<crypto_secretstream_xchacha20poly1305_HEADERBYTES> header{};
  crypto_secretstream_xchacha20poly1305_init_push(&state, header.data(), key.data());
  Bytes out(kBlock + crypto_secretstream_xchacha20poly1305_ABYTES);
  return rate_of([&] {
    for (std::size_t i = 0; i < kBlocks; ++i) {
      crypto_secretstream_xchacha20poly1305_push(&state, out.data(), nullptr, block.data(),
                                                 block.size(), nullptr, 0, 0);
    }
  });
}

// From one thread to another over loopback; the receiver's work counts as well.
double tcp(const Bytes& block) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  auto* address = reinterpret_cast<sockaddr*>(&at);
  if (bind(listener, address, size) != 0 || listen(listener, 1) != 0) std::abort();
  getsockname(listener, address, &size);
  const int out = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(out, address, size) != 0) std::abort();
  const int in = accept(listener, nullptr, nullptr);
  const auto rate = rate_of([&] {
    std::thread sender([&] {
      for (std::size_t i = 0; i < kBlocks; ++i) {
        for (std::size_t sent = 0; sent < kBlock;) {
          const auto n = write(out, block.data() + sent, kBlock - sent);
          if (n <= 0) std::abort();
          sent += static_cast<std::size_t>(n);
        }
      }
    });
    Bytes buffer(256 << 10);
    for (std::size_t left = kBlock * kBlocks; left > 0;) {
      const auto n = read(in, buffer.data(), buffer.size());
      if (n <= 0) std::abort();
      left -= static_cast<std::size_t>(n);
    }
    sender.join();
  });
  for (const int fd : {listener, out, in}) close(fd);
  return rate;
}

// Blocks as a download writes them, four a batch, the last one synced.
double disk(const std::string& folder, const Bytes& block) {
  SeededRandom random(1);
  store::RocksOptions options;
  options.folder = folder + "/db";
  auto backend = std::move(store::open_rocks_backend(options, random).value());
  store::FeedStore feeds(*backend, Bytes32{1});
  const auto feed =
      feeds.create({.name = "limit"}, store::FreshSecrets::draw(random)).value().record.number;
  return rate_of([&] {
    for (std::size_t i = 0; i < kBlocks; i += 4) {
      store::CommitOp op;
      op.feed = feed;
      for (std::size_t k = i; k < i + 4; ++k) op.blocks.push_back({k, block});
      if (!backend->commit(op)) std::abort();
    }
    if (!backend->sync()) std::abort();
  });
}

}  // namespace

int main(int argc, char** argv) {
  if (!init_crypto() || argc != 2) return 2;
  SeededRandom random(7);
  Bytes block(kBlock);
  random.fill(block);
  fmt::print("{{\"blake2b\":{:.0f},\"secretStream\":{:.0f},\"tcp\":{:.0f},\"disk\":{:.0f}}}\n",
             hashing(block), secret_stream(block), tcp(block), disk(argv[1], block));
}
