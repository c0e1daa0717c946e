#include "node/block_cutter.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace cip;
using namespace cip::node;

namespace {

// The blocks of a text that arrives in pieces of `step` bytes.
std::vector<std::string> cut(CutRule rule, std::string_view text, std::size_t step) {
  BlockCutter cutter(rule);
  std::vector<std::string> out;
  const auto add = [&](const std::vector<Bytes>& blocks) {
    for (const auto& block : blocks) out.emplace_back(text_of(block));
  };
  for (std::size_t at = 0; at < text.size(); at += step) {
    add(cutter.feed(bytes_of(text.substr(at, step))));
  }
  add(cutter.finish());
  return out;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("lines lose their newline, keep their CR, and may be empty or lack the last newline") {
  for (std::size_t step = 1; step < 12; ++step) {
    CHECK(cut({.lines = true}, "a\r\n\nbc\nd", step) == Texts{"a\r", "", "bc", "d"});
    CHECK(cut({.lines = true}, "a\n", step) == Texts{"a"});
    CHECK(cut({.lines = true}, "\n\n", step) == Texts{"", ""});
  }
  CHECK(cut({.lines = true}, "", 1).empty());
}

TEST_CASE("blocks of a size are cut there and the last may be shorter") {
  for (std::size_t step = 1; step < 12; ++step) {
    CHECK(cut({.block_size = 3}, "abcdefgh", step) == Texts{"abc", "def", "gh"});
    CHECK(cut({.block_size = 3}, "abcdef", step) == Texts{"abc", "def"});
  }
}

TEST_CASE("without a rule the whole input is one block, even if it is empty") {
  CHECK(cut({}, "a\nb\nc", 2) == Texts{"a\nb\nc"});
  CHECK(cut({}, "", 1) == Texts{""});
}

TEST_CASE("a block above the largest is never cut short") {
  CHECK(cut({.lines = true, .largest = 3}, "abc\nabcd\nx\n", 5) == Texts{"abc"});
  BlockCutter cutter({.largest = 3});
  cutter.feed(Bytes(3));
  CHECK_FALSE(cutter.is_too_large());
  cutter.feed(Bytes(1));
  CHECK(cutter.is_too_large());
  CHECK(cutter.finish().empty());
}
