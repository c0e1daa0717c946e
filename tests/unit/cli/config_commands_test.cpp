// cipnode config: every setting with its value and where that comes from; all that is wrong at
// once.

#include <doctest/doctest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "cli/manual.hpp"
#include "cli/pages/configuration_page.hpp"
#include "tests/unit/cli/fake_node.hpp"

namespace cip::cli {

using namespace test;

namespace {

namespace fs = std::filesystem;

// A home and a folder of the user's settings, and command lines run beside them.
struct Settled {
  Settled() { path = ::mkdtemp(name); }
  ~Settled() { fs::remove_all(path); }

  std::string home_file() const { return (path / "home/config.toml").string(); }
  std::string user_file() const { return (path / "user/cipnode/config.toml").string(); }
  void write(const std::string& file, const std::string& text) const {
    fs::create_directories(fs::path(file).parent_path());
    std::ofstream(file) << text;
  }

  Run run(std::vector<std::string> words, std::map<std::string, std::string> variables = {}) {
    variables.insert({{"CIPNODE_HOME", path / "home"}, {"XDG_CONFIG_HOME", path / "user"}});
    const Environment environment =
        [variables](const std::string& variable) -> std::optional<std::string> {
      const auto found = variables.find(variable);
      if (found == variables.end()) return std::nullopt;
      return found->second;
    };
    RecordingConsole console;
    const auto backend = node.backend();
    const int code = run_application(words, environment, console, backend);
    return {code, console.out, console.err};
  }

  // What `config show --json` prints, by key.
  std::map<std::string, Json> shown(std::vector<std::string> flags,
                                    std::map<std::string, std::string> variables = {}) {
    flags.insert(flags.begin(), {"--json", "config", "show"});
    std::map<std::string, Json> out;
    std::istringstream lines(run(flags, std::move(variables)).out);
    for (std::string line; std::getline(lines, line);) {
      const auto object = Json::parse(line);
      out[object.at("key")] = object;
    }
    return out;
  }

  char name[32] = "/tmp/cipnode-config-XXXXXX";
  fs::path path;
  FakeNode node;
};

}  // namespace

TEST_CASE("config show says of every setting where it comes from") {
  Settled here;
  here.write(here.home_file(), "# mine\nquota = \"1G\"\nseed = [\"" + kKey + "\"]\n");
  here.write(here.user_file(), "quota = \"2G\"\nsubscribe.since = \"last:3\"\n");
  const auto shown = here.shown({"--network", "lab"}, {{"CIPNODE_LISTEN", "127.0.0.1:0"}});
  CHECK(shown.at("quota") == Json{{"key", "quota"},
                                  {"value", "1G"},
                                  {"origin", "file"},
                                  {"file", here.home_file()},
                                  {"line", 2}});
  CHECK(shown.at("subscribe.since")["file"] == here.user_file());
  CHECK(shown.at("seed")["value"] == Json::array({kKey}));
  CHECK(shown.at("listen") == Json{{"key", "listen"},
                                   {"value", "127.0.0.1:0"},
                                   {"origin", "environment"},
                                   {"variable", "CIPNODE_LISTEN"}});
  CHECK(shown.at("network") == Json{{"key", "network"}, {"value", "lab"}, {"origin", "flag"}});
  CHECK(shown.at("no-lan") == Json{{"key", "no-lan"}, {"value", false}, {"origin", "default"}});
  CHECK(shown.at("timeout")["value"].is_null());
  CHECK(shown.at("home")["value"] == (here.path / "home").string());
}

TEST_CASE("config show prints a table, with --origin where each comes from") {
  Settled here;
  here.write(here.home_file(), "quota = \"1G\"\n");
  const auto plain = here.run({"config", "show"});
  CHECK(plain.code == 0);
  CHECK(plain.out.find("quota") != std::string::npos);
  CHECK(plain.out.find("config.toml") == std::string::npos);
  const auto origins = here.run({"config", "show", "--origin"}).out;
  CHECK(origins.find(here.home_file() + ", line 1") != std::string::npos);
  CHECK(origins.find("CIPNODE_HOME") != std::string::npos);
}

TEST_CASE("config check names all that is wrong, with file and line") {
  Settled here;
  here.write(here.home_file(), "lisen = \":1\"\nquota = \"many\"\nsince = \"new\"\n[join]\n");
  here.write(here.user_file(), "public = true\n");
  const auto checked = here.run({"config", "check"}, {{"CIPNODE_TIMEOUT", "soon"}});
  CHECK(checked.code == 2);
  const auto wrong = [&](const char* line, const char* what) {
    return "fail  " + here.home_file() + ", line " + line + ": " + what + "\n";
  };
  CHECK(checked.out ==
        "ok    " + here.user_file() + ": 1 setting\n" +
            wrong("1", "unknown setting 'lisen'; did you mean 'listen'?") +
            wrong("2", "quota: 'many' is not a size such as 100, 64k or 5M") +
            wrong("3", "unknown setting 'since'; did you mean 'subscribe.since'?") +
            wrong("4",
                  "tables are not used here: write plain key = value lines; lines look like: "
                  "listen = \"0.0.0.0:49737\"") +
            "fail  CIPNODE_TIMEOUT: 'soon' is not a duration such as 500ms, 2s, 10m or 1h\n");
  CHECK(here.run({"status"}).code == 2);
}

TEST_CASE("config check is content with files that are not there, and says so") {
  Settled here;
  const auto checked = here.run({"--json", "config", "check"});
  CHECK(checked.code == 0);
  const auto first = Json::parse(checked.out.substr(0, checked.out.find('\n')));
  CHECK(first == Json{{"source", "file"},
                      {"file", here.user_file()},
                      {"exists", false},
                      {"ok", true},
                      {"settings", 0},
                      {"problems", Json::array()}});
}

TEST_CASE("a node asks its settings again, behind the words that it was started with") {
  Settled here;
  here.write(here.home_file(), "quota = \"5000000\"\nidle-exit = \"1h\"\n");
  here.run({"join", "192.0.2.7:1", "--idle-exit", "2h"}, {{"CIPNODE_BOOTSTRAP", "192.0.2.8:1"}});
  const auto started = here.node.options.join;
  CHECK(started.contacts == std::vector<std::string>{"192.0.2.7:1", "192.0.2.8:1"});
  CHECK(started.from_settings == std::vector<std::string>{"bootstrap", "quota"});
  here.write(here.home_file(), "quota = \"6000000\"\nidle-exit = \"3h\"\nno-lan = true\n");
  const auto by_now = started.reread();
  REQUIRE(by_now);
  CHECK(by_now->contacts == started.contacts);
  CHECK(by_now->quota == 6'000'000);
  CHECK(by_now->idle_exit == started.idle_exit);
  CHECK_FALSE(by_now->lan);
  here.write(here.home_file(), "no = \"such\"\n");
  REQUIRE_FALSE(started.reread());
  CHECK(started.reread().error().message.find("line 1: unknown setting 'no'") != std::string::npos);
}

TEST_CASE("a node in the background knows which of its words somebody typed") {
  Settled here;
  here.write(here.home_file(), "quota = \"5000000\"\npublic = true\n");
  here.run({"join", "--detach", "--idle-exit", "2h"});
  const auto words = node::join_arguments(here.node.options.join);
  here.run(words);  // as the process in the background runs
  const auto started = here.node.options.join;
  CHECK(started.quota == 5'000'000);
  CHECK(started.reachable);
  here.write(here.home_file(), "idle-exit = \"3h\"\n");
  const auto by_now = started.reread();
  REQUIRE(by_now);
  CHECK_FALSE(by_now->quota);
  CHECK_FALSE(by_now->reachable);
  CHECK(by_now->idle_exit == std::chrono::hours(2));
}

TEST_CASE("a reload says what changed and since when it holds") {
  const Json changes{{"atOnce",
                      {{{"key", "quota"}, {"from", 5'000'000}, {"to", 9'000'000}},
                       {{"key", "log"}, {"from", nullptr}, {"to", "dht=debug"}}}},
                     {"atNextStart", {{{"key", "no-lan"}, {"from", false}, {"to", true}}}}};
  check("config-reload", {.results = {changes}}, {"config", "reload"});
  const Json none{{"atOnce", Json::array()}, {"atNextStart", Json::array()}};
  FakeNode node{.results = {none}};
  CHECK(run_command_line(node, {"config", "reload"}).out == "nothing has changed\n");
}

TEST_CASE("a file is checked before it is put in its place") {
  Settled here;
  here.write(here.home_file(), "no = such\n");
  const auto other = (here.path / "other.toml").string();
  here.write(other, "network = \"lab\"\n");
  CHECK(here.run({"config", "check", other}).out == "ok    " + other + ": 1 setting\n");
  here.write(other, "network = 1.5\n");
  CHECK(here.run({"config", "check", other}).code == 2);
  CHECK(here.run({"config", "check", (here.path / "none").string()}).code == 2);
}

TEST_CASE("help and completion work beside settings that are wrong") {
  Settled here;
  here.write(here.home_file(), "no = such\n");
  CHECK(here.run({"help", "join"}).code == 0);
  CHECK(here.run({"completion", "bash"}).code == 0);
  CHECK(here.run({"__complete", "--", "pub"}).out.starts_with("publish"));
  CHECK(here.run({"id"}).code == 2);
}

TEST_CASE("settings of a command hold for it alone") {
  Settled here;
  here.write(here.home_file(), "feed.seed.listen = \"127.0.0.1:5\"\nsubscribe.count = 7\n");
  here.run({"subscribe", "news"});
  CHECK(here.node.asked.find("\"count\":7") != std::string::npos);
  CHECK_FALSE(here.node.options.join.listen);
  here.run({"feed", "seed", "log"});
  CHECK(here.node.asked.find("\"listen\":\"127.0.0.1:5\"") != std::string::npos);
  here.run({"subscribe", "news", "--count", "2"});
  CHECK(here.node.asked.find("\"count\":2") != std::string::npos);
}

TEST_CASE(
    "every flag of a command that runs until a signal has a key, but what says how it starts") {
  CommandTree tree;
  add_all_commands(tree);
  for (const auto* app : shown_commands(tree)) {
    auto method = full_name(*app).substr(std::string("cipnode").size());
    std::ranges::replace(method, ' ', '.');
    const auto* info = node::method_info(method.empty() ? method : method.substr(1));
    if (method != ".join" && (info == nullptr || !info->runs)) continue;
    for (const auto* option : app->get_options()) {
      if (option->get_positional() || option->get_group().empty()) continue;
      if (option == app->get_help_ptr() || option->get_name() == "--detach") continue;
      CAPTURE(full_name(*app) + " " + option->get_name());
      CHECK(tree.settings().find(option) != nullptr);
    }
  }
}

TEST_CASE("the page of the configuration is written from the tree") {
  CommandTree tree;
  add_all_commands(tree);
  check_golden(std::string(CIP_SOURCES) + "/docs/configuration.md",
               pages::configuration_text(tree));
}

}  // namespace cip::cli
