#include "cli/completion.hpp"

#include <doctest/doctest.h>

#include "tests/unit/cli/fake_node.hpp"

namespace cip::cli {

namespace {

Completions found(const std::vector<std::string>& words) {
  CommandTree tree;
  add_all_commands(tree);
  return complete(tree, words);
}

std::vector<std::string> words_of(const std::vector<std::string>& words) {
  std::vector<std::string> out;
  for (const auto& completion : found(words).words) out.push_back(completion.word);
  return out;
}

bool offers(const std::vector<std::string>& words, const std::string& word) {
  const auto all = words_of(words);
  return std::ranges::find(all, word) != all.end();
}

using Further = Completions::Further;

}  // namespace

TEST_CASE("commands complete by their beginning, hidden ones never") {
  CHECK(words_of({"pub"}) == std::vector<std::string>{"publish"});
  CHECK(words_of({"feed", "tru"}) == std::vector<std::string>{"truncate"});
  CHECK(words_of({"--json", "feed", "tru"}) == std::vector<std::string>{"truncate"});
  CHECK(words_of({"--home", "feed", "pub"}) == std::vector<std::string>{"publish"});
  CHECK(offers({""}, "join"));
  CHECK_FALSE(offers({""}, "__complete"));
  CHECK(words_of({"xyz"}).empty());
  CHECK(words_of({"id", "ex"}) == std::vector<std::string>{"export"});
}

TEST_CASE("flags complete, those of the command and the global ones") {
  CHECK(words_of({"subscribe", "--unt"}) == std::vector<std::string>{"--until-synced"});
  CHECK(offers({"feed", "append", "--"}, "--lines"));
  CHECK(offers({"feed", "append", "--"}, "--json"));
  CHECK_FALSE(offers({"feed", "append", "--"}, "--until-synced"));
  CHECK_FALSE(offers({"join", "--"}, "--ready-fd"));
}

TEST_CASE("values complete where their kind is known") {
  CHECK(words_of({"completion", ""}) == std::vector<std::string>{"bash", "zsh", "fish"});
  CHECK(words_of({"--log-format", "j"}) == std::vector<std::string>{"json"});
  CHECK(found({"publish", "--file", ""}).further == Further::files);
  CHECK(found({"--home", ""}).further == Further::files);
  CHECK(found({"id", "export", ""}).further == Further::files);
  CHECK(found({"feed", "cat", ""}).further == Further::feeds);
  CHECK(found({"feed", "seed", "one", ""}).further == Further::feeds);
  CHECK(found({"publish", ""}).further == Further::topics);
  CHECK(found({"publish", "news", ""}).further == Further::nothing);
  CHECK(found({"feed", "append", ""}).further == Further::feeds);
  CHECK(found({"feed", "create", ""}).further == Further::nothing);
  CHECK(found({"--network", ""}).further == Further::nothing);
  CHECK(words_of({"sim", "routing", "--strategy", "kad"}) ==
        std::vector<std::string>{"kademlia", "kademlia-rounds"});
  CHECK(words_of({"sim", "routing", "--strategy", ""}).size() == 5);
  CHECK(words_of({"sim", "churn", "--start", ""}) ==
        std::vector<std::string>{"oracle", "shared", "join"});
  CHECK(words_of({"sim", "size", "--codec=a"}) == std::vector<std::string>{"--codec=all"});
  CHECK(words_of({"--log-format=j"}) == std::vector<std::string>{"--log-format=json"});
  CHECK(words_of({"subscribe", "t", "--since", ""}) ==
        std::vector<std::string>{"start", "new", "last:"});
  CHECK(words_of({"feed", "follow", "log", "--from", ""}) == std::vector<std::string>{"new"});
  CHECK(words_of({"sim", "churn", "--churn", "w"}) == std::vector<std::string>{"weibull:"});
  CHECK(words_of({"sim", "churn", "--latency", "k"}) == std::vector<std::string>{"king"});
  CHECK(words_of({"sim", "paper", "K"}).size() == 4);
  CHECK(words_of({"lookup", "t"}) == std::vector<std::string>{"topic:"});
  CHECK(found({"config", "check", ""}).further == Further::files);
}

TEST_CASE("a spec of the log completes floor by floor") {
  CHECK(words_of({"--log", "st"}) == std::vector<std::string>{"store="});
  CHECK(words_of({"--log", "dht=de"}) == std::vector<std::string>{"dht=debug"});
  CHECK(words_of({"--log", "dht=debug,o"}) ==
        std::vector<std::string>{"dht=debug,overlay=", "dht=debug,off"});
  CHECK(words_of({"--log=inf"}) == std::vector<std::string>{"--log=info"});
}

TEST_CASE("keys complete as what they are keys of, since names are no keys") {
  CHECK(found({"join", "--seed", ""}).further == Further::feed_keys);
  CHECK(found({"join", "--deny", ""}).further == Further::peer_keys);
  CHECK(found({"subscribe", "t", "--author", ""}).further == Further::peer_keys);
  CHECK(found({"feed", "download", "log", "--peer", ""}).further == Further::peer_keys);
  CHECK(found({"find", ""}).further == Further::peer_keys);
}

TEST_CASE("names behind an equals sign keep the flag in front") {
  test::FakeNode node{.results = {{{"key", "abc"}, {"name", "log"}}, {{"key", "xyz"}}}};
  const auto run = test::run_command_line(node, {"__complete", "--", "join", "--seed=a"});
  CHECK(run.out == "--seed=abc\tlog\n");
  CHECK(node.asked == "feed.ls {}");
  CHECK(*node.options.timeout < std::chrono::milliseconds(200));
}

TEST_CASE("help is asked for by the words of a command") {
  CHECK(words_of({"help", "fin"}) == std::vector<std::string>{"find"});
  CHECK(words_of({"help", "feed", "tru"}) == std::vector<std::string>{"truncate"});
  CHECK(words_of({"help", "nothing", ""}).empty());
  CHECK(words_of({"help", "find", ""}).empty());
}

TEST_CASE("names are those of the home that the line names") {
  CHECK(found({"--home", "/tmp/a", "feed", "cat", ""}).home == "/tmp/a");
  CHECK(found({"--home=/tmp/a", "feed", "cat", ""}).home == "/tmp/a");
  CHECK(found({"feed", "cat", ""}).home.empty());
}

TEST_CASE("every shell has its script, others none") {
  for (const auto* shell : {"bash", "zsh", "fish"}) {
    CAPTURE(shell);
    REQUIRE(completion_script(shell) != nullptr);
    CHECK(std::string(completion_script(shell)).find("cipnode __complete --") != std::string::npos);
  }
  CHECK(completion_script("tcsh") == nullptr);
}

}  // namespace cip::cli
