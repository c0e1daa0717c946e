// Sessions recorded between two stock peers, from bytes on the socket to the tree of the feed:
// decrypted with the recorded keys, taken apart, decoded, and applied to a feed that held nothing.

#include <doctest/doctest.h>

#include "base/text.hpp"
#include "overlay/feed_messages.hpp"
#include "overlay/transport/mux.hpp"
#include "store/feed.hpp"
#include "store/memory_backend.hpp"
#include "tests/support/vectors.hpp"
#include "tests/unit/overlay/scripted_random.hpp"
#include "tests/unit/overlay/stream_pair.hpp"

using namespace cip;
using namespace cip::overlay;
using test::Json;

namespace {

class NoSink final : public FrameSink {
 public:
  bool send_frame(std::span<const ByteView>) override { return true; }
};

struct Message {
  FeedMessage type{};
  Bytes payload;
};

// What one side received on its feed channel, and the other side's open.
struct Received {
  Bytes handshake;
  std::vector<Message> messages;
};

Received receive(const Json& session, const std::string& me) {
  auto script = test::hex(session[me + "EphemeralSeed"]);
  append(script, test::hex(session[me + "Header"]));
  test::ScriptedRandom random(script);
  const test::ListedHellos none;
  const auto key = make_key_pair(test::hex32(session[me + "StaticSeed"]));
  test::StreamEnd end(me == "initiator" ? SecretStream::dial_xx(test::at({}), key, random)
                                        : SecretStream::accept(test::at({}), key, none, random));
  for (const auto& piece : session["raw"]) {
    if (piece["from"] != me) end.feed(test::hex(piece["bytes"]));
  }
  NoSink sink;
  Mux mux(sink);
  const auto feed_key = test::hex32(session["key"]);
  const auto role = me == "initiator" ? Role::initiator : Role::responder;
  const auto capability = feed_capability(end.stream.handshake_hash(), feed_key, role);
  mux.open(kFeedProtocol, discovery_key(feed_key), encode_feed_handshake({true, capability}));
  Received out;
  for (const auto& plaintext : end.messages) {
    REQUIRE(mux.handle_frame(plaintext));
    while (const auto event = mux.poll_event()) {
      if (const auto* opened = std::get_if<ChannelOpened>(&*event)) {
        out.handshake = to_bytes(opened->handshake);
      } else if (const auto* message = std::get_if<ChannelMessage>(&*event)) {
        out.messages.push_back(
            {static_cast<FeedMessage>(message->type), to_bytes(message->payload)});
      }
    }
  }
  return out;
}

bool decodes(const Message& message) {
  switch (message.type) {
    case FeedMessage::sync:
      return decode_sync(message.payload).has_value();
    case FeedMessage::request:
      return decode_request(message.payload).has_value();
    case FeedMessage::cancel:
      return decode_cancel(message.payload).has_value();
    case FeedMessage::data:
      return decode_data(message.payload).has_value();
    case FeedMessage::no_data:
      return decode_no_data(message.payload).has_value();
    case FeedMessage::want:
    case FeedMessage::unwant:
      return decode_want(message.payload).has_value();
    case FeedMessage::bitfield:
      return decode_bitfield(message.payload).has_value();
    case FeedMessage::range:
      return decode_range(message.payload).has_value();
    case FeedMessage::extension:
      return decode_extension(message.payload).has_value();
  }
  return false;
}

// A feed of which the key alone is known, on a memory backend.
struct KeyHolder {
  explicit KeyHolder(const Bytes32& key) : feed(open(key)) { feed.allow_forks(true); }

  store::Feed open(const Bytes32& key) {
    store::Backend& directory = backend;
    store::FeedRecord record;
    record.key = key;
    const auto created = directory.create_feed(record).value();
    return store::Feed::open(directory.load_feed(created.number).value()).value();
  }
  void apply(store::Proof proof) {
    const auto ticket = feed.apply(std::move(proof));
    while (auto op = feed.poll_store_op()) {
      store::StoreResult result;
      if (const auto* read = std::get_if<store::ReadOp>(&op->op)) {
        result = backend.read(*read);
      } else {
        REQUIRE(backend.commit(*std::get<store::CommitPtr>(op->op)));
      }
      feed.handle_store_done(op->id, std::move(result));
    }
    while (const auto event = feed.poll_event()) {
      if (const auto* rejected = std::get_if<store::Rejected>(&*event)) {
        CHECK_MESSAGE(rejected->ticket != ticket, rejected->reason.message());
      }
    }
  }

  SeededRandom random{1};
  store::MemoryBackend backend{random};
  store::Feed feed;
};

}  // namespace

TEST_CASE("recorded sessions of the published packages rebuild the feed") {
  for (const auto& session : test::load_vectors("feeds/sessions.json", "sessions")) {
    CAPTURE(session["name"].get<std::string>());
    const auto at_reader = receive(session, "initiator");
    const auto at_seeder = receive(session, "responder");
    const auto key = test::hex32(session["key"]);
    const auto hash = test::hex64(session["handshakeHash"]);
    const auto reader_open = decode_feed_handshake(at_seeder.handshake);
    const auto seeder_open = decode_feed_handshake(at_reader.handshake);
    REQUIRE(reader_open);
    REQUIRE(seeder_open);
    CHECK(reader_open->capability == feed_capability(hash, key, Role::initiator));
    CHECK(seeder_open->capability == feed_capability(hash, key, Role::responder));

    for (const auto& message : at_seeder.messages) CHECK(decodes(message));
    KeyHolder reader(key);
    std::size_t data = 0;
    for (const auto& message : at_reader.messages) {
      CHECK(decodes(message));
      if (message.type != FeedMessage::data) continue;
      ++data;
      reader.apply(std::move(decode_data(message.payload)->proof));
    }
    CHECK(data > 0);
    CHECK(reader.feed.length() == session["finalLength"]);
    CHECK(to_hex(reader.feed.tree_hash()) == session["finalTreeHash"].get<std::string>());
  }
}
