// Settings of a running node that were changed: which hold at once, which from the next start on.

#include "node/reload.hpp"

#include <doctest/doctest.h>

#include "base/text.hpp"

namespace cip::node {

namespace {

JoinOptions some_options() {
  JoinOptions options;
  options.home = "/h";
  options.contacts = {"192.0.2.7:49737"};
  options.quota = 5'000'000;
  options.log.spec = "info";
  return options;
}

std::vector<std::string> keys_of(const std::vector<SettingChange>& changes) {
  std::vector<std::string> out;
  for (const auto& change : changes) out.push_back(change.key);
  return out;
}

}  // namespace

TEST_CASE("settings that stayed as they are change nothing") {
  const auto changes = compare_settings(some_options(), some_options());
  CHECK(changes.at_once.empty());
  CHECK(changes.at_next_start.empty());
}

TEST_CASE("each changed setting is said with what it was and is") {
  auto wanted = some_options();
  wanted.quota = 9'000'000;
  wanted.idle_exit = std::chrono::minutes(2);
  wanted.lan = false;
  wanted.listen = Endpoint{0x7f000001, 5000};
  const auto changes = compare_settings(some_options(), wanted);
  REQUIRE(keys_of(changes.at_once) == std::vector<std::string>{"idle-exit", "quota"});
  CHECK(changes.at_once[0].from.is_null());
  CHECK(changes.at_once[0].to == "120s");
  CHECK(changes.at_once[1].from == 5'000'000);
  CHECK(changes.at_once[1].to == 9'000'000);
  REQUIRE(keys_of(changes.at_next_start) == std::vector<std::string>{"listen", "no-lan"});
  CHECK(changes.at_next_start[0].to == "127.0.0.1:5000");
}

TEST_CASE("what is reloaded is what was said to hold at once, and nothing else") {
  auto wanted = some_options();
  wanted.log.spec = "dht=debug";
  wanted.log.json = true;
  wanted.contacts.push_back("192.0.2.8:49737");
  wanted.network = "office";
  wanted.reachable = wanted.ephemeral = wanted.announce_public = wanted.contact_card = true;
  wanted.transport = Transport::udx;
  wanted.seed = wanted.allow = wanted.deny = {Bytes32{}};
  wanted.idle_exit = std::chrono::milliseconds(1500);
  wanted.quota.reset();
  const auto changes = compare_settings(some_options(), wanted);
  CHECK(changes.at_once.size() == 5);
  const auto left = compare_settings(with_reloaded(some_options(), wanted), wanted);
  CHECK(left.at_once.empty());
  CHECK(keys_of(left.at_next_start) == keys_of(changes.at_next_start));
}

}  // namespace cip::node
