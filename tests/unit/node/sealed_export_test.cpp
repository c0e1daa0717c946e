// An identity that is sealed opens with its passphrase alone, and a file is bounded before it
// costs.

#include "node/sealed_export.hpp"

#include <doctest/doctest.h>

#include "base/crypto.hpp"
#include "base/text.hpp"

using namespace cip;
using namespace cip::node;

namespace {

constexpr SealCost kCheap{.operations = 1, .kibibytes = 8};

Bytes sealed(std::string_view secrets, std::string_view passphrase) {
  SeededRandom random(4);
  return seal(bytes_of(secrets), passphrase, random, kCheap).value();
}

// With the checksum of what it holds now.
Bytes checked(Bytes file) {
  const auto body = ByteView(file).first(file.size() - sizeof(Bytes32));
  const auto sum = hash(body);
  std::copy(sum.begin(), sum.end(), file.end() - sizeof(Bytes32));
  return file;
}

ExitCode code_of(const Outcome<Bytes>& opened) {
  return opened ? ExitCode::ok : opened.error().code;
}

}  // namespace

TEST_CASE("what was sealed opens with the passphrase and with no other") {
  for (const char* secrets : {"", "the secrets of a home"}) {
    const auto file = sealed(secrets, "correct horse");
    CHECK(is_sealed(file));
    CHECK(text_of(unseal(file, "correct horse").value()) == secrets);
    for (const char* other : {"correct horsf", "correct hors", "correct horse ", ""}) {
      CHECK(code_of(unseal(file, other)) == ExitCode::refused);
    }
  }
}

TEST_CASE("a sealed file has the layout of version 1") {
  const auto file = sealed("abc", "correct horse");
  CHECK(file.size() == 14 + 1 + 4 + 4 + 16 + 24 + 3 + 16 + 32);
  CHECK(to_hex(ByteView(file).first(23)) ==
        to_hex(bytes_of("cipnode-sealed")) + "01" + "01000000" + "08000000");
}

TEST_CASE("a sealed file that was cut or changed anywhere is damaged, whatever the passphrase") {
  const auto file = sealed("secrets", "correct horse");
  for (std::size_t size = 14; size < file.size(); ++size) {
    CHECK(code_of(unseal(ByteView(file).first(size), "correct horse")) == ExitCode::corrupt);
  }
  for (std::size_t at = 14; at < file.size(); ++at) {
    auto changed = file;
    changed[at] ^= 1;
    CHECK(code_of(unseal(changed, "correct horse")) == ExitCode::corrupt);
  }
  CHECK(code_of(unseal({}, "x")) == ExitCode::usage);
  CHECK(code_of(unseal(bytes_of("cipnode-identity and more"), "x")) == ExitCode::usage);
}

TEST_CASE("a sealed file of a later version is incompatible") {
  auto file = sealed("secrets", "correct horse");
  file[14] = 2;
  CHECK(code_of(unseal(checked(file), "correct horse")) == ExitCode::incompatible);
}

TEST_CASE("a sealed file cannot ask for any amount of time or memory") {
  const auto file = sealed("secrets", "correct horse");
  const auto with = [&](std::size_t at, std::uint32_t value) {
    auto changed = file;
    for (std::size_t i = 0; i < 4; ++i) {
      changed[at + i] = static_cast<std::uint8_t>(value >> (8 * i));
    }
    return code_of(unseal(checked(changed), "correct horse"));
  };
  for (const auto operations : {0U, kMostOperations + 1, ~0U}) {
    CHECK(with(15, operations) == ExitCode::corrupt);
  }
  for (const auto kibibytes : {0U, 7U, kMostKibibytes + 1, ~0U}) {
    CHECK(with(19, kibibytes) == ExitCode::corrupt);
  }
  CHECK(with(15, 2) == ExitCode::refused);  // another key
}
