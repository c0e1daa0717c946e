#include "store/signatures.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include "base/assert.hpp"
#include "store/proof.hpp"
#include "store/tree_growth.hpp"

namespace cip::store {
namespace {

constexpr std::uint64_t kFlagPatched = 1;

struct Entry {
  std::uint64_t signer = 0;
  Signature signature{};
  std::uint64_t patch = 0;  // blocks by which the signer's tree is longer
};

struct MultiSignature {
  std::vector<Entry> entries;
  std::vector<TreeNode> patch_nodes;
};

bool is_plain(const Authority& authority) {
  const auto* manifest = authority.manifest;
  return manifest == nullptr ||
         (manifest->version == 0 && manifest->signers.size() == 1 && !manifest->allow_patch);
}

void begin_signable(Writer& out) {
  static const Bytes32 domain = make_namespace("hypercore", 0);
  out.raw(domain);
}

void finish_signable(Writer& out, const TreeHead& head) {
  out.raw(head.tree_hash);
  out.u64(head.length);
  out.u64(head.fork);
}

Bytes signable_by(const Authority& authority, const TreeHead& head, std::size_t signer) {
  const auto* manifest = authority.manifest;
  if (manifest == nullptr) return signable_compat(head);
  return signable(head,
                  manifest->version == 0 ? manifest->signers[signer].name_space : authority.key);
}

bool verify_plain(const Authority& authority, const TreeHead& head, ByteView signature) {
  if (signature.size() != 64) return false;
  const auto& key =
      authority.manifest == nullptr ? authority.key : authority.manifest->signers[0].public_key;
  return verify_signature(first_bytes<64>(signature), signable_by(authority, head, 0), key);
}

Entry decode_entry_a(Reader& in) {
  Entry entry;
  const auto flags = in.uint();
  entry.signer = in.uint();
  entry.signature = in.fixed<64>();
  if ((flags & kFlagPatched) != 0) {
    in.uint();  // where the patch starts: always the length of the tree
    entry.patch = in.uint();
    for (auto n = in.count(1, kMaxProofNodes); n > 0; --n) in.uint();
  }
  return entry;
}

Entry decode_entry_b(Reader& in) {
  Entry entry;
  entry.signer = in.uint();
  entry.signature = in.fixed<64>();
  entry.patch = in.uint();
  return entry;
}

std::optional<MultiSignature> decode_multi(std::uint64_t version, ByteView signature) {
  Reader in(signature);
  MultiSignature out;
  out.entries.resize(in.count(66, kMaxSigners));
  for (auto& entry : out.entries) entry = version == 0 ? decode_entry_a(in) : decode_entry_b(in);
  out.patch_nodes.resize(in.count(kMinNodeSize, kMaxSigners * kMaxProofNodes));
  for (auto& node : out.patch_nodes) node = decode_node(in);
  if (!in.ok()) return std::nullopt;
  return out;
}

// The tree that one signer saw: the given one, or one longer by a patch.
std::optional<TreeHead> head_of(const Entry& entry, const MultiSignature& multi,
                                const RootList& roots, std::uint64_t fork, bool allow_patch) {
  if (entry.patch == 0 || !allow_patch) return TreeHead{roots.hash(), roots.length(), fork};
  if (entry.patch > kMaxLength) return std::nullopt;
  RootList longer = roots;
  std::vector<TreeNode> made;
  auto queue = NodeQueue::table(multi.patch_nodes);
  if (!grow(longer, roots.length() + entry.patch, queue, {}, made)) return std::nullopt;
  return TreeHead{longer.hash(), longer.length(), fork};
}

bool verify_multi(const Authority& authority, const RootList& roots, std::uint64_t fork,
                  ByteView signature) {
  const auto& manifest = *authority.manifest;
  const auto multi = decode_multi(manifest.version, signature);
  if (!multi || manifest.quorum == 0 || multi->entries.size() < manifest.quorum) return false;
  std::vector<bool> seen(manifest.signers.size());
  for (std::size_t i = 0; i < manifest.quorum; ++i) {
    const auto& entry = multi->entries[i];
    if (entry.signer >= seen.size()) return false;
    const auto place = static_cast<std::size_t>(entry.signer);
    if (seen[place]) return false;
    seen[place] = true;
    const auto head = head_of(entry, *multi, roots, fork, manifest.allow_patch);
    if (!head) return false;
    const auto& signer = manifest.signers[place];
    if (!verify_signature(entry.signature, signable_by(authority, *head, place), signer.public_key))
      return false;
  }
  return true;
}

std::optional<std::size_t> find_signer(const Manifest& manifest, const PublicKey& key) {
  const auto found = std::find_if(manifest.signers.begin(), manifest.signers.end(),
                                  [&](const Signer& s) { return s.public_key == key; });
  if (found == manifest.signers.end()) return std::nullopt;
  return static_cast<std::size_t>(found - manifest.signers.begin());
}

}  // namespace

Bytes signable(const TreeHead& head, const Bytes32& context) {
  Writer out(112);
  begin_signable(out);
  out.raw(context);
  finish_signable(out, head);
  return out.take();
}

Bytes signable_compat(const TreeHead& head) {
  Writer out(80);
  begin_signable(out);
  finish_signable(out, head);
  return out.take();
}

bool verify_tree(const Authority& authority, const RootList& roots, std::uint64_t fork,
                 ByteView signature) {
  const auto* manifest = authority.manifest;
  if (manifest != nullptr && manifest->version > 0 && manifest->prologue &&
      roots.length() <= manifest->prologue->length) {
    return roots.length() == manifest->prologue->length &&
           roots.hash() == manifest->prologue->tree_hash;
  }
  if (is_plain(authority))
    return verify_plain(authority, {roots.hash(), roots.length(), fork}, signature);
  return verify_multi(authority, roots, fork, signature);
}

bool is_sole_signer(const Authority& authority, const PublicKey& key) {
  if (authority.manifest == nullptr) return authority.key == key;
  return authority.manifest->quorum == 1 && find_signer(*authority.manifest, key).has_value();
}

Bytes sign_tree(const Authority& authority, const TreeHead& head, const KeyPair& key) {
  CIP_ASSERT(is_sole_signer(authority, key.public_key));
  const auto signer =
      authority.manifest == nullptr ? 0 : *find_signer(*authority.manifest, key.public_key);
  const auto signature = sign(signable_by(authority, head, signer), key);
  if (is_plain(authority)) return to_bytes(signature);
  Writer out(80);
  out.uint(1);
  if (authority.manifest->version == 0) out.uint(0);  // flags: no patch
  out.uint(signer);
  out.raw(signature);
  if (authority.manifest->version > 0) out.uint(0);  // no patch
  out.uint(0);                                       // no patch nodes
  return out.take();
}

}  // namespace cip::store
