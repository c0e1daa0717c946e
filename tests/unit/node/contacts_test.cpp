// Contacts given as names, with lookups made up for the test.
#include "node/contacts.hpp"

#include <doctest/doctest.h>

#include "tests/unit/node/support.hpp"

using namespace cip;
using namespace cip::node;
using namespace std::chrono_literals;
using test::run_until;

namespace {

constexpr Endpoint kSomewhere{0x0a000001, 4001};

struct ResolverFixture {
  asio::io_context io;
  unsigned lookups = 0;
  unsigned failures = 0;  // of the lookups to come
  bool alone = true;
  std::vector<Endpoint> found;
  ContactResolver resolver{io,
                           [this](const HostPort& place, const auto& answer) {
                             ++lookups;
                             if (failures > 0 && failures-- > 0) {
                               return answer({{}, "Name or service not known"});
                             }
                             answer({{{kSomewhere.ip, place.port}}, {}});
                           },
                           [this](Endpoint contact) { found.push_back(contact); },
                           [this] { return alone; },
                           {.first = 1ms, .longest = 8ms}};
};

}  // namespace

TEST_CASE_FIXTURE(ResolverFixture, "a name that cannot be resolved is tried until it can") {
  failures = 6;
  resolver.resolve({"boot.test:4001"});
  CHECK_FALSE(resolver.is_busy());
  CHECK(resolver.problems() ==
        std::vector<std::string>{"boot.test:4001 cannot be resolved (Name or service not known)"});
  CHECK(run_until(io, [&] { return !found.empty(); }));
  CHECK(lookups == 7);
  CHECK(found.front() == kSomewhere);
  CHECK(resolver.resolved() == std::vector<std::string>{"boot.test:4001"});
  CHECK(resolver.problems() ==
        std::vector<std::string>{"boot.test:4001 (10.0.0.1:4001) does not answer"});
}

TEST_CASE_FIXTURE(ResolverFixture, "a name whose contact does not answer is looked up again") {
  resolver.resolve({"boot.test:4001"});
  CHECK(run_until(io, [&] { return lookups >= 3; }));
  // Once somebody is known it has done its work.
  alone = false;
  const auto before = lookups;
  run_until(
      io, [] { return false; }, 50ms);
  CHECK(lookups <= before + 1);
}

TEST_CASE_FIXTURE(ResolverFixture, "an address needs no lookup") {
  resolver.resolve({"10.0.0.1:4001", "no port"});
  CHECK(found == std::vector<Endpoint>{kSomewhere});
  CHECK(lookups == 0);
  CHECK(resolver.problems() == std::vector<std::string>{"10.0.0.1:4001 does not answer"});
}

TEST_CASE_FIXTURE(ResolverFixture, "names above the bound are not taken") {
  std::vector<std::string> many;
  for (std::size_t i = 0; i < 2 * kMaxNamedContacts; ++i) {
    many.push_back("host-" + std::to_string(i) + ":1");
  }
  resolver.resolve(many);
  CHECK(lookups == kMaxNamedContacts);
}

TEST_CASE("names are kept for the next start, a bounded number of them") {
  const std::vector<std::string> many(100, "boot.test:4001");
  const auto saved = load_names(save_names(many));
  REQUIRE(saved);
  CHECK(saved->size() == kSavedNames);
  CHECK(saved->front() == "boot.test:4001");
  CHECK_FALSE(load_names(Bytes{1, 0xff, 0xff}));
}

TEST_CASE("the system resolves a name, and leaves a loop alone that is gone") {
  asio::io_context io;
  const auto stays = asio::make_work_guard(io);  // as a node's loop does
  const auto lookup = system_name_lookup(io);
  std::optional<LookupResult> got;
  resolve_once(lookup, "localhost:4001", [&](const LookupResult& result) { got = result; });
  CHECK(run_until(io, [&] { return got.has_value(); }));
  CHECK(got->endpoints.size() == 1);
  CHECK(got->endpoints.front() == Endpoint{0x7f000001, 4001});
  resolve_once(lookup, "nonsense", [&](const LookupResult& result) { got = result; });
  CHECK_FALSE(got->problem.empty());
  {
    asio::io_context short_lived;
    const auto other = system_name_lookup(short_lived);
    resolve_once(other, "localhost:1", [](const LookupResult&) { FAIL("nobody waits"); });
  }
}
