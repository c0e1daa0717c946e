#include "node/home_mark.hpp"

#include <doctest/doctest.h>

#include <fstream>

#include "node/published_here.hpp"
#include "tests/unit/node/support.hpp"

using namespace cip;
using namespace cip::node;
namespace fs = std::filesystem;

TEST_CASE("a mark stays what it is until it is made anew, and a copy has another") {
  const cip::test::TemporaryDirectory folder;
  const auto home = folder.path() / "home";
  fs::create_directory(home);
  const auto file = home / "database.mark";
  HomeMark mark(file);
  CHECK(mark.get().empty());
  mark.renew();
  CHECK(mark.is_fresh());
  const auto first = mark.get();
  CHECK_FALSE(first.empty());
  CHECK_FALSE(HomeMark(file).is_fresh());
  CHECK(HomeMark(file).get() == first);

  fs::rename(home, folder.path() / "moved");
  CHECK(HomeMark(folder.path() / "moved" / "database.mark").get() == first);
  fs::copy(folder.path() / "moved", home);
  CHECK(HomeMark(file).get() != first);
  fs::copy(folder.path() / "moved", home, fs::copy_options::overwrite_existing);
  CHECK(HomeMark(file).get() != first);

  mark.renew();
  CHECK(mark.get() != first);
}

TEST_CASE("a mark that cannot be made is none") {
  const cip::test::TemporaryDirectory folder;
  HomeMark mark(folder.path() / "nothing" / "database.mark");
  mark.renew();
  CHECK(mark.get().empty());
}

TEST_CASE("a home knows what it published to last; a copy of it, or an earlier state, does not") {
  const cip::test::TemporaryDirectory folder;
  const auto file = folder.path() / "database.mark";
  const Bytes32 news{1}, talk{2};
  std::map<Bytes32, std::string> saved;
  const auto run = [&](const std::map<Bytes32, std::string>& stored) {
    auto here = PublishedHere(HomeMark(file), [&](const Bytes32& topic, const std::string& mark) {
      saved[topic] = mark;
    });
    for (const auto& [topic, mark] : stored) here.restore(topic, mark);
    return here;
  };
  auto first = run({});
  CHECK_FALSE(first.has(news));
  first.note(news);
  first.note(talk);
  CHECK(first.has(news));
  const auto earlier = saved;

  auto second = run(saved);
  CHECK(second.has(news));
  second.note(news);
  CHECK(second.has(talk));
  CHECK(run(saved).has(talk));
  CHECK(run(saved).has(news));

  auto put_back = run(earlier);
  CHECK_FALSE(put_back.has(news));
  CHECK_FALSE(put_back.has(talk));
  put_back.note(talk);
  CHECK(put_back.has(talk));
  CHECK_FALSE(put_back.has(news));
  put_back.forget(talk);
  CHECK_FALSE(put_back.has(talk));
}
