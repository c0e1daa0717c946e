#include "cli/settings.hpp"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <fstream>

#include "cli/command_tree.hpp"

namespace cip::cli {

namespace {

Environment environment_of(std::map<std::string, std::string> variables) {
  return [variables](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
}

// A folder that goes away with the test.
struct Folder {
  Folder() {
    char name[] = "/tmp/cipnode-settings-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  void write(const std::string& file, const std::string& text) const {
    std::filesystem::create_directories((path / file).parent_path());
    std::ofstream(path / file) << text;
  }
  std::filesystem::path path;
};

// A tree with join and one more command, parsed.
struct Line {
  explicit Line(std::vector<std::string> words, std::map<std::string, std::string> variables) {
    auto& join = tree.add(tree.root(), "join", "Node",
                          {.purpose = "Join", .examples = {}, .run = [](Context&) { return 0; }});
    add_join_flags(join, tree.settings(), tree.join());
    tree.add(tree.root(), "id", "Node",
             {.purpose = "Id", .examples = {}, .run = [](Context&) { return 0; }});
    variables.try_emplace("HOME", "/nonexistent");
    result = tree.parse(words, environment_of(variables));
  }
  std::string message() const { return result ? "" : result.error().message; }
  CommandTree tree;
  Outcome<Invocation> result;
};

}  // namespace

TEST_CASE("the environment names of settings are their keys in capitals") {
  CHECK(environment_name("no-lan") == "CIPNODE_NO_LAN");
  CHECK(environment_name("feed.seed.once") == "CIPNODE_FEED_SEED_ONCE");
}

TEST_CASE("a flag comes before the environment, that before config files, these before defaults") {
  const Folder folder;
  folder.write("home/config.toml", "network = \"from-home\"\nlog = \"dht=debug\"\n");
  folder.write("user/cipnode/config.toml", "network = \"from-user\"\ntimeout = \"9s\"\n");
  const std::map<std::string, std::string> files = {{"CIPNODE_HOME", folder.path / "home"},
                                                    {"XDG_CONFIG_HOME", folder.path / "user"}};
  auto with_variable = files;
  with_variable["CIPNODE_NETWORK"] = "from-environment";

  CHECK(Line({"id", "--network", "from-flag"}, with_variable).tree.globals().network ==
        "from-flag");
  CHECK(Line({"id"}, with_variable).tree.globals().network == "from-environment");
  const Line parsed({"id"}, files);
  CHECK(parsed.tree.globals().network == "from-home");
  CHECK(parsed.tree.globals().log == "dht=debug");
  CHECK(parsed.tree.globals().timeout == Duration(std::chrono::seconds(9)));
  CHECK_FALSE(Line({"id"}, {}).tree.globals().network);
}

TEST_CASE("flags of join have settings for every command, since a command may start a node") {
  Line parsed({"id"}, {{"CIPNODE_LISTEN", "127.0.0.1:0"}, {"CIPNODE_NO_LAN", "1"}});
  REQUIRE(parsed.result);
  CHECK(parsed.tree.join().listen == Endpoint{0x7f000001, 0});
  CHECK_FALSE(parsed.tree.join().lan);
}

TEST_CASE("a repeatable flag takes several values from one variable or one array") {
  CHECK(Line({"id"}, {{"CIPNODE_BOOTSTRAP", "a:1,b:2"}}).tree.globals().bootstrap ==
        std::vector<std::string>{"a:1", "b:2"});
  const Folder folder;
  folder.write("config.toml", "bootstrap = [\"c:3\", \"d:4\"]\n");
  CHECK(Line({"id"}, {{"CIPNODE_HOME", folder.path}}).tree.globals().bootstrap ==
        std::vector<std::string>{"c:3", "d:4"});
}

TEST_CASE("a switch can be turned off where it would be on") {
  CHECK(Line({"id"}, {{"CIPNODE_JSON", "true"}}).tree.globals().json);
  CHECK_FALSE(Line({"id"}, {{"CIPNODE_JSON", "0"}}).tree.globals().json);
}

TEST_CASE("a switch that is off by a higher rank stays off") {
  const Folder folder;
  folder.write("config.toml", "no-lan = true\n");
  CHECK(Line({"id"}, {{"CIPNODE_HOME", folder.path}, {"CIPNODE_NO_LAN", "0"}}).tree.join().lan);
}

TEST_CASE("an empty array says nothing") {
  const Folder folder;
  folder.write("home/config.toml", "bootstrap = []\n");
  folder.write("user/cipnode/config.toml", "bootstrap = [\"a:1\"]\n");
  CHECK(Line({"id"},
             {{"CIPNODE_HOME", folder.path / "home"}, {"XDG_CONFIG_HOME", folder.path / "user"}})
            .tree.globals()
            .bootstrap == std::vector<std::string>{"a:1"});
}

TEST_CASE("values are checked where something else holds, too") {
  const Folder folder;
  folder.write("config.toml", "timeout = \"soon\"\n");
  CHECK(Line({"id", "--timeout", "3s"}, {{"CIPNODE_HOME", folder.path}}).message() ==
        (folder.path / "config.toml").string() +
            ", line 1: timeout: 'soon' is not a duration such as 500ms, 2s, 10m or 1h");
}

TEST_CASE("what was typed is as it was, whatever the settings say") {
  const Folder folder;
  folder.write("config.toml", "bootstrap = [\"a:1\", \"b:2\"]\nno-lan = true\nlisten = \":1\"\n");
  Line parsed({"join", "--bootstrap", "c:3,d:4", "--listen", ":2", "--no-lan=false"},
              {{"CIPNODE_HOME", folder.path}, {"CIPNODE_LISTEN", ":3"}});
  REQUIRE(parsed.result);
  CHECK(parsed.tree.globals().bootstrap == std::vector<std::string>{"c:3", "d:4"});
  CHECK(parsed.tree.join().listen == Endpoint{0, 2});
  CHECK(parsed.tree.join().lan);
}

TEST_CASE("the user's file names the home, the home's own cannot") {
  const Folder folder;
  folder.write("user/cipnode/config.toml", "home = \"" + (folder.path / "home").string() + "\"\n");
  folder.write("home/config.toml", "network = \"n\"\n");
  const std::map<std::string, std::string> user = {{"XDG_CONFIG_HOME", folder.path / "user"}};
  const Line parsed({"id"}, user);
  CHECK(parsed.tree.globals().home == folder.path / "home");
  CHECK(parsed.tree.globals().network == "n");

  folder.write("home/config.toml", "home = \"/elsewhere\"\n");
  const Line wrong({"id"}, user);
  CHECK(wrong.message() ==
        (folder.path / "home/config.toml").string() + ", line 1: a home cannot name another home");
}

TEST_CASE("a bad setting is refused with its source") {
  CHECK(Line({"id"}, {{"CIPNODE_TIMEOUT", "soon"}}).message() ==
        "CIPNODE_TIMEOUT: 'soon' is not a duration such as 500ms, 2s, 10m or 1h");
  CHECK(Line({"id"}, {{"CIPNODE_JSON", "perhaps"}}).message() ==
        "CIPNODE_JSON: 'perhaps' is neither true nor false");
  const Folder folder;
  folder.write("config.toml", "\nnetwrok = \"x\"\n");
  const Line unknown({"id"}, {{"CIPNODE_HOME", folder.path}});
  REQUIRE_FALSE(unknown.result);
  CHECK(unknown.result.error().code == ExitCode::usage);
  CHECK(unknown.message() ==
        (folder.path / "config.toml").string() + ", line 2: unknown setting 'netwrok'");
  CHECK(unknown.result.error().hint == "did you mean 'network'?");
}

TEST_CASE("no setting that is written is passed over") {
  const Folder folder;
  const auto file = folder.path / "config.toml";
  folder.write("config.toml", "listen = [\":1\", \":2\"]\n");
  CHECK(Line({"id"}, {{"CIPNODE_HOME", folder.path}}).message() ==
        file.string() + ", line 1: listen takes one value, and there are 2");
  std::filesystem::remove(file);
  std::filesystem::create_symlink("nowhere", file);
  const Line astray({"id"}, {{"CIPNODE_HOME", folder.path}});
  CHECK(astray.message() ==
        "the config file " + file.string() + " cannot be read: No such file or directory");
  CHECK_FALSE(astray.result.error().hint.empty());
  std::filesystem::remove(file);
  CHECK(Line({"id"}, {{"CIPNODE_HOME", folder.path}}).result);
}

}  // namespace cip::cli
