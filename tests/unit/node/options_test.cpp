// Small pure parts: arguments of a background node, contacts, idle exit, JSON forms, log spec.
#include <doctest/doctest.h>
#include <unistd.h>

#include "base/random.hpp"
#include "base/text.hpp"
#include "node/contacts.hpp"
#include "node/idle_watch.hpp"
#include "node/join_options.hpp"
#include "node/json_rpc.hpp"
#include "node/log.hpp"
#include "node/log_levels.hpp"
#include "tests/unit/node/support.hpp"

using namespace cip;
using namespace cip::node;
using std::chrono::minutes;
using std::chrono::seconds;

TEST_CASE("a background node is told everything its starter was told") {
  JoinOptions options;
  options.home = "/h";
  options.network = "n";
  options.contacts = {"host:1"};
  options.listen = Endpoint{0, 0};
  options.lan = false;
  options.seed = {Bytes32{}};
  options.idle_exit = seconds(60);
  options.ready_fd = 3;
  options.for_command = "cipnode feed ls";
  CHECK(join_arguments(options) ==
        std::vector<std::string>{"--home", "/h", "--network", "n", "join", "host:1", "--listen",
                                 "0.0.0.0:0", "--no-lan", "--seed", std::string(52, 'y'),
                                 "--idle-exit", "60000ms", "--for-command", "cipnode feed ls",
                                 "--ready-fd", "3"});
}

TEST_CASE("a background node knows which of its flags come from settings, to ask those again") {
  JoinOptions options;
  options.home = "/h";
  options.quota = 7;
  options.from_settings = {"quota", "json"};  // a flag of the command alone is no flag of the node
  CHECK(join_arguments(options) == std::vector<std::string>{"--home", "/h", "--network", "default",
                                                            "join", "--quota", "7",
                                                            "--from-settings", "quota"});
}

TEST_CASE("a contact is a host with a port that is not zero") {
  CHECK(parse_host_port("example.org:49737")->host == "example.org");
  CHECK(parse_host_port("example.org:49737")->port == 49737);
  for (const char* bad : {"example.org", "example.org:", ":1", "h:0", "h:65536", "h:1x"}) {
    CHECK_FALSE(parse_host_port(bad));
  }
}

TEST_CASE("saved contacts come back, and a record of another form is refused") {
  dht::ContactArena arena;
  dht::RoutingTable table(dht::NodeId{}, arena);
  const Endpoint contact{0x7f000001, 4000};
  table.heard(1, dht::contact_of(contact));
  const auto record = save_contacts(table);
  CHECK(*load_contacts(record) == std::vector<Endpoint>{contact});
  CHECK_FALSE(load_contacts(ByteView(record).first(record.size() - 1)));
  CHECK_FALSE(load_contacts({}));
}

TEST_CASE("an idle node leaves when its time is over, later if it alone holds blocks") {
  const TimePoint start{};
  IdleWatch watch(seconds(60));
  CHECK_FALSE(watch.should_leave(start, {}));
  CHECK_FALSE(watch.should_leave(start + seconds(59), {}));
  CHECK(watch.should_leave(start + seconds(60), {}));
  CHECK_FALSE(watch.should_leave(start + seconds(60), {.unshared = true}));
  CHECK(watch.should_leave(start + minutes(10), {.unshared = true}));
  CHECK_FALSE(watch.should_leave(start + minutes(10), {.busy = true}));
  CHECK_FALSE(watch.should_leave(start + minutes(10) + seconds(59), {}));
  CHECK(watch.should_leave(start + minutes(11), {}));
}

TEST_CASE("payloads are text when they are UTF-8, else base64, and both come back") {
  Json object = Json::object();
  add_payload(object, bytes_of("grüß\n"));
  CHECK(object["text"] == "grüß\n");
  Json binary = Json::object();
  const Bytes bytes{0xff, 0x00, 0x10};
  add_payload(binary, bytes);
  CHECK(binary["data"] == "/wAQ");
  CHECK(*from_base64("/wAQ") == bytes);
  CHECK(to_base64({}) == "");
  CHECK_FALSE(from_base64("*"));
}

TEST_CASE("an error survives its way through JSON, and a malformed one is internal") {
  const Error error{ExitCode::conflict, "two histories", "decide"};
  const auto again = error_of(json_error(1, error)["error"]);
  CHECK(again.code == ExitCode::conflict);
  CHECK(again.message == "two histories");
  CHECK(again.hint == "decide");
  CHECK(error_of(Json(7)).code == ExitCode::internal);
  CHECK(error_of(Json{{"code", 200}}).code == ExitCode::internal);
}

TEST_CASE("a log spec names levels for all floors or for one") {
  const auto set = [](const char* spec) {
    LogOptions options;
    options.spec = spec;
    return set_up_logging(options);
  };
  REQUIRE(set("dht=debug,store=error"));
  CHECK(is_logged(Floor::dht, LogLevel::debug));
  CHECK_FALSE(is_logged(Floor::store, LogLevel::warning));
  CHECK(is_logged(Floor::node, LogLevel::warning));
  CHECK_FALSE(is_logged(Floor::node, LogLevel::info));
  REQUIRE(set("info"));
  CHECK(is_logged(Floor::overlay, LogLevel::info));
  CHECK(set("dth=debug").error().code == ExitCode::usage);
  CHECK(set("loud").error().code == ExitCode::usage);
  CHECK_FALSE(check_log_spec("dht=loud"));
  CHECK(check_log_spec("dht=error,info"));
  REQUIRE(set(""));
}

TEST_CASE("levels of the log change while it runs, of the floors that are named") {
  REQUIRE(set_up_logging({}));
  REQUIRE(change_log_levels("dht=debug,store=off"));
  CHECK(log_levels() ==
        std::map<std::string_view, std::string_view>{
            {"dht", "debug"}, {"node", "warning"}, {"overlay", "warning"}, {"store", "off"}});
  CHECK(is_logged(Floor::dht, LogLevel::debug));
  CHECK_FALSE(is_logged(Floor::store, LogLevel::error));
  REQUIRE(change_log_levels("node=info"));
  CHECK(log_levels().at("dht") == "debug");
  CHECK(change_log_levels("dht=error,loud").error().code == ExitCode::usage);
  CHECK(log_levels().at("dht") == "debug");
  REQUIRE(set_up_logging({}));
}

TEST_CASE("a log file is for its owner, keeps one old file when it grows, and is opened anew") {
  const test::TemporaryDirectory directory;
  const int before = ::dup(STDERR_FILENO);
  LogOptions options;
  options.file = directory.path() / "node.log";
  options.max_bytes = 1000;
  const int fd = open_log_file(options.file);
  REQUIRE(fd >= 0);
  ::dup2(fd, STDERR_FILENO);
  ::close(fd);
  REQUIRE(set_up_logging(options));
  for (int i = 0; i < 100; ++i) log_line(Floor::node, LogLevel::warning, "a line of the log");
  std::filesystem::rename(options.file, directory.path() / "moved");
  reopen_log();
  log_line(Floor::node, LogLevel::warning, "the first of a new file");
  ::dup2(before, STDERR_FILENO);
  ::close(before);
  REQUIRE(set_up_logging({}));

  const auto old = directory.path() / "node.log.1";
  CHECK(std::filesystem::file_size(old) <= 1000);
  CHECK(std::filesystem::file_size(directory.path() / "moved") <= 1000);
  CHECK(std::filesystem::file_size(options.file) < 100);
  using std::filesystem::perms;
  CHECK(std::filesystem::status(options.file).permissions() == perms(0600));
  CHECK(std::filesystem::status(old).permissions() == perms(0600));
  CHECK(std::distance(std::filesystem::directory_iterator(directory.path()), {}) == 3);
}
