// A peer of raw UDX streams, without DHT or encryption: the machine of overlay/transport/udx on one
// socket. For tests against the published package (swarm-peer.mjs udx-serve and udx-open take the
// same words and print the same events) and for scripts/bench.
//
//   udx_peer serve --id A --remote-id B [--streams N] [--mode echo|sink|source] [--bytes N]
//   udx_peer open --to HOST:PORT --id A --remote-id B [...]
//
// Stream i has local id A + i and remote id B + i. mode is what the serving side does: it returns
// what comes, it reads, or it writes --bytes and ends. Further: --pause MS (the reader of `open`
// stops for so long after its first bytes), --large (both ends are ours: large datagrams), --host
// ADDRESS, --timeout SECONDS, --hash sha256|blake2b (of what a stream read; the former is what the
// other program prints, the latter is faster here).

#include <fmt/format.h>
#include <sodium.h>

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "base/machine.hpp"
#include "base/text.hpp"
#include "node/clock.hpp"
#include "node/udp_socket.hpp"
#include "overlay/transport/udx/streams.hpp"

namespace {

using namespace cip;
using cip::overlay::UdxId;
using Json = nlohmann::ordered_json;

constexpr std::size_t kChunk = 65536;

struct Options {
  bool serves = false;
  Endpoint to;
  Endpoint host{0x7f000001, 0};
  UdxId id = 1;
  std::uint32_t remote_id = 1;
  unsigned streams = 1;
  std::string mode = "echo";
  std::uint64_t bytes = 1'000'000;
  Duration pause{};
  Duration timeout = std::chrono::seconds(60);
  bool large = false;
  bool sha256 = true;
};

[[noreturn]] void usage(const std::string& why) {
  fmt::print(stderr, "udx_peer: {}\n", why);
  std::exit(2);
}

Options parse(int count, char** words) {
  Options out;
  if (count < 2) usage("serve or open?");
  out.serves = std::string_view(words[1]) == "serve";
  std::map<std::string, std::string> given;
  for (int i = 2; i < count; ++i) {
    std::string name = words[i];
    if (name == "--large") {
      out.large = true;
    } else if (i + 1 < count) {
      given[name] = words[++i];
    } else {
      usage(name + " needs a value");
    }
  }
  const auto number = [&](const char* name, std::uint64_t fallback) {
    const auto found = given.find(name);
    return found == given.end() ? fallback : std::strtoull(found->second.c_str(), nullptr, 10);
  };
  out.id = static_cast<UdxId>(number("--id", 1));
  out.remote_id = static_cast<std::uint32_t>(number("--remote-id", 1));
  out.streams = static_cast<unsigned>(number("--streams", 1));
  out.bytes = number("--bytes", out.bytes);
  out.pause = std::chrono::milliseconds(number("--pause", 0));
  out.timeout = std::chrono::seconds(number("--timeout", 60));
  if (given.contains("--mode")) out.mode = given["--mode"];
  out.sha256 = given["--hash"] != "blake2b";
  const auto address = [&](const char* name, Endpoint& endpoint) {
    if (!given.contains(name)) return;
    const auto parsed = parse_endpoint(given[name]);
    if (!parsed || parsed->realm() != Realm::loopback) usage("not a loopback HOST:PORT");
    endpoint = *parsed;
  };
  address("--to", out.to);
  address("--host", out.host);
  return out;
}

// Draws the ids that the command line names; everything else is reproducible.
class ChosenIds final : public Random {
 public:
  explicit ChosenIds(UdxId first) : next_(first) {}
  void fill(MutableByteView out) override {
    if (out.size() == sizeof(std::uint64_t)) {
      const std::uint64_t id = next_++;
      for (std::size_t i = 0; i < out.size(); ++i) {
        out[i] = static_cast<std::uint8_t>(id >> (8 * i));
      }
    } else {
      rest_.fill(out);
    }
  }

 private:
  UdxId next_;
  SeededRandom rest_{1};
};

class Digest {
 public:
  explicit Digest(bool sha256) : sha256_(sha256) {
    crypto_hash_sha256_init(&sha_);
    crypto_generichash_init(&blake_, nullptr, 0, 32);
  }
  void update(ByteView bytes) {
    if (sha256_) {
      crypto_hash_sha256_update(&sha_, bytes.data(), bytes.size());
    } else {
      crypto_generichash_update(&blake_, bytes.data(), bytes.size());
    }
  }
  std::string text() {
    Bytes32 out;
    if (sha256_) {
      crypto_hash_sha256_final(&sha_, out.data());
    } else {
      crypto_generichash_final(&blake_, out.data(), out.size());
    }
    return to_hex(out);
  }

 private:
  bool sha256_;
  crypto_hash_sha256_state sha_;
  crypto_generichash_state blake_;
};

// The repeatable bytes of the other program: pieces of one pseudo-random megabyte.
class Content {
 public:
  explicit Content(std::uint32_t seed) : pool_(1 << 20) {
    std::uint32_t s = seed * 2654435761U + 1;
    if (s == 0) s = 1;
    for (std::size_t i = 0; i < pool_.size(); i += 4) {
      s ^= s << 13;
      s ^= s >> 17;
      s ^= s << 5;
      for (std::size_t j = 0; j < 4; ++j) pool_[i + j] = static_cast<std::uint8_t>(s >> (8 * j));
    }
  }
  ByteView take(std::size_t size) {
    const auto at = (count_++ * 7919) % (pool_.size() - kChunk);
    return ByteView(pool_).subspan(at, size);
  }

 private:
  Bytes pool_;
  std::size_t count_ = 0;
};

// One stream, on either side.
struct Stream {
  Stream(unsigned n, bool sha256, std::uint32_t seed)
      : number(n), read(sha256), written(sha256), source(seed) {}

  unsigned number;
  Digest read, written;
  Content source;
  std::uint64_t bytes_in = 0;
  std::uint64_t to_write = 0;
  Bytes echo;  // to be written back
  bool writes = false;
  bool ends_after = false;  // END follows what is to be written
  bool ended = false;
  bool connected = false;
  TimePoint since{};
  std::optional<TimePoint> first_byte;
};

class Peer {
 public:
  Peer(asio::io_context& io, Options options)
      : io_(io),
        options_(std::move(options)),
        random_(options_.id),
        streams_(random_, limits(options_.streams)),
        socket_(io),
        timer_(io),
        pause_(io) {
    if (socket_.open(options_.host)) usage("cannot bind");
    socket_.start(
        [this](Now now, Endpoint from, MutableByteView datagram) {
          streams_.handle_datagram(now, 0, from, datagram);
          take_events(now);
        },
        [this](Now now) { turn(now); });
  }

  void begin() {
    const auto time = node::now();
    for (unsigned i = 0; i < options_.streams; ++i) {
      const auto id = streams_.create(time, 0);
      if (!id) usage("too many streams");
      auto& stream = *live_
                          .emplace(*id, std::make_unique<Stream>(i, options_.sha256,
                                                                 options_.serves ? 1 : 7 + i))
                          .first->second;
      stream.since = time.mono;
      if (options_.large) streams_.set_large_datagrams(*id, true);
      if (!options_.serves) open(time, *id, stream);
    }
    print({{"event", "ready"},
           {"address", fmt::format("{}:{}", ipv4_text(options_.host.ip), socket_.port())}});
    turn(time);
  }

  int code() const { return failed_ == 0 ? 0 : 1; }

 private:
  static overlay::UdxLimits limits(unsigned streams) {
    overlay::UdxLimits out;
    out.streams = out.unconnected = out.unconnected_loopback = std::max(streams, 1U);
    return out;
  }

  static void print(const Json& line) {
    fmt::print("{}\n", line.dump());
    std::fflush(stdout);
  }

  void open(Now now, UdxId id, Stream& stream) {
    stream.connected = true;
    streams_.connect(now, id, {0, options_.to, options_.remote_id + stream.number});
    if (options_.mode == "source") {
      streams_.send_message(now, id, {});  // shows the other side where we are
      streams_.end(now, id);
      return;
    }
    stream.writes = true;
    stream.to_write = options_.bytes;
    stream.ends_after = true;
  }

  void serve(Now now, UdxId id, Stream& stream, const overlay::UdxKnocked& knock) {
    if (!options_.serves || std::exchange(stream.connected, true)) return;
    stream.since = now.mono;
    print({{"event", "connected"}, {"n", stream.number}});
    streams_.connect(now, id, {knock.socket, knock.from, options_.remote_id + stream.number});
    if (options_.mode != "source") return;
    stream.writes = true;
    stream.to_write = options_.bytes;
    stream.ends_after = true;
  }

  void take_events(Now now) {
    while (const auto event = streams_.poll_event()) {
      const auto found = live_.find(std::visit([](const auto& any) { return any.id; }, *event));
      if (found == live_.end()) continue;
      auto& stream = *found->second;
      if (const auto* data = std::get_if<overlay::UdxData>(&*event)) {
        take_data(now, found->first, stream, data->bytes);
      } else if (const auto* knock = std::get_if<overlay::UdxKnocked>(&*event)) {
        serve(now, found->first, stream, *knock);
      } else if (std::holds_alternative<overlay::UdxEnded>(*event)) {
        stream.ends_after = true;
      } else if (const auto* closed = std::get_if<overlay::UdxClosed>(&*event)) {
        close(now, found, closed->error);
      }
    }
  }

  void take_data(Now now, UdxId id, Stream& stream, ByteView bytes) {
    if (!stream.first_byte) {
      stream.first_byte = now.mono;
      if (options_.pause > Duration::zero() && !options_.serves) pause(now, id);
    }
    stream.bytes_in += bytes.size();
    stream.read.update(bytes);
    if (options_.serves && options_.mode == "echo") append(stream.echo, bytes);
    if (const auto status = streams_.status(id)) last_[id] = *status;
  }

  void pause(Now now, UdxId id) {
    streams_.hold(now, id, true);
    pause_.expires_after(options_.pause);
    pause_.async_wait([this, id](std::error_code error) {
      if (error) return;
      streams_.hold(node::now(), id, false);
      take_events(node::now());
      turn(node::now());
    });
  }

  void feed(Now now, UdxId id, Stream& stream) {
    if (!stream.connected || stream.ended) return;
    while (streams_.queued(id) < overlay::kUdxMaxQueue && stream.to_write > 0) {
      const auto piece = stream.source.take(std::min<std::uint64_t>(kChunk, stream.to_write));
      stream.to_write -= piece.size();
      stream.written.update(piece);
      streams_.write(now, id, to_bytes(piece));
    }
    if (!stream.echo.empty()) {
      streams_.write(now, id, std::exchange(stream.echo, {}));
      // What comes faster than it can be returned waits with its sender.
      streams_.hold(now, id, streams_.queued(id) > 4 * overlay::kUdxMaxQueue);
    } else if (options_.serves && options_.mode == "echo") {
      streams_.hold(now, id, streams_.queued(id) > 4 * overlay::kUdxMaxQueue);
    }
    if (stream.to_write == 0 && stream.echo.empty() && stream.ends_after &&
        (options_.serves || stream.writes)) {
      stream.ended = true;
      streams_.end(now, id);
    }
  }

  using Found = std::map<UdxId, std::unique_ptr<Stream>>::iterator;
  void close(Now now, Found found, std::error_code error) {
    auto& stream = *found->second;
    const auto read = stream.read.text();
    const auto& last = last_[found->first];
    const double seconds = std::chrono::duration<double>(now.mono - stream.since).count();
    Json line{{"event", options_.serves ? "closed" : "stream"},
              {"n", stream.number},
              {"bytesIn", stream.bytes_in},
              {options_.sha256 ? "sha256" : "blake2b", read},
              {"ms", seconds * 1000},
              {"mbPerSec", static_cast<double>(options_.bytes) / 1e6 / seconds},
              {"retransmits", last.retransmits},
              {"packetsOut", last.packets_out},
              {"mtu", last.mtu}};
    line["error"] = error ? Json(error.message()) : Json(nullptr);
    if (!options_.serves) {
      const bool ok = !error && is_right(stream, read);
      line["ok"] = ok;
      if (!ok) ++failed_;
    }
    print(line);
    live_.erase(found);
    if (!live_.empty()) return;
    if (options_.serves) print({{"event", "all-closed"}});
    if (!options_.serves) {
      print({{"event", "done"}, {"ok", failed_ == 0}});
      io_.stop();
    }
  }

  bool is_right(Stream& stream, const std::string& read) {
    if (options_.mode == "sink") return true;
    if (stream.bytes_in != options_.bytes) return false;
    if (options_.mode == "echo") return read == stream.written.text();
    Digest expected(options_.sha256);
    Content content(1);
    for (auto left = options_.bytes; left > 0;) {
      const auto piece = content.take(std::min<std::uint64_t>(kChunk, left));
      expected.update(piece);
      left -= piece.size();
    }
    return read == expected.text();
  }

  void turn(Now now) {
    for (auto& [id, stream] : live_) {
      if (const auto status = streams_.status(id)) last_[id] = *status;
      feed(now, id, *stream);
    }
    streams_.settle(now);
    take_events(now);
    while (const auto datagram = streams_.poll_datagram(now)) {
      socket_.send_segments(
          datagram->to, datagram->bytes, datagram->segment,
          datagram->may_fragment ? node::Fragments::allowed : node::Fragments::never);
    }
    arm();
  }

  void arm() {
    const auto next = streams_.next_timeout();
    if (!next) return timer_.cancel(), void();
    timer_.expires_at(std::chrono::steady_clock::time_point{next->time_since_epoch()});
    timer_.async_wait([this](std::error_code error) {
      if (error) return;
      const auto now = node::now();
      streams_.handle_timeout(now);
      take_events(now);
      turn(now);
    });
  }

  asio::io_context& io_;
  Options options_;
  ChosenIds random_;
  overlay::UdxStreams streams_;
  node::UdpSocket socket_;
  asio::steady_timer timer_, pause_;
  std::map<UdxId, std::unique_ptr<Stream>> live_;
  std::map<UdxId, overlay::UdxStatus> last_;
  unsigned failed_ = 0;
};

}  // namespace

int main(int count, char** words) {
  const auto options = parse(count, words);
  asio::io_context io;
  Peer peer(io, options);
  asio::signal_set signals(io, SIGTERM, SIGINT);
  signals.async_wait([&](std::error_code, int) { io.stop(); });
  asio::steady_timer limit(io, options.timeout);
  bool late = false;
  limit.async_wait([&](std::error_code error) {
    late = !error;
    io.stop();
  });
  peer.begin();
  io.run();
  return late ? 3 : peer.code();
}
