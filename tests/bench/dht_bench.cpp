// Measures DHT work of whole participants over real UDP sockets on loopback; prints one JSON object
// per result. Driven by scripts/bench, which runs the stock peers beside it.
//
//   dht_bench network NODES OPS CONCURRENCY
//     find_node by a client of NODES nodes in this process
//   dht_bench client HOST:PORT OPS CONCURRENCY
//     find_node, then put, by a client of a network there
//   dht_bench kill NODES DEAD OPS
//     find_node before and after DEAD of NODES nodes ended
//   dht_bench load HOST:PORT SECONDS
//     requests that the node there answers in a second

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dht/message.hpp"
#include "node/clock.hpp"
#include "node/participant.hpp"
#include "node/system_random.hpp"
#include "store/memory_backend.hpp"

namespace {

using namespace cip;
using namespace cip::node;

constexpr Endpoint kAnyPort{0x7f000001, 0};

struct Figures {
  double per_second = 0, p50 = 0, p99 = 0, worst = 0, requests = 0;
};

Figures figures_of(std::vector<double> times_ms, double seconds, std::uint64_t requests) {
  std::sort(times_ms.begin(), times_ms.end());
  const auto at = [&](double share) {
    const auto place = static_cast<std::size_t>(share * static_cast<double>(times_ms.size()));
    return times_ms[std::min(place, times_ms.size() - 1)];
  };
  const auto count = static_cast<double>(times_ms.size());
  return {count / seconds, at(0.5), at(0.99), times_ms.back(),
          static_cast<double>(requests) / count};
}

void print(const char* what, const Figures& f) {
  std::printf(
      "{\"what\":\"%s\",\"perSecond\":%.1f,\"p50ms\":%.3f,\"p99ms\":%.3f,\"maxms\":%.3f,"
      "\"requestsPerOp\":%.1f}\n",
      what, f.per_second, f.p50, f.p99, f.worst, f.requests);
  std::fflush(stdout);
}

// Participants in one process, each with sockets of its own.
class Bench {
 public:
  Bench() : backend_(random_), pool_(io_, backend_, 1) {}
  ~Bench() {
    for (auto& member : members_) member->stop();
  }

  Participant& add(std::vector<Endpoint> contacts, bool ephemeral = false) {
    ParticipantOptions options;
    options.identity = make_key_pair(random_.bytes<32>());
    options.dht.bootstrap = std::move(contacts);
    if (ephemeral) options.dht.mode = dht::NodeOptions::Mode::ephemeral;
    options.listen = kAnyPort;
    auto opened = Participant::open({io_, arena_, random_, pool_}, std::move(options));
    if (!opened) {
      std::fprintf(stderr, "%s\n", opened.error().message.c_str());
      std::exit(1);
    }
    members_.push_back(std::move(*opened));
    auto& added = *members_.back();
    added.start();
    run_until([&] { return added.has_settled(); });
    return added;
  }
  Endpoint grow(std::size_t nodes) {
    const auto first = add({}).local();
    while (members_.size() < nodes) add({first});
    return first;
  }
  // Young nodes announce themselves again whenever their table has grown; that is over after one
  // round of pings (dht/announcer.hpp).
  void settle() {
    const auto end = now().mono + 4 * dht::Announcer::kPingEvery / 3;
    asio::steady_timer alarm(io_, 4 * dht::Announcer::kPingEvery / 3);
    alarm.async_wait([](std::error_code) {});
    run_until([&] { return now().mono >= end; });
  }
  void end_last(std::size_t count) {
    for (; count > 0; --count) {
      members_.back()->stop();
      members_.pop_back();
    }
  }

  using Begin = std::function<dht::QueryId(dht::Node&)>;
  Figures run(Participant& client, std::size_t ops, std::size_t concurrency, const Begin& begin) {
    std::vector<double> times_ms;
    std::size_t begun = 0;
    std::uint64_t requests = 0;
    const auto start = now().mono;
    std::function<void()> next = [&] {
      if (begun == ops) return;
      ++begun;
      const auto query = begin(client.dht());
      client.watch(query, [&, from = now().mono](const dht::Event& event) {
        const auto* done = std::get_if<dht::QueryDone>(&event);
        if (done == nullptr) return;
        requests += done->requests;
        times_ms.push_back(to_ms(now().mono - from));
        next();
      });
      client.changed();
    };
    for (std::size_t i = 0; i < concurrency; ++i) next();
    run_until([&] { return times_ms.size() == ops; });
    return figures_of(std::move(times_ms), to_ms(now().mono - start) / 1000, requests);
  }
  Figures find(Participant& client, std::size_t ops, std::size_t concurrency) {
    return run(client, ops, concurrency,
               [this](dht::Node& node) { return node.find_node(now(), random_.bytes<32>()); });
  }
  Figures put(Participant& client, std::size_t ops) {
    return run(client, ops, 1, [this](dht::Node& node) {
      Bytes value(500);
      random_.fill(value);
      return *node.put_immutable(now(), std::move(value));
    });
  }

 private:
  template <typename Condition>
  void run_until(Condition condition) {
    while (!condition()) {
      io_.restart();
      io_.run_one();
    }
  }

  asio::io_context io_;
  SystemRandom random_;
  dht::ContactArena arena_;
  store::MemoryBackend backend_;
  StoragePool pool_;
  std::vector<std::unique_ptr<Participant>> members_;
};

// --- load: one socket, a window of requests, batches in both directions

class Load {
 public:
  static constexpr std::size_t kBatch = 64;
  static constexpr std::size_t kWindow = 512;  // under way; what is lost is made up for

  explicit Load(Endpoint to) : to_(to), socket_(::socket(AF_INET, SOCK_DGRAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(to.ip);
    address.sin_port = htons(to.port);
    const int buffer = 4 << 20;
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    const timeval patience{0, 20'000};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      std::perror("connect");
      std::exit(1);
    }
  }
  ~Load() { ::close(socket_); }

  double per_second(const dht::Request& request, double seconds) {
    const auto datagram = dht::encode_message(request);
    std::uint64_t answers = 0;
    const auto start = std::chrono::steady_clock::now();
    const auto end = start + std::chrono::duration<double>(seconds);
    for (std::size_t i = 0; i < kWindow / kBatch; ++i) send(datagram, kBatch);
    while (std::chrono::steady_clock::now() < end) {
      const auto got = receive();
      answers += got;
      send(datagram, got == 0 ? kBatch : got);
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    while (receive() > 0) {
    }
    return static_cast<double>(answers) / took.count();
  }

 private:
  void send(Bytes datagram, std::size_t count) {
    std::array<iovec, kBatch> pieces{};
    std::array<mmsghdr, kBatch> messages{};
    for (std::size_t i = 0; i < count; ++i) {
      pieces[i] = {datagram.data(), datagram.size()};
      messages[i].msg_hdr.msg_iov = &pieces[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
    ::sendmmsg(socket_, messages.data(), static_cast<unsigned>(count), 0);
  }
  std::size_t receive() {
    for (std::size_t i = 0; i < kBatch; ++i) {
      in_pieces_[i] = {buffers_[i].data(), buffers_[i].size()};
      in_[i] = {};
      in_[i].msg_hdr.msg_iov = &in_pieces_[i];
      in_[i].msg_hdr.msg_iovlen = 1;
    }
    const auto n = ::recvmmsg(socket_, in_.data(), kBatch, MSG_WAITFORONE, nullptr);
    return n < 0 ? 0 : static_cast<std::size_t>(n);
  }

  Endpoint to_;
  int socket_;
  std::array<std::array<std::uint8_t, 2048>, kBatch> buffers_{};
  std::array<iovec, kBatch> in_pieces_{};
  std::array<mmsghdr, kBatch> in_{};
};

dht::Request internal(dht::InternalCommand command, Endpoint to) {
  dht::Request out;
  out.to = to;
  out.internal = true;
  out.command = static_cast<std::uint64_t>(command);
  return out;
}

int load(Endpoint to, double seconds) {
  Load generator(to);
  const auto ping = generator.per_second(internal(dht::InternalCommand::ping, to), seconds);
  auto walk = internal(dht::InternalCommand::find_node, to);
  walk.target = Bytes32{0x5a};
  const auto found = generator.per_second(walk, seconds);
  std::printf("{\"what\":\"answers\",\"pingPerSecond\":%.0f,\"findNodePerSecond\":%.0f}\n", ping,
              found);
  return 0;
}

int network(std::size_t nodes, std::size_t ops, std::size_t concurrency) {
  Bench bench;
  auto& client = bench.add({bench.grow(nodes)}, true);
  bench.find(client, 200, 1);  // the table fills, round trips are learned
  bench.settle();
  print("find_node", bench.find(client, ops, concurrency));
  return 0;
}

int client(Endpoint to, std::size_t ops, std::size_t concurrency) {
  Bench bench;
  auto& member = bench.add({to}, true);
  print("find_node", bench.find(member, ops, concurrency));
  print("put", bench.put(member, ops));
  return 0;
}

int killed(std::size_t nodes, std::size_t dead, std::size_t ops) {
  Bench bench;
  const auto first = bench.grow(nodes - dead);
  auto& client = bench.add({first}, true);
  for (std::size_t i = 0; i < dead; ++i) bench.add({first});
  bench.settle();
  print("all alive", bench.find(client, ops, 1));
  bench.end_last(dead);
  print("just killed", bench.find(client, ops, 1));
  print("second pass", bench.find(client, ops, 1));
  return 0;
}

std::size_t number(const char* text) { return static_cast<std::size_t>(std::atoll(text)); }

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  const auto at = argc > 2 ? parse_endpoint(argv[2]) : Result<Endpoint>{};
  if (what == "network" && argc == 5)
    return network(number(argv[2]), number(argv[3]), number(argv[4]));
  if (what == "client" && argc == 5 && at) return client(*at, number(argv[3]), number(argv[4]));
  if (what == "kill" && argc == 5) return killed(number(argv[2]), number(argv[3]), number(argv[4]));
  if (what == "load" && argc == 4 && at) return load(*at, std::atof(argv[3]));
  std::fprintf(stderr, "see the head of tests/bench/dht_bench.cpp\n");
  return 2;
}
