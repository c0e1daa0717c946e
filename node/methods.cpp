// The table of methods behind method_info(): defaults of --timeout and what a caller must know of a
// method before it sends it.

#include <algorithm>
#include <array>

#include "node/service.hpp"

namespace cip::node {

namespace {

using std::chrono::seconds;

constexpr Duration kForEver = Duration::zero();
// Answered from memory or disk.
constexpr Duration kAtOnce = seconds{10};
// A walk over a network with some dead nodes takes seconds.
constexpr Duration kWalk = seconds{20};

constexpr MethodInfo local(std::string_view name) {
  return {.name = name, .timeout = kForEver, .local = true};
}
constexpr MethodInfo about_node(std::string_view name) {
  return {.name = name, .timeout = kAtOnce, .starts_node = false, .any_network = true};
}
constexpr MethodInfo reads(std::string_view name, Duration timeout) {
  return {.name = name, .timeout = timeout};
}
constexpr MethodInfo reads_home(std::string_view name, Duration timeout) {
  return {.name = name, .timeout = timeout, .any_network = true};
}
constexpr MethodInfo changes(std::string_view name, Duration timeout) {
  return {.name = name, .timeout = timeout, .changes = true};
}
constexpr MethodInfo runs(std::string_view name) {
  return {.name = name, .timeout = kForEver, .runs = true};
}

constexpr std::array kMethods{
    local("id"),
    local("paths"),
    local("version"),
    local("salvage"),
    local("restore"),
    about_node("status"),
    about_node("peers"),
    about_node("routes"),
    about_node("health"),
    about_node("log.level"),
    about_node("config.reload"),
    MethodInfo{.name = "top",
               .timeout = kForEver,
               .starts_node = false,
               .runs = true,
               .any_network = true},
    // Without a running node they run in the process of the command: nothing stays behind.
    reads_home("id.export", kAtOnce),
    reads_home("backup", kForEver),
    MethodInfo{.name = "id.import", .timeout = kForEver, .changes = true, .any_network = true},
    MethodInfo{.name = "stop",
               .timeout = kAtOnce,
               .changes = true,
               .starts_node = false,
               .any_network = true},
    // Answers when a contact answered: what `join --detach` waits for.
    about_node("join.wait"),
    reads("size", kWalk),
    reads_home("du", kAtOnce),
    reads("doctor", seconds{30}),
    reads("find", kWalk),
    reads("lookup", kWalk),
    reads("get", kWalk),
    changes("announce", kWalk),
    changes("put", kWalk),
    changes("feed.create", kAtOnce),
    reads_home("feed.ls", kAtOnce),
    reads_home("feed.info", kAtOnce),
    changes("feed.append", kForEver),
    reads("feed.cat", kForEver),
    MethodInfo{.name = "feed.download", .timeout = kForEver, .changes = true, .repeatable = true},
    // With `listen` it runs until a signal.
    MethodInfo{.name = "feed.seed",
               .timeout = kForEver,
               .changes = true,
               .runs = true,
               .repeatable = true},
    changes("feed.unseed", kAtOnce),
    runs("feed.follow"),
    changes("feed.clear", kForEver),
    changes("feed.truncate", kForEver),
    reads_home("feed.verify", kForEver),
    changes("feed.drop", kForEver),
    changes("publish", kForEver),
    runs("subscribe"),
    changes("topic.create", kAtOnce),
    reads_home("topic.ls", kAtOnce),
    reads_home("topic.info", kAtOnce),
    changes("topic.drop", kForEver),
};

}  // namespace

const MethodInfo* method_info(std::string_view method) {
  const auto found = std::ranges::find(kMethods, method, &MethodInfo::name);
  return found == kMethods.end() ? nullptr : &*found;
}

}  // namespace cip::node
