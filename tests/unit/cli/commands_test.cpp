// What each command asks of the node and what it prints, held in golden files.

#include <doctest/doctest.h>

#include "tests/unit/cli/fake_node.hpp"

namespace cip::cli {

using namespace test;

namespace {

const Json kFound = {
    {"found", true},
    {"kind", "peer"},
    {"key", kKey},
    {"target", kHex},
    {"addresses", {"127.0.0.1:40001"}},
    {"relays", {"127.0.0.1:40002", "127.0.0.1:40003"}},
    {"hello",
     {{"ok", true},
      {"peer", "cipnode"},
      {"transport", "offered"},
      {"via", "127.0.0.1:40002"},
      {"rttMs", 1.25}}},
    {"hops",
     {{{"node", kHex}, {"address", "127.0.0.1:40004"}, {"sharedBits", 3}, {"rttMs", 0.4}},
      {{"node", kHex}, {"address", "127.0.0.1:40002"}, {"sharedBits", 11}, {"rttMs", 0.6}}}},
    {"requests", 14},
    {"tookMs", 12.4}};

const Json kReady = {{"event", "ready"},    {"key", kKey},          {"keyHex", kHex},
                     {"node", kHex},        {"udp", "127.0.0.1:1"}, {"tcp", "127.0.0.1:1"},
                     {"home", "/tmp/home"}, {"pid", 4711}};

const Json kInfo = {{"name", "log"},
                    {"key", kKey},
                    {"keyHex", kHex},
                    {"discoveryKey", kHex},
                    {"length", 5000},
                    {"byteLength", 123456},
                    {"fork", 0},
                    {"treeHash", kHex},
                    {"contiguousLength", 4999},
                    {"held", 4999},
                    {"writable", true},
                    {"encrypted", false},
                    {"seeded", false},
                    {"frozen", nullptr},
                    {"peers", 2}};

}  // namespace

TEST_CASE("join prints the ready line, then what happens, and passes its flags on") {
  const Json peer = {{"event", "peer"},
                     {"key", kKey},
                     {"state", "connected"},
                     {"direction", "in"},
                     {"address", "127.0.0.1:2"}};
  check("join", {.results = {kReady, peer, {{"event", "persistent"}, {"persistent", true}}}},
        {"join", "127.0.0.1:9", "--bootstrap", "b:2"});
  FakeNode node;
  run_command_line(node, {"--home", "/tmp/x", "--network", "n", "--timeout", "3s", "--log",
                          "dht=debug", "join", "--listen", ":0", "--no-lan", "--public",
                          "--ephemeral", "--deny", kKey, "--idle-exit", "1h", "--detach"});
  CHECK(node.asked == "join --detach ");
  const auto& join = node.options.join;
  CHECK(join.home == "/tmp/x");
  CHECK(join.network == "n");
  CHECK(join.listen == Endpoint{0, 0});
  CHECK_FALSE(join.lan);
  CHECK(join.reachable);
  CHECK(join.ephemeral);
  CHECK(join.deny.size() == 1);
  CHECK(join.idle_exit == Duration(std::chrono::hours(1)));
  CHECK(join.ready_timeout == Duration(std::chrono::seconds(3)));
  CHECK(join.log.spec == "dht=debug");
}

TEST_CASE("what the program tells a node it starts is understood") {
  node::JoinOptions given;
  given.home = "/tmp/x";
  given.contacts = {"a:1", "b:2"};
  given.listen = Endpoint{0x7f000001, 0};
  given.lan = false;
  given.reachable = true;
  given.contact_card = true;
  given.seed = {Bytes32{1}};
  given.idle_exit = std::chrono::seconds(60);
  given.log.spec = "debug";
  given.log.json = true;
  given.ready_fd = 3;
  FakeNode node;
  CHECK(run_command_line(node, node::join_arguments(given)).err == "");
  CHECK(node::join_arguments(node.options.join) == node::join_arguments(given));
}

TEST_CASE("find shows the peer and, with --trace, the route") {
  check("find", {.results = {kFound}}, {"find", kKey});
  check("find-trace", {.results = {kFound}}, {"find", kKey, "--trace", "--no-hello"});
  auto by_card = kFound;
  by_card["hello"] = {{"ok", false}, {"peer", "cipnode"}, {"transport", "offered"}};
  by_card["card"] = {{"untilMs", 1800000000000}};
  check("find-card", {.results = {by_card}}, {"find", kKey});
  check("find-node",
        {.results = {{{"found", true},
                      {"kind", "node"},
                      {"key", nullptr},
                      {"target", kHex},
                      {"nodes", {{{"node", kHex}, {"address", "127.0.0.1:5"}, {"sharedBits", 9}}}},
                      {"requests", 20},
                      {"tookMs", 30}}}},
        {"find", kHex, "--node"});
  check("find-topic",
        {.results = {{{"found", true},
                      {"kind", "topic"},
                      {"target", kHex},
                      {"peers", {{{"key", kKey}, {"relays", {"127.0.0.1:5"}}}}},
                      {"requests", 20},
                      {"tookMs", 30}}}},
        {"find", "--topic", "weather"});
  check("find-fails", {.end = failed({ExitCode::no_route, "no node answers", ""})}, {"find", kKey});
  check("find-bad-key", {}, {"find", "not-a-key"});
}

TEST_CASE("status, peers and routes are readable") {
  const Json dht = {{"contacts", 42},
                    {"requests", 12345},
                    {"answers", 12000},
                    {"bytesIn", 1e6},
                    {"bytesOut", 2e6}};
  const Json status = {
      {"version", "0.1.0"},
      {"pid", 4711},
      {"uptimeMs", 125000.5},
      {"key", kKey},
      {"node", kHex},
      {"udp", "127.0.0.1:1"},
      {"tcp", "127.0.0.1:1"},
      {"network", "default"},
      {"persistent", true},
      {"reachable", false},
      {"dht", dht},
      {"nat",
       {{"places",
         {{{"realm", "loopback"}, {"address", "127.0.0.1:1"}, {"reachable", true}},
          {{"realm", "public"}, {"address", "8.0.0.1:1"}, {"reachable", false}}}},
        {"seenAs", "8.0.0.1:1"},
        {"votes", 3},
        {"proofs", 1}}},
      {"stored", {{"records", 1}, {"forwards", 2}, {"mutables", 3}, {"immutables", 4}}},
      {"peers", 1},
      {"feeds", 2},
      {"topics", 0},
      {"disk", {{"own", 1000}, {"kept", 0}, {"cache", 0}, {"quota", 1e10}}},
      {"drops", {{"malformed", 3}, {"badToken", 0}}}};
  check("status", {.results = {status}}, {"status"});
  auto twin = status;
  twin["duplicate"] = {{"address", "127.0.0.1:9"}};
  check("status-duplicate", {.results = {twin}}, {"status"});
  check("status-metrics", {.results = {{{"text", "cipnode_peers 1\n"}}}}, {"status", "--metrics"});
  check("peers",
        {.results = {{{"key", kKey},
                      {"address", "127.0.0.1:2"},
                      {"direction", "out"},
                      {"sinceMs", 61000},
                      {"bytesIn", 10},
                      {"bytesOut", 2000},
                      {"channels", {kKey}}}}},
        {"peers"});
  check("peers-none", {}, {"peers"});
  check("routes",
        {.results = {{{"bucket", 7},
                      {"node", kHex},
                      {"address", "127.0.0.1:2"},
                      {"rttMs", 0.5},
                      {"seenMs", 2000},
                      {"stale", false}},
                     {{"bucket", 12},
                      {"node", kHex},
                      {"address", "127.0.0.1:3"},
                      {"rttMs", nullptr},
                      {"seenMs", 900000},
                      {"stale", true}}}},
        {"routes"});
  check("status-no-daemon",
        {.end = failed({ExitCode::no_daemon, "no node runs in /tmp/home",
                        "start one with: cipnode join --detach"})},
        {"status"});
}

TEST_CASE("id, paths, version and stop print what they are asked for") {
  check("id", {.results = {{{"key", kKey}, {"keyHex", kHex}}}}, {"id"});
  check("paths", {.results = {{{"home", "/h"}, {"identity", "/h/identity"}}}}, {"paths"});
  check("version", {.results = {{{"version", "0.1.0"}, {"commit", "abc"}, {"storeFormat", 1}}}},
        {"version"});
  check("stop", {.results = {{{"pid", 4711}}}}, {"stop"});
  FakeNode node{.results = {{{"version", "0.1.0"}}}};
  CHECK(run_command_line(node, {"--version"}).out == "version  0.1.0\n");
}

TEST_CASE("doctor ends with the code of the first check that fails") {
  const Json bind = {{"check", "bind"},
                     {"ok", true},
                     {"tried", true},
                     {"code", 0},
                     {"message", "both ports bind"}};
  const Json lan = {{"check", "local network"},
                    {"ok", true},
                    {"tried", false},
                    {"code", 0},
                    {"message", "not looked at (--no-lan)"}};
  const Json clock = {{"check", "clock"},         {"ok", false},     {"tried", true}, {"code", 1},
                      {"message", "an hour off"}, {"hint", "set it"}};
  const Json find = {{"check", "self-find"},
                     {"ok", false},
                     {"tried", true},
                     {"code", 3},
                     {"message", "nobody knows"}};
  check("doctor", {.results = {bind, lan, clock, find}}, {"doctor"});
  check("doctor-well", {.results = {bind}}, {"doctor"});
}

TEST_CASE("feed commands ask for what the flags say") {
  check("feed-create",
        {.results = {{{"name", "log"}, {"key", kKey}, {"keyHex", kHex}, {"discoveryKey", kHex}}}},
        {"feed", "create", "log", "--compat", "--private"});
  check("feed-ls", {.results = {kInfo}}, {"feed", "ls"});
  check("feed-info", {.results = {kInfo}}, {"feed", "info", "log"});
  check("feed-append",
        {.results =
             {{{"key", kKey}, {"length", 7}, {"appended", 2}, {"bytes", 10}, {"treeHash", kHex}}}},
        {"feed", "append", "log", "--block-size", "64k"});
  check("feed-append-nothing", {}, {"feed", "append", "log", "--block-size", "0"});
  check("feed-cat", {.data = std::string("\0\x1b raw\n", 7)},
        {"feed", "cat", kKey, "--range", "3..", "--peer", "localhost:5"});
  check("feed-download",
        {.results = {{{"key", kKey},
                      {"blocks", 5000},
                      {"bytes", 500000},
                      {"tookMs", 100},
                      {"blocksPerSecond", 50000},
                      {"bytesPerSecond", 5e6},
                      {"treeHash", kHex},
                      {"length", 7},
                      {"inSync", true}}}},
        {"feed", "download", kKey, "--range", "..5000"});
  check("feed-follow",
        {.results = {{{"key", kKey}, {"index", 0}, {"text", "a"}},
                     {{"key", kKey}, {"index", 1}, {"data", "/w=="}}}},
        {"feed", "follow", kKey, "--from", "new"});
  check("feed-seed", {.results = {{{"key", kKey}}}}, {"feed", "seed", "log", kKey});
  check("feed-seed-listen",
        {.results = {{{"event", "ready"}, {"tcp", "127.0.0.1:5"}, {"keys", {kKey}}}}},
        {"feed", "seed", "log", "--listen", "127.0.0.1:0", "--once"});
  check("feed-seed-once-alone", {}, {"feed", "seed", "log", "--once"});
  check("feed-unseed", {.results = {{{"key", kKey}}}}, {"feed", "unseed", kKey});
}

TEST_CASE("what destroys data asks at a terminal, and needs --yes elsewhere") {
  const Json cut = {
      {"key", kKey}, {"keyHex", kHex}, {"length", 3}, {"fork", 1}, {"treeHash", kHex}};
  check("feed-truncate", {.results = {cut}}, {"feed", "truncate", "log", "3", "--yes"});
  check("feed-truncate-unasked", {}, {"feed", "truncate", "log", "3"});
  check("feed-clear", {.results = {{{"key", kKey}, {"cleared", 7}}}},
        {"feed", "clear", kKey, "--range", "0..10"});
  check("feed-drop", {.results = {{{"key", kKey}}}}, {"feed", "drop", "log", "--yes"});
  FakeNode node{.results = {{{"key", kKey}}}};
  RecordingConsole console;
  const auto backend = node.backend();
  console.answer = "n";
  CHECK(run_application({"feed", "drop", "log"}, kEmpty, console, backend) == 2);
  CHECK(node.asked.empty());
  console.answer = "yes";
  CHECK(run_application({"feed", "drop", "log"}, kEmpty, console, backend) == 0);
  CHECK(node.asked == R"(feed.drop {"feed":"log"})");
}

TEST_CASE("verify lists what is damaged and then fails") {
  const Json well = {
      {"key", kKey}, {"keyHex", kHex}, {"blocks", 5}, {"nodes", 9}, {"bad", Json::array()}};
  check("feed-verify", {.results = {well}}, {"feed", "verify", "log"});
  Json damaged = well;
  damaged["bad"] = {{{"kind", "block"}, {"index", 3}, {"reason", "hash differs"}}};
  check("feed-verify-damaged",
        {.results = {damaged},
         .end = failed({ExitCode::corrupt, "damaged parts of the feed: 1", "drop it"})},
        {"feed", "verify", "log"});
}

TEST_CASE("values of the DHT pass byte for byte") {
  const Json stored = {{"hash", kHex}, {"stored", 20}, {"refused", 1}, {"tookMs", 4.2}};
  check("put", {.results = {stored}}, {"put", "hello world"});
  Json signed_stored = {{"hash", kHex}, {"key", kKey}, {"keyHex", kHex}, {"seq", 7}};
  signed_stored.update({{"stored", 1}, {"refused", 0}, {"tookMs", 4.2}});
  check("put-key", {.results = {signed_stored}},
        {"put", "--key", "status", "--seq", "7", std::string("\xff\x01", 2)});
  check("put-seq-without-key", {}, {"put", "--seq", "7", "x"});
  FakeNode node;
  CHECK(run_command_line(node, {"put", std::string(70'000, 'x')}).code == 2);
  check("get", {.results = {{{"value", "a\x1b[31m"}, {"seq", nullptr}, {"from", "127.0.0.1:2"}}}},
        {"get", kHex});
  check("get-bytes", {.results = {{{"valueBase64", "/wE="}, {"seq", 7}, {"from", "127.0.0.1:2"}}}},
        {"get", "key:" + kKey});
  check("get-nobody", {.end = failed({ExitCode::not_found, "nobody holds this value", "wait"})},
        {"get", kHex});
  check("get-bad", {}, {"get", "hello"});
}

TEST_CASE("targets are announced, looked up and the overlay is measured") {
  check("announce", {.results = {{{"target", kHex}, {"stored", 20}, {"tookMs", 4.2}}}},
        {"announce", "topic:weather"});
  check("announce-bad", {}, {"announce", "weather"});
  check("lookup",
        {.results = {{{"key", kKey},
                      {"relays", {"127.0.0.1:2", "127.0.0.1:3"}},
                      {"from", "127.0.0.1:4"},
                      {"namedBy", 12}}}},
        {"lookup", kHex});
  check("size",
        {.results = {{{"estimate", 1012.4},
                      {"low", 800.2},
                      {"high", 1300.0},
                      {"samples", 8},
                      {"robust", 990.5}}}},
        {"size"});
}

TEST_CASE("publish takes the message as typed and reports who wrote it") {
  const Json done = {
      {"topic", "weather"}, {"feed", kKey}, {"seq", 12}, {"bytes", 5}, {"confirmed", 1}};
  check("publish", {.results = {done}}, {"publish", "weather", "storm", "--confirm", "1"});
  check("publish-lines", {.results = {done, done}}, {"publish", "weather", "a\nb", "--lines"});
  check("publish-unconfirmed",
        {.end = failed({ExitCode::unconfirmed, "no peer wrote the message", "keep it"})},
        {"publish", "weather", "storm"});
}

TEST_CASE("subscribe prints messages as they are") {
  const Json text = {{"topic", "weather"}, {"feed", kKey},          {"author", kKey},
                     {"seq", 1},           {"time", 1700000000000}, {"text", "rain\r"}};
  const Json data = {{"topic", "weather"}, {"feed", kKey},          {"author", kKey},
                     {"seq", 2},           {"time", 1700000000001}, {"data", "AP8K"}};
  check("subscribe", {.results = {text, data}},
        {"subscribe", "weather", "--since", "5", "--author", kKey, "--durable", "d", "--count", "2",
         "--idle", "1.5s", "--until-synced"});
  check("subscribe-nul", {.results = {text}}, {"subscribe", "weather", "-0"});
  check("subscribe-seq-without-author", {}, {"subscribe", "weather", "--since", "5"});
  check("subscribe-exec", {.results = {text}}, {"subscribe", "weather", "--exec", "exit 3"});
}

TEST_CASE("topic commands ask for what the flags say") {
  check("topic-create", {.results = {{{"topic", "weather"}, {"id", kHex}}}},
        {"topic", "create", "weather"});
  check("topic-create-private", {.results = {{{"topic", "topic:" + kKey}, {"id", kHex}}}},
        {"topic", "create", "--private"});
  check("topic-create-nothing", {}, {"topic", "create"});
  check("topic-ls", {.results = {{{"topic", "weather"}, {"id", kHex}, {"private", false}}}},
        {"topic", "ls"});
  const Json feed = {{"feed", kKey}, {"length", 8}, {"own", true}, {"author", kKey}};
  check("topic-info",
        {.results = {{{"topic", "weather"},
                      {"id", kHex},
                      {"private", false},
                      {"peers", 2},
                      {"feeds", Json::array({feed})}}}},
        {"topic", "info", "weather"});
}

TEST_CASE("a topic is left, with messages of this home only after a yes") {
  check("topic-drop", {.results = {{{"topic", "weather"}, {"id", kHex}, {"private", false}}}},
        {"topic", "drop", "weather", "--yes"});
  const std::vector<Json> left{{{"topic", "weather"}, {"id", kHex}, {"private", false}}};
  const auto asked = [&](std::optional<std::string> answer, std::vector<std::string> flags) {
    FakeNode node{.results = left};
    RecordingConsole console;
    console.answer = std::move(answer);
    const auto backend = node.backend();
    std::vector<std::string> words{"topic", "drop", "weather"};
    words.insert(words.end(), flags.begin(), flags.end());
    const int code = run_application(words, kEmpty, console, backend);
    CHECK(code == (node.asked.empty() ? 2 : 0));
    return node.asked;
  };
  // Without a terminal the node decides whether a yes is needed.
  CHECK(asked(std::nullopt, {}) == R"(topic.drop {"topic":"weather"})");
  CHECK(asked(std::nullopt, {"--yes"}) == R"(topic.drop {"topic":"weather","yes":true})");
  CHECK(asked("y", {}) == R"(topic.drop {"topic":"weather","yes":true})");
  CHECK(asked("n", {}).empty());
}

TEST_CASE("messages that are missing are said on stderr and run no command") {
  const Json gap = {{"event", "missing"}, {"topic", "t"}, {"feed", kKey},
                    {"author", kKey},     {"from", 3},    {"to", 9}};
  FakeNode node{.results = {gap}};
  const auto shown = run_command_line(node, {"subscribe", "t", "--exec", "exit 3"});
  CHECK(shown.code == 0);
  CHECK(shown.out.empty());
  CHECK(shown.err.find("messages 3 to 9 of " + kKey + " are not here any more") !=
        std::string::npos);
}

TEST_CASE("a message whose command fails ends the subscription before it counts as printed") {
  const Json message = {
      {"topic", "t"}, {"feed", kKey}, {"author", kKey}, {"seq", 1}, {"text", "x"}};
  FakeNode node{.results = {message, message}};
  CHECK(run_command_line(node, {"subscribe", "t", "--exec", "exit 3"}).code == 1);
  CHECK(node.handed_over == 1);
  CHECK(run_command_line(node, {"subscribe", "t", "--exec", "true"}).code == 0);
  CHECK(node.handed_over == 2);
}

TEST_CASE("a closed stdout ends a command quietly, a full disk does not") {
  const Json message = {{"topic", "t"}, {"seq", 1}, {"text", "x"}};
  FakeNode node{.results = {message, message}};
  const auto backend = node.backend();
  RecordingConsole console;
  console.fails_with = std::make_error_code(std::errc::broken_pipe);
  CHECK(run_application({"subscribe", "t"}, kEmpty, console, backend) == 0);
  CHECK(node.handed_over == 1);
  CHECK(console.err.empty());
  console.fails_with = std::make_error_code(std::errc::no_space_on_device);
  CHECK(run_application({"subscribe", "t"}, kEmpty, console, backend) == 11);
  CHECK_FALSE(console.err.empty());
}

TEST_CASE("a signal is the proper end of what runs until one, and a failure of the rest") {
  FakeNode node{.end = stopped_by(2, true)};
  CHECK(run_command_line(node, {"subscribe", "weather"}).code == 0);
  CHECK(run_command_line(node, {"feed", "follow", "log"}).code == 0);
  CHECK(run_command_line(node, {"feed", "seed", "log", "--listen", ":0"}).code == 0);
  CHECK(run_command_line(node, {"join"}).code == 0);
  CHECK(run_command_line(node, {"find", kKey}).code == 130);
  CHECK(run_command_line(node, {"feed", "download", "log"}).code == 130);
  node.end = stopped_by(15, true);
  CHECK(run_command_line(node, {"find", kKey}).code == 143);
  node.end = stopped_by(2, false);
  CHECK(run_command_line(node, {"subscribe", "weather"}).code == 130);
}

TEST_CASE("global flags reach the request") {
  FakeNode node;
  run_command_line(node, {"find", kKey, "--no-daemon", "--timeout", "0", "--bootstrap", "a:1,b:2"});
  CHECK(node.options.no_daemon);
  CHECK(node.options.timeout == Duration::zero());
  CHECK(node.options.join.contacts == std::vector<std::string>{"a:1", "b:2"});
}

TEST_CASE("notices are on stderr unless quiet") {
  FakeNode node{.results = {{{"key", kKey}}}, .notices = {"started a node"}};
  CHECK(run_command_line(node, {"id"}).err == "cipnode: started a node\n");
  CHECK(run_command_line(node, {"id", "-q"}).err == "");
  CHECK(run_command_line(node, {"id", "--json"}).err == "{\"notice\":\"started a node\"}\n");
}

TEST_CASE("a broken config or an unknown command is JSON on stderr when JSON is wanted") {
  FakeNode node;
  const auto run = run_command_line(node, {"--json", "publsh"});
  CHECK(run.code == 2);
  CHECK(run.out.empty());
  CHECK(Json::parse(run.err)["error"]["class"] == "usage");
}

TEST_CASE("help prints the same as --help, and names what it does not know") {
  FakeNode node;
  CHECK(run_command_line(node, {"help", "feed", "append"}).out ==
        run_command_line(node, {"feed", "append", "--help"}).out);
  CHECK(run_command_line(node, {"help"}).out == run_command_line(node, {}).out);
  CHECK(run_command_line(node, {"help", "fnd"}).err ==
        "cipnode: unknown command 'fnd'\n  did you mean 'cipnode find'?\n");
}

TEST_CASE("a simulation refuses outputs that would be lost before it runs") {
  FakeNode node;
  const auto twice =
      run_command_line(node, {"sim", "metrics", "--svg", "/tmp/x.svg", "--html", "/tmp/./x.svg"});
  CHECK(twice.code == 2);
  CHECK(twice.out.empty());
  CHECK(twice.err.find("/tmp/./x.svg is named for two outputs") != std::string::npos);
  const auto dash = run_command_line(node, {"sim", "metrics", "--svg", "-"});
  CHECK(dash.code == 2);
  CHECK(dash.err.find("stdout has the figures") != std::string::npos);
}

}  // namespace cip::cli
