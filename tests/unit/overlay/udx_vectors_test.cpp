// Scripts recorded from the published package, played by one stream of ours in its place
// (tests/vectors/udx/README.md says what is free: windows, padding, joined acknowledgements).

#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "overlay/transport/udx/fixed_window.hpp"
#include "overlay/transport/udx/stream.hpp"
#include "tests/support/vectors.hpp"

using namespace cip;
using namespace cip::overlay;
using test::hex;
using test::hex_bytes;
using test::Json;
using test::load_vectors;

namespace {

constexpr Endpoint kPeers[] = {{0x0a000001, 1000}, {0x0a000002, 2000}};

std::string seen_as(const UdxEvent& event) {
  std::string out;
  const auto add = [&](const char* what, ByteView bytes) {
    out = std::string(what) + " " + std::string(text_of(bytes));
  };
  if (const auto* data = std::get_if<UdxData>(&event)) add("data", data->bytes);
  if (const auto* message = std::get_if<UdxMessage>(&event)) add("message", message->bytes);
  if (std::holds_alternative<UdxEnded>(event)) out = "end";
  return out;
}

// What is compared of a packet that leaves: all but window and padding.
std::string seen_as(ByteView bytes) {
  const auto packet = decode_udx_packet(bytes);
  REQUIRE(packet);
  const auto& header = packet->header;
  std::string out = "type " + std::to_string(header.type) + " to " + std::to_string(header.stream) +
                    " seq " + std::to_string(header.seq) + " ack " + std::to_string(header.ack);
  for (std::size_t i = 0; i < packet->sack_blocks(); ++i)
    out += " [" + std::to_string(packet->sack_block(i).begin) + ", " +
           std::to_string(packet->sack_block(i).end) + ")";
  return out + " " + std::string(text_of(packet->payload));
}

class Player {
 public:
  Player(UdxId id, std::uint32_t remote, UdxFirstNumbers first = {})
      : remote_(remote),
        stream_(std::make_unique<UdxStream>(now_ + kUdxConnectTimeout, id, first,
                                            std::make_unique<UdxFixedWindow>(64), shared_)) {}

  void connect() { stream_->connect(now_, {0, kPeers[0], remote_}); }
  UdxStream& stream() { return *stream_; }
  TimePoint now() const { return now_; }

  // A packet that comes in: false if it is for no stream.
  bool receive(ByteView bytes, std::size_t peer = 0) {
    now_ += std::chrono::milliseconds(20);
    const auto packet = decode_udx_packet(bytes);
    if (!packet || packet->header.stream != stream_->id() || stream_->closed()) return false;
    const auto kept = to_bytes(bytes);
    stream_->handle_packet(now_, 0, kPeers[peer], *decode_udx_packet(kept));
    take_events();
    stream_->settle(now_);
    return true;
  }
  // What leaves, packet by packet, with its destination.
  std::vector<std::pair<Endpoint, Bytes>> sent() {
    take_events();
    std::vector<std::pair<Endpoint, Bytes>> out;
    while (stream_->has_small() || stream_->has_burst(now_)) {
      const auto datagram =
          stream_->has_small() ? stream_->take_small(now_) : stream_->take_burst(now_);
      const ByteView bytes = datagram.bytes;
      for (std::size_t at = 0; at < bytes.size(); at += datagram.segment)
        out.emplace_back(datagram.to, to_bytes(bytes.subspan(
                                          at, std::min(datagram.segment, bytes.size() - at))));
    }
    return out;
  }
  std::vector<std::string> events;

 private:
  void take_events() {
    while (const auto event = shared_.events.poll()) {
      if (auto text = seen_as(*event); !text.empty()) events.push_back(std::move(text));
    }
  }

  UdxShared shared_{UdxLimits{}};
  TimePoint now_ = TimePoint{} + std::chrono::seconds(1);
  std::uint32_t remote_;
  std::unique_ptr<UdxStream> stream_;
};

using Sent = std::vector<std::pair<Endpoint, Bytes>>;

Sent expected_of(const Json& outs) {
  Sent out;
  for (const auto& item : outs) {
    if (item.is_string()) {
      out.emplace_back(kPeers[0], hex(item));
    } else {
      out.emplace_back(kPeers[item.at("peer").get<std::size_t>()], hex(item.at("hex")));
    }
  }
  return out;
}

void check_same(const Sent& ours, const Sent& stock) {
  REQUIRE(ours.size() == stock.size());
  for (std::size_t i = 0; i < ours.size(); ++i) {
    CHECK(ours[i].first == stock[i].first);
    CHECK(seen_as(ours[i].second) == seen_as(stock[i].second));
  }
}

Bytes content_of(const Json& step) {
  if (step.contains("hex")) return hex(step.at("hex"));
  Bytes out(step.contains("bytes") ? step.at("bytes").get<std::size_t>() : 0);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(i % 251);
  return out;
}

// What the application does in a step. Stock cuts a long write in its own way: it is written as the
// packets that stock made of it, so that numbers are the same.
Sent act(Player& player, const Json& step, const Sent& stock) {
  const auto app = step.at("app").get<std::string>();
  const auto content = content_of(step);
  auto& stream = player.stream();
  if (app == "write" && step.contains("fill")) {
    Sent out;
    ByteView rest = content;
    for (const auto& [to, bytes] : stock) {
      const auto n = decode_udx_packet(bytes)->payload.size();
      stream.write(player.now(), to_bytes(rest.first(n)));
      rest = rest.subspan(n);
      for (auto& sent : player.sent()) out.push_back(std::move(sent));
    }
    // What stock keeps for want of a window is written too; a first flight is the sender's choice.
    if (stock.empty()) stream.write(player.now(), to_bytes(rest));
    return out;
  }
  if (app == "write" || app == "end") {
    if (!content.empty()) stream.write(player.now(), content);
    if (app == "end") stream.end(player.now());
  } else if (app == "send") {
    stream.send_message(content);
  } else if (app == "connect") {
    player.connect();
  } else if (app == "changeRemote") {
    stream.change_remote(player.now(), {0, kPeers[1], 0x44444444});
  } else {
    REQUIRE(app == "destroy");
    Bytes packet;
    append_udx_header(packet, stream.header(kUdxDestroy));
    return {{stream.path().to, packet}};
  }
  return player.sent();
}

void play(const Json& script) {
  const auto name = script.at("name").get<std::string>();
  CAPTURE(name);
  const bool wraps = name == "sequence numbers wrap";
  Player player(0x11111111, 0x22222222,
                wraps ? UdxFirstNumbers{0xfffffffe, 0xffffffff} : UdxFirstNumbers{});
  if (name != "not yet connected" && name != "hook refuses") player.connect();
  // Of this script only the last answer was recorded.
  if (name == "many gaps") {
    for (UdxSeq seq = 1; seq < 120; seq += 2) {
      Bytes packet;
      append_udx_header(packet, {.type = kUdxData, .stream = 0x11111111, .window = 1, .seq = seq});
      packet.push_back('x');
      player.receive(packet);
    }
    player.sent();
  }
  std::vector<std::string> stock_events;
  bool destroyed = false;
  for (const auto& step : script.at("steps")) {
    CAPTURE(step.at("what").get<std::string>());
    auto stock = expected_of(step.at("out"));
    // Stock acknowledges once more when its END was: ours does not.
    if (step.at("what") == "acknowledged: one more ACK comes") stock.clear();
    if (step.contains("app")) {
      check_same(act(player, step, stock), stock);
      destroyed = destroyed || step.at("app") == "destroy";
    } else {
      const auto& in = step.at("in");
      const bool known = in.is_string()
                             ? player.receive(hex(in))
                             : player.receive(hex(in.at("hex")), in.at("peer").get<std::size_t>());
      bool stranger = destroyed;
      for (const auto& event : step.at("events"))
        stranger = stranger || event.at("event") == "not for a stream";
      CHECK((known && !destroyed) == !stranger);
      auto sent = player.sent();
      // What follows the repeat depends on congestion control and is not recorded.
      if (name == "a hole" && sent.size() > stock.size()) sent.resize(stock.size());
      if (!destroyed) check_same(sent, stock);
    }
    for (const auto& event : step.at("events")) {
      const auto kind = event.at("event").get<std::string>();
      if (kind == "end") stock_events.push_back(kind);
      if ((kind == "data" && event.at("hex") != "") || (kind == "message" && step.contains("in")))
        if (kind == "data" || name != "change of the remote")
          stock_events.push_back(kind + " " + std::string(text_of(hex(event.at("hex")))));
      const auto& closed = player.stream().closed();
      if (kind == "closed" && !destroyed) CHECK(closed.has_value());
      if (kind == "error") CHECK(closed == std::make_error_code(std::errc::connection_reset));
    }
  }
  if (name != "hook refuses") CHECK(player.events == stock_events);
}

}  // namespace

TEST_CASE("a stream answers and delivers as the published package does") {
  for (const auto& script : load_vectors("udx/receiver.json", "scripts")) play(script);
}

TEST_CASE("a stream sends what the published package sends") {
  for (const auto& script : load_vectors("udx/sender.json", "scripts")) play(script);
}

TEST_CASE("either side of a recorded session can be played") {
  const auto session = load_vectors("udx/session.json");
  for (const std::string side : {"a", "b"}) {
    CAPTURE(side);
    const std::string other = side == "a" ? "b" : "a";
    Player player(session.at(side).get<UdxId>(), session.at(other).get<std::uint32_t>());
    player.connect();
    std::vector<std::string> stock_events;
    UdxSeq acked = 0;
    UdxSeq stock_acked = 0;
    for (const auto& step : session.at("steps")) {
      CAPTURE(step.at("what").get<std::string>());
      std::vector<std::string> ours;
      std::vector<std::string> stock;
      const auto collect = [&](const Bytes& bytes, std::vector<std::string>& into, UdxSeq& ack) {
        const auto packet = decode_udx_packet(bytes);
        ack = std::max(ack, packet->header.ack);
        if (packet->header.type != 0) into.push_back(seen_as(bytes));
      };
      if (step.at("at") == side) {
        const auto app = step.at("app").get<std::string>();
        const auto space = app.find(' ');
        Json action{{"app", app.substr(0, space)}};
        if (space != std::string::npos) action["hex"] = app.substr(space + 1);
        for (const auto& [to, bytes] : act(player, action, {})) collect(bytes, ours, acked);
      }
      for (const auto& wire : step.at("wire")) {
        if (wire.at("from") == other) {
          player.receive(hex(wire.at("hex")));
          for (const auto& [to, bytes] : player.sent()) collect(bytes, ours, acked);
        } else {
          collect(hex(wire.at("hex")), stock, stock_acked);
        }
      }
      CHECK(ours == stock);
      CHECK(acked == stock_acked);
      for (const auto& event : step.at("events")) {
        if (event.at("at") != side) continue;
        const auto kind = event.at("event").get<std::string>();
        if (kind == "closed") CHECK(player.stream().closed() == std::error_code());
        if (kind == "end") stock_events.push_back(kind);
        if (kind == "data" || kind == "message")
          stock_events.push_back(kind + " " + std::string(text_of(hex(event.at("hex")))));
      }
    }
    CHECK(player.events == stock_events);
  }
}
