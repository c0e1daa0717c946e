#include "cli/command_tree.hpp"

#include <doctest/doctest.h>

#include "cli/application.hpp"

namespace cip::cli {

namespace {

const Environment kEmpty = [](const std::string& name) -> std::optional<std::string> {
  if (name == "HOME") return "/nonexistent";
  return std::nullopt;
};

struct Tree : CommandTree {
  Tree() { add_all_commands(*this); }
};

Error error_of(const std::vector<std::string>& words) {
  Tree tree;
  const auto parsed = tree.parse(words, kEmpty);
  return parsed ? Error{ExitCode::ok, "parsed", ""} : parsed.error();
}

std::string command_of(const std::vector<std::string>& words) {
  Tree tree;
  const auto parsed = tree.parse(words, kEmpty);
  if (!parsed) return parsed.error().message;
  return full_name(*parsed->app) + (parsed->help ? " (help)" : "");
}

const std::string kKey(52, 'y');

}  // namespace

TEST_CASE("global flags stand before or behind the command") {
  CHECK(command_of({"--json", "find", kKey}) == "cipnode find");
  CHECK(command_of({"find", kKey, "--json", "-q"}) == "cipnode find");
  CHECK(command_of({"feed", "--json", "append", "log", "--lines", "-v"}) == "cipnode feed append");
}

TEST_CASE("an unknown command names the nearest one") {
  const auto error = error_of({"publsh", "topic"});
  CHECK(error.code == ExitCode::usage);
  CHECK(error.message == "unknown command 'publsh'");
  CHECK(error.hint == "did you mean 'cipnode publish'?");
  CHECK(error_of({"feed", "apend", "log"}).hint == "did you mean 'cipnode feed append'?");
  CHECK(error_of({"xyzzy"}).hint == "see: cipnode --help");
}

TEST_CASE("a word of a group is found without its group, unless it destroys") {
  CHECK(error_of({"append", "log"}).hint == "did you mean 'cipnode feed append'?");
  CHECK(error_of({"drop", "log"}).hint == "see: cipnode --help");
}

TEST_CASE("what is wrong with no command names the program once") {
  CHECK(error_of({"--hlep"}).message == "unknown flag '--hlep'");
  CHECK(error_of({"--hlep"}).hint == "did you mean '--help'?");
  CHECK(error_of({"--versoin"}).hint == "did you mean '--version'?");
  CHECK(error_of({"--version", "join"}).message == "'--version' stands alone");
  CHECK(error_of({"do"}).hint == "did you mean 'cipnode doctor'?");
}

TEST_CASE("id is a command and a group") {
  CHECK(command_of({"id"}) == "cipnode id");
  CHECK(command_of({"id", "--json"}) == "cipnode id");
  CHECK(command_of({"id", "export", "f"}) == "cipnode id export");
  CHECK(error_of({"id", "exprt"}).hint == "did you mean 'cipnode id export'?");
}

TEST_CASE("sequence numbers are those that others can read") {
  CHECK(command_of({"put", "--key", "k", "--seq", "9007199254740991", "x"}) == "cipnode put");
  for (const auto* seq : {"9007199254740992", "18446744073709551615", "99999999999999999999"}) {
    CAPTURE(seq);
    CHECK(error_of({"put", "--key", "k", "--seq", seq, "x"}).code == ExitCode::usage);
  }
}

TEST_CASE("commands of later versions are unknown, not promised") {
  for (const auto* word : {"room", "book", "gateway"}) {
    CAPTURE(word);
    CHECK(error_of({word, "x"}).code == ExitCode::usage);
  }
}

TEST_CASE("a flag in front of the command is judged as one, not its value as the command") {
  CHECK(error_of({"--frobnicate", "x", "join"}).message == "unknown flag '--frobnicate'");
  CHECK(error_of({"--hom", "x", "join"}).hint == "did you mean '--home'?");
  const auto early = error_of({"--quota", "4M", "join"});
  CHECK(early.message == "'--quota' is a flag of a command");
  CHECK(early.hint == "write it behind the command");
  CHECK(error_of({"feed", "--lines", "append"}).message ==
        "feed: '--lines' is a flag of a command");
}

TEST_CASE("an unknown flag names the nearest one") {
  const auto error = error_of({"join", "--lisen", "x"});
  CHECK(error.message == "join: unknown flag '--lisen'");
  CHECK(error.hint == "did you mean '--listen'?");
  CHECK(error_of({"find", kKey, "--tace"}).hint == "did you mean '--trace'?");
  CHECK(error_of({"find", kKey, "--jsno"}).hint == "did you mean '--json'?");
  CHECK(error_of({"find", "--trase"}).message == "find: unknown flag '--trase'");
  CHECK(error_of({"find", kKey, "--qqqqqqq=5"}).hint == "see: cipnode find --help");
}

TEST_CASE("missing and superfluous arguments are named") {
  CHECK(error_of({"find"}).message == "find needs ID");
  CHECK(error_of({"feed"}).message == "feed needs a command");
  CHECK(error_of({"feed", "seed"}).message == "feed seed needs KEY|NAME");
  CHECK(error_of({"status", "now"}).message == "status: unexpected argument 'now'");
  CHECK(error_of({"--timeout"}).code == ExitCode::usage);
  CHECK(error_of({"find", kKey, "--topic", "--feed"}).code == ExitCode::usage);
}

TEST_CASE("bad values are named with their flag and an example") {
  CHECK(error_of({"find", kKey, "--timeout", "soon"}).message ==
        "--timeout: 'soon' is not a duration such as 500ms, 2s, 10m or 1h");
  CHECK(error_of({"join", "127.0.0.1"}).message ==
        "CONTACT: '127.0.0.1' has no port; write HOST:PORT");
  CHECK(error_of({"join", "--listen", "127.0.0.1:99999"}).message ==
        "--listen: the port of '127.0.0.1:99999' is not a number up to 65535, without leading "
        "zeros; write ADDRESS:PORT, such as 0.0.0.0:49737 or 127.0.0.1:0");
  CHECK(error_of({"feed", "cat", "log", "--range", "5"}).message ==
        "--range: '5' is not a range such as 10..20, 10.. or ..20");
}

TEST_CASE("every usage error has a hint") {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"find"},
                                                {"feed"},
                                                {"xyzzy"},
                                                {"find", kKey, "--zzzzzz"},
                                                {"status", "x"},
                                                {"--timeout"},
                                                {"join", "x"},
                                                {"find", kKey, "--topic", "--feed"}}) {
    CHECK_FALSE(error_of(words).hint.empty());
  }
}

TEST_CASE("help is for the command it is asked of") {
  CHECK(command_of({"--help"}) == "cipnode (help)");
  CHECK(command_of({}) == "cipnode (help)");
  CHECK(command_of({"feed", "--help"}) == "cipnode feed (help)");
  CHECK(command_of({"feed", "append", "-h"}) == "cipnode feed append (help)");
  CHECK(command_of({"find", "--help"}) == "cipnode find (help)");
}

TEST_CASE("arguments may look like commands, flags after -- like text") {
  CHECK(command_of({"publish", "feed", "stop"}) == "cipnode publish");
  CHECK(command_of({"publish", "weather", "--", "--json"}) == "cipnode publish");
}

TEST_CASE("-- is no flag, and what is wrong with a value behind it is said as without it") {
  const std::vector<std::vector<std::string>> wrong = {
      {"feed", "create", "key:x"}, {"feed", "info", "key:bad"}, {"publish", "+", "x"}};
  for (const auto& words : wrong) {
    CAPTURE(words[1]);
    auto marked = words;
    marked.insert(marked.begin() + (words[0] == "feed" ? 2 : 1), "--");
    CHECK(error_of(marked).message == error_of(words).message);
    CHECK(error_of(marked).message.find("flag") == std::string::npos);
  }
  CHECK(error_of({"status", "--", "--now"}).message == "status: unexpected argument '--now'");
  CHECK(error_of({"status", "-qx"}).message == "status: unknown flag '-x'");
  CHECK(error_of({"feed", "--", "ls"}).message == "feed needs a command");
  CHECK(error_of({"find", "--tace", "--", kKey}).hint == "did you mean '--trace'?");
}

TEST_CASE("-0 is a flag, and a repeatable flag leaves the arguments behind it alone") {
  CHECK(command_of({"subscribe", "weather", "-0"}) == "cipnode subscribe");
  CHECK(command_of({"feed", "download", "--peer", "a:1", "--peer", "b:2", "log"}) ==
        "cipnode feed download");
  CHECK(command_of({"feed", "seed", "a", "b", "c"}) == "cipnode feed seed");
  CHECK(command_of({"join", "a:1", "b:2", "--listen", ":0"}) == "cipnode join");
}

}  // namespace cip::cli
