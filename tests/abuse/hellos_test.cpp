// A recorded hello that is sent again (dht.md 20, 17).

#include <doctest/doctest.h>

#include "base/random.hpp"
#include "overlay/hello_client.hpp"
#include "overlay/hello_server.hpp"

using namespace cip;
using namespace cip::overlay;
using namespace std::chrono_literals;

namespace {

Now after(Duration time) { return {TimePoint{} + time, {}}; }

// How often the server keeps keys for a peer who is not there, of six replays of one recording.
int states_kept(bool refuse) {
  SeededRandom random{1};
  const auto server_key = make_key_pair(Bytes32{2});
  const auto recorded = HelloClient::make({.identity = make_key_pair(Bytes32{1}),
                                           .peer = server_key.public_key,
                                           .dial_back = false,
                                           .peer_seen = {}},
                                          {}, random);
  REQUIRE(recorded);
  HelloServer server{server_key};
  server.refuse_replays(refuse);
  const auto is_kept = [&](Duration at) {
    const auto answer =
        server.handle(after(at), {recorded->message1(), {0x14000001, 700}}, {}, random);
    return answer && answer->keys;
  };
  REQUIRE(is_kept(0s));
  int kept = 0;
  for (int i = 1; i <= 6; ++i) kept += is_kept(11s * i);
  return kept;
}

}  // namespace

TEST_CASE("a recorded hello makes a server keep nothing when it is sent again") {
  CHECK_MESSAGE(states_kept(false) == 6, "the attack works without its counter-measure");
  CHECK_MESSAGE(states_kept(true) == 0, "the counter-measure stops the attack");
}
