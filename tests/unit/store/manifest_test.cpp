#include "store/manifest.hpp"

#include <doctest/doctest.h>

#include "base/text.hpp"
#include "store/errors.hpp"
#include "tests/support/vectors.hpp"

using namespace cip;
using namespace cip::store;

namespace {

Manifest manifest_from(const test::Json& json) {
  Manifest out;
  out.version = json["version"].get<std::uint64_t>();
  out.allow_patch = json["allowPatch"].get<bool>();
  out.quorum = json["quorum"].get<std::uint64_t>();
  for (const auto& signer : json["signers"])
    out.signers.push_back({test::hex32(signer["namespace"]), test::hex32(signer["publicKey"])});
  if (!json["prologue"].is_null())
    out.prologue = Prologue{test::hex32(json["prologue"]["hash"]),
                            json["prologue"]["length"].get<std::uint64_t>()};
  if (!json["linked"].is_null()) {
    out.linked.emplace();
    for (const auto& key : json["linked"]) out.linked->push_back(test::hex32(key));
  }
  out.user_data = test::hex(json["userData"]);
  return out;
}

}  // namespace

TEST_CASE("manifests encode, decode and hash as those of the peers") {
  for (const auto& item : test::load_vectors("feeds/manifests.json", "cases")) {
    CAPTURE(item["name"].get<std::string>());
    const auto manifest = manifest_from(item["manifest"]);
    CHECK(to_hex(encode_manifest(manifest)) == item["encoded"].get<std::string>());
    const auto decoded = decode_manifest(test::hex(item["encoded"]));
    REQUIRE(decoded);
    CHECK(*decoded == manifest);
    CHECK(to_hex(manifest_key(manifest)) == item["key"].get<std::string>());
  }
}

TEST_CASE("the manifest of a single writer is the default of the peers") {
  const auto vectors = test::load_vectors("feeds/corestore.json");
  for (const auto& item : vectors["cases"]) {
    if (item["key"].is_null()) continue;
    const auto manifest = single_signer_manifest(test::hex32(item["publicKey"]));
    CHECK(to_hex(manifest_key(manifest)) == item["key"].get<std::string>());
    CHECK(to_hex(discovery_key(manifest_key(manifest))) == item["discoveryKey"].get<std::string>());
  }
}

TEST_CASE("manifests that are cut short or unknown are named so") {
  const auto bytes = encode_manifest(single_signer_manifest(PublicKey{1}));
  for (std::size_t n = 0; n < bytes.size(); ++n)
    CHECK(decode_manifest(ByteView(bytes.data(), n)).error() == store::Errc::malformed_manifest);
  auto unknown = bytes;
  unknown[0] = 4;
  CHECK(decode_manifest(unknown).error() == store::Errc::unsupported_manifest);
  unknown = bytes;
  unknown[2] = 1;  // another hash
  CHECK(decode_manifest(unknown).error() == store::Errc::unsupported_manifest);
}
