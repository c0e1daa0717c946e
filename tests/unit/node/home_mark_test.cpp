#include "node/home_mark.hpp"

#include <doctest/doctest.h>

#include <map>

#include "node/published_here.hpp"
#include "tests/unit/node/support.hpp"

using namespace cip;
using namespace cip::node;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

TEST_CASE("a mark stays what it is until it is made anew, and a copy has another") {
  const cip::test::TemporaryDirectory folder;
  const auto home = folder.path() / "home";
  fs::create_directory(home);
  const auto file = home / "database.mark";
  CHECK(home_mark(file).empty());
  const auto first = renew_home_mark(file);
  CHECK_FALSE(first.empty());
  CHECK(home_mark(file) == first);

  fs::rename(home, folder.path() / "moved");
  CHECK(home_mark(folder.path() / "moved" / "database.mark") == first);
  fs::copy(folder.path() / "moved", home);
  CHECK(home_mark(file) != first);
  fs::copy(folder.path() / "moved", home, fs::copy_options::overwrite_existing);
  CHECK(home_mark(file) != first);
  CHECK(renew_home_mark(file) != first);
  CHECK(renew_home_mark(folder.path() / "nothing" / "database.mark").empty());
}

namespace {

// A home and the states that its database keeps.
struct Home {
  PublishedHere run(const std::map<Bytes32, std::string>& stored) {
    const auto renew = [this](const std::function<void(std::string)>& done) {
      done(mark = std::to_string(++marks));
    };
    const auto save = [this](const Bytes32& topic, const std::string& noted) {
      saved[topic] = noted;
    };
    PublishedHere out(mark, {renew, save});
    for (const auto& [topic, noted] : stored) out.restore(topic, noted);
    return out;
  }

  int marks = 0;
  std::string mark;
  std::map<Bytes32, std::string> saved;
};

Now at(Duration time) { return Now{TimePoint(1h + time), {}}; }

const Bytes32 kNews{1}, kTalk{2};

}  // namespace

TEST_CASE("a home knows what it published to last, over restarts") {
  Home home;
  {
    auto here = home.run({});
    CHECK_FALSE(here.has(kNews));
    here.note(at(0s), kNews);
    here.note(at(1s), kTalk);
    CHECK(here.has(kNews));
    CHECK(here.has(kTalk));
  }
  auto here = home.run(home.saved);
  CHECK(here.has(kNews));
  here.note(at(0s), kNews);
  CHECK(here.has(kTalk));
  CHECK(home.run(home.saved).has(kTalk));
  here.forget(kTalk);
  CHECK_FALSE(here.has(kTalk));
}

TEST_CASE("an earlier state of a home does not know that it published last") {
  Home home;
  auto here = home.run({});
  here.note(at(0s), kNews);
  here.note(at(0s), kTalk);
  const auto earlier = home.saved;
  here.note(at(59s), kNews);
  CHECK(home.marks == 1);
  here.note(at(60s), kNews);
  CHECK(home.marks == 2);

  auto put_back = home.run(earlier);
  CHECK_FALSE(put_back.has(kNews));
  CHECK_FALSE(put_back.has(kTalk));
  put_back.note(at(0s), kTalk);
  CHECK(put_back.has(kTalk));
  CHECK_FALSE(put_back.has(kNews));
}
