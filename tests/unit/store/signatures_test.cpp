#include "store/signatures.hpp"

#include <doctest/doctest.h>

#include <map>

#include "base/text.hpp"
#include "tests/support/vectors.hpp"
#include "tests/unit/store/feed_fixture.hpp"

using namespace cip;
using namespace cip::store;

namespace {

std::map<std::string, Manifest> manifests_by_name() {
  std::map<std::string, Manifest> out;
  for (const auto& item : test::load_vectors("feeds/manifests.json", "cases"))
    out[item["name"].get<std::string>()] = *decode_manifest(test::hex(item["encoded"]));
  return out;
}

RootList roots_of(std::uint64_t length) {
  RootList roots;
  std::vector<TreeNode> made;
  for (std::uint64_t i = 0; i < length; ++i)
    roots.append(leaf_node(i, test::vector_block(i)), made);
  return roots;
}

}  // namespace

TEST_CASE("a single signer signs as the peers do and verifies what they signed") {
  const auto manifests = manifests_by_name();
  const auto writer = make_key_pair(test::seed_of(1));
  std::size_t seen = 0;
  for (const auto& item : test::load_vectors("feeds/signatures.json", "cases")) {
    const auto name = item["manifest"].is_null() ? "" : item["manifest"].get<std::string>();
    CAPTURE(name);
    const auto key = test::hex32(item["key"]);
    const auto found = manifests.find(name);
    const Authority authority{key, found == manifests.end() ? nullptr : &found->second};
    const auto roots = roots_of(item["length"].get<std::uint64_t>());
    const auto fork = item["fork"].get<std::uint64_t>();
    const TreeHead head{roots.hash(), roots.length(), fork};
    CHECK(to_hex(head.tree_hash) == item["treeHash"].get<std::string>());
    auto signature = test::hex(item["signature"]);
    if (name.starts_with("legacy")) {  // older than anything still written; not supported
      CHECK_FALSE(verify_tree(authority, roots, fork, signature));
      continue;
    }
    CHECK(verify_tree(authority, roots, fork, signature));
    CHECK_FALSE(verify_tree(authority, roots, fork + 1, signature));
    REQUIRE(is_sole_signer(authority, writer.public_key));
    CHECK(to_hex(sign_tree(authority, head, writer)) == item["signature"].get<std::string>());
    const auto message = authority.manifest == nullptr ? signable_compat(head)
                         : authority.manifest->version == 0
                             ? signable(head, authority.manifest->signers[0].name_space)
                             : signable(head, key);
    CHECK(to_hex(message) == item["signable"].get<std::string>());
    signature[10] ^= 1;
    CHECK_FALSE(verify_tree(authority, roots, fork, signature));
    ++seen;
  }
  CHECK(seen == 30);
}

TEST_CASE("several signers are judged as the peers judge them") {
  const auto manifests = manifests_by_name();
  for (const auto& item : test::load_vectors("feeds/signatures.json", "multi")) {
    CAPTURE(item["manifest"].get<std::string>());
    CAPTURE(item["variant"].get<std::string>());
    const auto key = test::hex32(item["key"]);
    const auto& manifest = manifests.at(item["manifest"].get<std::string>());
    CHECK(verify_tree({key, &manifest}, roots_of(item["length"].get<std::uint64_t>()),
                      item["fork"].get<std::uint64_t>(),
                      test::hex(item["signature"])) == item["valid"].get<bool>());
  }
}

TEST_CASE("a signer may have signed a longer tree where patches are allowed") {
  for (const auto& item : test::load_vectors("feeds/signatures-patched.json", "cases")) {
    auto manifest = *decode_manifest(test::hex(item["manifest"]));
    const auto key = test::hex32(item["key"]);
    const auto roots = roots_of(item["shortLength"].get<std::uint64_t>());
    const auto signature = test::hex(item["signature"]);
    CHECK(verify_tree({key, &manifest}, roots, 0, signature) == item["valid"].get<bool>());
    for (std::size_t at = 0; at < signature.size(); at += 7) {
      auto tampered = signature;
      tampered[at] ^= 4;
      CHECK_FALSE(verify_tree({key, &manifest}, roots, 0, tampered));
    }
    manifest.allow_patch = false;
    CHECK_FALSE(verify_tree({key, &manifest}, roots, 0, signature));
  }
}

TEST_CASE("a tree inside a prologue needs its hash and no signature") {
  const auto roots = roots_of(5);
  Manifest manifest;
  manifest.prologue = Prologue{roots.hash(), 5};
  const auto key = manifest_key(manifest);
  CHECK(verify_tree({key, &manifest}, roots, 0, {}));
  CHECK_FALSE(verify_tree({key, &manifest}, roots_of(4), 0, {}));
  CHECK_FALSE(verify_tree({key, &manifest}, roots_of(6), 0, {}));
  manifest.prologue->tree_hash[0] ^= 1;
  CHECK_FALSE(verify_tree({key, &manifest}, roots, 0, {}));
}
