#include "node/swarm_host.hpp"

#include <unistd.h>

#include <asio/steady_timer.hpp>

#include "base/text.hpp"
#include "node/contacts.hpp"
#include "node/participant.hpp"
#include "node/signal_watch.hpp"
#include "node/system_random.hpp"
#include "store/memory_backend.hpp"

namespace cip::node {

namespace {

constexpr Endpoint kLoopbackAnyPort{0x7f000001, 0};
constexpr Duration kLookEvery = std::chrono::milliseconds(20);

class SwarmHost {
 public:
  SwarmHost(asio::io_context& io, const JoinOptions& options, Handler& handler)
      : io_(io),
        options_(options),
        handler_(handler),
        backend_(random_),
        pool_(io, backend_, 1),
        timer_(io) {}

  Outcome<void> open() {
    auto contacts = numeric_contacts();
    for (std::uint32_t i = 0; i < options_.test_nodes; ++i) {
      ParticipantOptions wanted;
      wanted.identity = make_key_pair(random_.bytes<32>());
      wanted.dht.bootstrap = contacts;
      wanted.listen = options_.listen.value_or(kLoopbackAnyPort);
      if (i > 0) wanted.listen->port = 0;
      wanted.watch_duplicates = false;
      auto opened = Participant::open({io_, arena_, random_, pool_}, std::move(wanted));
      if (!opened) return tl::unexpected(opened.error());
      nodes_.push_back(std::move(*opened));
      if (contacts.empty()) contacts.push_back(nodes_.front()->local());
    }
    return {};
  }

  // One after the other, so that each finds an overlay to enter.
  void start() {
    nodes_[started_++]->start();
    look();
  }

  void stop() {
    timer_.cancel();
    for (const auto& node : nodes_) node->stop();
  }

 private:
  std::vector<Endpoint> numeric_contacts() const {
    std::vector<Endpoint> out;
    for (const auto& contact : options_.contacts) {
      if (const auto endpoint = parse_endpoint(contact)) out.push_back(*endpoint);
    }
    return out;
  }

  void look() {
    if (nodes_[started_ - 1]->has_settled()) {
      show_ready(*nodes_[started_ - 1]);
      if (started_ == nodes_.size()) return;
      nodes_[started_++]->start();
    }
    timer_.expires_after(kLookEvery);
    timer_.async_wait([this](std::error_code error) {
      if (!error) look();
    });
  }

  void show_ready(Participant& node) {
    const auto& key = node.identity().public_key;
    handler_.on_result({{"event", "ready"},
                        {"key", to_z32(key)},
                        {"keyHex", to_hex(key)},
                        {"node", to_hex(node.dht().id().bytes)},
                        {"udp", to_string(node.local())},
                        {"tcp", to_string(node.local())},
                        {"home", nullptr},
                        {"pid", ::getpid()}});
  }

  asio::io_context& io_;
  const JoinOptions& options_;
  Handler& handler_;
  SystemRandom random_;
  dht::ContactArena arena_;
  store::MemoryBackend backend_;
  StoragePool pool_;
  std::vector<std::unique_ptr<Participant>> nodes_;
  std::size_t started_ = 0;
  asio::steady_timer timer_;
};

}  // namespace

RunResult run_swarm(const JoinOptions& options, Handler& handler) {
  RunResult result;
  asio::io_context io(1);
  SwarmHost host(io, options, handler);
  if (auto opened = host.open(); !opened) {
    result.error = opened.error();
    return result;
  }
  bool stopped = false;
  const SignalWatch signals(io, [&](int signal) {
    result.signal = signal;
    stopped = true;
  });
  result.running = true;
  host.start();
  while (!stopped) {
    io.restart();
    io.run_one();
  }
  host.stop();
  return result;
}

}  // namespace cip::node
