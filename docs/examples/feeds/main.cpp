// Feeds in a program of one's own: append, read, and replicate over TCP (docs/api.md).
//
//   feeds append FOLDER TEXT...       appends blocks to the feed "log"; prints key and length
//   feeds read FOLDER KEY             prints the blocks that are here
//   feeds seed FOLDER KEY [PORT]      serves the feed on loopback; prints where
//   feeds fetch FOLDER KEY HOST:PORT  downloads the feed from there
//
// Exit codes: 0 done, 1 it failed (said on stderr), 2 wrong arguments.

#include <fmt/format.h>
#include <sodium.h>

#include <cstdio>
#include <string>
#include <vector>

#include "base/text.hpp"
#include "overlay/hub.hpp"
#include "sockets.hpp"
#include "store/local_feed.hpp"
#include "store/rocksdb/rocks_backend.hpp"

using namespace cip;

namespace {

class SystemRandom final : public Random {
 public:
  void fill(MutableByteView out) override { randombytes_buf(out.data(), out.size()); }
};

int failed(const std::string& what, std::error_code why) {
  fmt::print(stderr, "feeds: {}: {}\n", what, why.message());
  return 1;
}

// One folder with a database. Secrets of feeds are in its key ring; the primary key would only be
// needed to derive keys, which this program does not do.
struct Home {
  SystemRandom random;
  std::unique_ptr<store::Backend> backend;
  std::unique_ptr<store::FeedStore> feeds;

  Result<void> open(const std::string& folder) {
    auto opened = store::open_rocks_backend({.folder = folder}, random);
    if (!opened) return tl::make_unexpected(opened.error());
    backend = std::move(*opened);
    feeds = std::make_unique<store::FeedStore>(*backend, Bytes32{});
    return {};
  }
};

Result<store::OpenFeed> own_log(Home& home) {
  const auto found = home.backend->find_feed_by_name("log");
  if (found) return home.feeds->open(found->number);
  return home.feeds->create({.name = "log"}, store::FreshSecrets::draw(home.random));
}

int append(Home& home, const std::vector<std::string>& texts) {
  auto opened = own_log(home);
  if (!opened) return failed("opening the feed", opened.error());
  store::LocalFeed log(std::move(*opened), *home.backend);
  std::vector<Bytes> blocks;
  for (const auto& text : texts) blocks.emplace_back(text.begin(), text.end());
  const auto length = log.append(std::move(blocks));  // durable when it returns
  if (!length) return failed("appending", length.error());
  fmt::print("{} {}\n", to_z32(log.feed().key()), *length);
  return 0;
}

int read(Home& home, const Bytes32& key) {
  auto opened = home.feeds->open(key);
  if (!opened) return failed("opening the feed", opened.error());
  store::LocalFeed feed(std::move(*opened), *home.backend);
  for (std::uint64_t i = 0; i < feed.feed().length(); ++i) {
    if (!feed.feed().has(i)) continue;
    const auto block = feed.read(i);
    if (!block) return failed(fmt::format("block {}", i), block.error());
    fmt::print("{}\n", std::string(block->begin(), block->end()));
  }
  return 0;
}

// A participant without a DHT: it listens, or dials an address that it was told.
struct Peer {
  explicit Peer(Home& home)
      : hub({.identity = make_key_pair(home.random.bytes<32>()), .swarm = false}, home.random),
        sockets(hub, *home.backend) {}

  overlay::Hub hub;
  example::Sockets sockets;
};

int seed(Home& home, const Bytes32& key, std::uint16_t port) {
  auto opened = home.feeds->open(key);
  if (!opened) return failed("opening the feed", opened.error());
  Peer peer(home);
  peer.hub.replication().add_feed(std::move(opened->feed), {.serve = true, .keep_open = true});
  const auto bound = peer.sockets.listen(port);
  if (bound < 0) return failed("listening", {-bound, std::system_category()});
  fmt::print("127.0.0.1:{}\n", bound);
  std::fflush(stdout);
  for (;;) {
    peer.sockets.turn();
    while (peer.hub.poll_event()) {
    }
  }
}

// What a download came to, by the events of the hub; nullopt: it goes on.
std::optional<int> outcome(const overlay::HubEvent& event) {
  if (const auto* failure = std::get_if<overlay::DialFailed>(&event))
    return failed("connecting to " + to_string(failure->to.address), failure->error);
  if (std::holds_alternative<overlay::StreamDown>(event)) {
    fmt::print(stderr, "feeds: the peer is gone\n");
    return 1;
  }
  const auto* news = std::get_if<overlay::FeedNews>(&event);
  if (news == nullptr) return std::nullopt;
  if (std::holds_alternative<overlay::FeedRefused>(news->what)) {
    fmt::print(stderr, "feeds: the peer does not have this feed\n");
    return 1;
  }
  const auto* what = std::get_if<overlay::ReplicatorEvent>(&news->what);
  const auto* sync = what != nullptr ? std::get_if<overlay::InSync>(what) : nullptr;
  if (sync == nullptr || !sync->finished) return std::nullopt;
  fmt::print("{} blocks\n", sync->length);
  return 0;
}

int fetch(Home& home, const Bytes32& key, Endpoint from) {
  auto opened = home.feeds->open_replica({.key = key, .disk_class = store::DiskClass::kept});
  if (!opened) return failed("opening the feed", opened.error());
  Peer peer(home);
  auto& replication = peer.hub.replication();
  const auto number = opened->record.number;
  replication.add_feed(std::move(opened->feed));
  replication.download(example::now(), number, {});
  peer.hub.dial(example::now(), overlay::tcp_candidate(from), {opened->record.discovery_key});
  for (;;) {
    peer.sockets.turn();
    while (auto event = peer.hub.poll_event()) {
      const auto code = outcome(*event);
      if (!code) continue;
      // Downloads are written as they come and durable after this.
      const auto synced = home.backend->sync();
      return synced ? *code : failed("writing", synced.error());
    }
  }
}

int usage() {
  fmt::print(stderr,
             "usage: feeds append FOLDER TEXT... | read FOLDER KEY | seed FOLDER KEY [PORT] | "
             "fetch FOLDER KEY HOST:PORT\n");
  return 2;
}

int run(const std::vector<std::string>& args) {
  if (args.size() < 3) return usage();
  Home home;
  if (const auto opened = home.open(args[1]); !opened) return failed(args[1], opened.error());
  if (args[0] == "append") return append(home, {args.begin() + 2, args.end()});
  const auto key = parse_key(args[2]);
  if (!key) return usage();
  if (args[0] == "read") return read(home, *key);
  if (args[0] == "seed") {
    return seed(home, *key, args.size() > 3 ? static_cast<std::uint16_t>(std::stoi(args[3])) : 0);
  }
  const auto from = args.size() > 3 ? parse_endpoint(args[3]) : parse_endpoint("");
  if (args[0] != "fetch" || !from) return usage();
  return fetch(home, *key, *from);
}

}  // namespace

int main(int argc, char** argv) {
  if (!init_crypto()) return 1;
  return run({argv + 1, argv + argc});
}
