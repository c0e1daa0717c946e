#include "store/manifest.hpp"

#include "store/errors.hpp"

namespace cip::store {
namespace {

constexpr std::uint64_t kFlagPatch = 1;
constexpr std::uint64_t kFlagPrologue = 2;
constexpr std::uint64_t kFlagLinked = 4;
constexpr std::uint64_t kFlagUserData = 8;

// Types of version 0.
constexpr std::uint64_t kStatic = 0;
constexpr std::uint64_t kOneSigner = 1;
constexpr std::uint64_t kGeneral = 2;

constexpr std::size_t kSignerSize = 65;

void encode_signer(Writer& out, const Signer& signer) {
  out.uint(0);  // Ed25519
  out.raw(signer.name_space);
  out.raw(signer.public_key);
}

void encode_signers(Writer& out, const std::vector<Signer>& signers) {
  out.uint(signers.size());
  for (const auto& signer : signers) encode_signer(out, signer);
}

void encode_version_0(Writer& out, const Manifest& manifest) {
  out.uint(0);
  out.uint(0);  // BLAKE2b
  if (manifest.prologue && manifest.signers.empty()) {
    out.uint(kStatic);
    out.raw(manifest.prologue->tree_hash);
  } else if (manifest.quorum == 1 && manifest.signers.size() == 1 && !manifest.allow_patch) {
    out.uint(kOneSigner);
    encode_signer(out, manifest.signers.front());
  } else {
    out.uint(kGeneral);
    out.uint(manifest.allow_patch ? kFlagPatch : 0);
    out.uint(manifest.quorum);
    encode_signers(out, manifest.signers);
  }
}

// `supported` turns false for what is well formed but unknown to us.
Signer decode_signer(Reader& in, bool& supported) {
  if (in.uint() != 0) supported = false;
  Signer signer;
  signer.name_space = in.fixed32();
  signer.public_key = in.fixed32();
  return signer;
}

std::vector<Signer> decode_signers(Reader& in, bool& supported) {
  std::vector<Signer> signers(in.count(kSignerSize, kMaxSigners));
  for (auto& signer : signers) signer = decode_signer(in, supported);
  return signers;
}

void decode_version_0(Reader& in, Manifest& manifest, bool& supported) {
  if (in.uint() != 0) supported = false;
  switch (in.uint()) {
    case kStatic:
      manifest.prologue = Prologue{in.fixed32(), 0};
      break;
    case kOneSigner:
      manifest.quorum = 1;
      manifest.signers.push_back(decode_signer(in, supported));
      break;
    case kGeneral:
      manifest.allow_patch = (in.uint() & kFlagPatch) != 0;
      manifest.quorum = in.uint();
      manifest.signers = decode_signers(in, supported);
      break;
    default:
      supported = false;
  }
}

void decode_later_version(Reader& in, Manifest& manifest, bool& supported) {
  const auto flags = in.uint();
  if (in.uint() != 0) supported = false;
  manifest.allow_patch = (flags & kFlagPatch) != 0;
  manifest.quorum = in.uint();
  manifest.signers = decode_signers(in, supported);
  if ((flags & kFlagPrologue) != 0) {
    manifest.prologue.emplace();
    manifest.prologue->tree_hash = in.fixed32();
    manifest.prologue->length = in.uint();
  }
  if ((flags & kFlagLinked) != 0) {
    manifest.linked.emplace(in.count(32));
    for (auto& key : *manifest.linked) key = in.fixed32();
  }
  if ((flags & kFlagUserData) != 0) manifest.user_data = to_bytes(in.buffer());
}

}  // namespace

const Bytes32& default_signer_namespace() {
  static const Bytes32 value = make_namespace("hypercore", 4);
  return value;
}

Manifest single_signer_manifest(const PublicKey& public_key) {
  Manifest manifest;
  manifest.quorum = 1;
  manifest.signers.push_back({default_signer_namespace(), public_key});
  return manifest;
}

void encode_manifest(Writer& out, const Manifest& manifest) {
  if (manifest.version == 0) return encode_version_0(out, manifest);
  const auto has_user_data = !manifest.user_data.empty();
  out.uint(manifest.version);
  out.uint((manifest.allow_patch ? kFlagPatch : 0) | (manifest.prologue ? kFlagPrologue : 0) |
           (manifest.linked ? kFlagLinked : 0) | (has_user_data ? kFlagUserData : 0));
  out.uint(0);  // BLAKE2b
  out.uint(manifest.quorum);
  encode_signers(out, manifest.signers);
  if (manifest.prologue) {
    out.raw(manifest.prologue->tree_hash);
    out.uint(manifest.prologue->length);
  }
  if (manifest.linked) {
    out.uint(manifest.linked->size());
    for (const auto& key : *manifest.linked) out.raw(key);
  }
  if (has_user_data) out.buffer(manifest.user_data);
}

Bytes encode_manifest(const Manifest& manifest) {
  Writer out(70);
  encode_manifest(out, manifest);
  return out.take();
}

Result<Manifest> decode_manifest(Reader& in) {
  Manifest manifest;
  manifest.version = in.uint();
  if (!in.ok()) return fail(Errc::malformed_manifest);
  if (manifest.version > kMaxManifestVersion) return fail(Errc::unsupported_manifest);
  bool supported = true;
  if (manifest.version == 0) {
    decode_version_0(in, manifest, supported);
  } else {
    decode_later_version(in, manifest, supported);
  }
  if (!in.ok()) return fail(Errc::malformed_manifest);
  if (!supported) return fail(Errc::unsupported_manifest);
  return manifest;
}

Result<Manifest> decode_manifest(ByteView bytes) {
  Reader in(bytes);
  return decode_manifest(in);
}

Bytes32 manifest_key(const Manifest& manifest) {
  static const Bytes32 domain = make_namespace("hypercore", 3);
  return hash({domain, encode_manifest(manifest)});
}

}  // namespace cip::store
