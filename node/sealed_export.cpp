#include "node/sealed_export.hpp"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>

#include "base/codec.hpp"
#include "base/crypto.hpp"

namespace cip::node {

namespace {

constexpr std::string_view kSealMagic = "cipnode-sealed";
constexpr std::uint8_t kSealVersion = 1;
constexpr std::size_t kSealChecksum = sizeof(Bytes32);

using Salt = FixedBytes<crypto_pwhash_argon2id_SALTBYTES>;
using Nonce = FixedBytes<crypto_secretbox_NONCEBYTES>;

// The key of a box, which is not left in memory.
class BoxKey {
 public:
  BoxKey() = default;
  ~BoxKey() { sodium_memzero(bytes_.data(), bytes_.size()); }
  BoxKey(const BoxKey&) = delete;
  BoxKey& operator=(const BoxKey&) = delete;

  Outcome<void> derive(std::string_view passphrase, const Salt& salt, const SealCost& cost) {
    const int derived = crypto_pwhash(
        bytes_.data(), bytes_.size(), passphrase.data(), passphrase.size(), salt.data(),
        cost.operations, std::size_t{cost.kibibytes} << 10, crypto_pwhash_ALG_ARGON2ID13);
    if (derived == 0) return {};
    return fail_with(
        ExitCode::internal,
        fmt::format("there is not enough memory: the passphrase needs {} MiB for a moment",
                    cost.kibibytes >> 10),
        "try again when other programs have ended, or on another machine");
  }
  const std::uint8_t* data() const { return bytes_.data(); }

 private:
  FixedBytes<crypto_secretbox_KEYBYTES> bytes_{};
};

tl::unexpected<Error> damaged_seal() {
  return fail_with(ExitCode::corrupt,
                   "the sealed identity is damaged: not all of it is there, or it was changed",
                   "use another copy of the file");
}

bool is_cost_bounded(const SealCost& cost) {
  return cost.operations >= crypto_pwhash_argon2id_OPSLIMIT_MIN &&
         cost.operations <= kMostOperations &&
         cost.kibibytes >= crypto_pwhash_argon2id_MEMLIMIT_MIN >> 10 &&
         cost.kibibytes <= kMostKibibytes;
}

}  // namespace

bool is_sealed(ByteView file) {
  return equal(file.first(std::min(file.size(), kSealMagic.size())), bytes_of(kSealMagic));
}

Outcome<Bytes> seal(ByteView exported, std::string_view passphrase, Random& random,
                    const SealCost& cost) {
  const auto salt = random.bytes<sizeof(Salt)>();
  const auto nonce = random.bytes<sizeof(Nonce)>();
  BoxKey key;
  if (auto derived = key.derive(passphrase, salt, cost); !derived) {
    return tl::unexpected(derived.error());
  }
  Bytes box(exported.size() + crypto_secretbox_MACBYTES);
  crypto_secretbox_easy(box.data(), exported.data(), exported.size(), nonce.data(), key.data());
  Writer out;
  out.raw(bytes_of(kSealMagic));
  out.u8(kSealVersion);
  out.u32(cost.operations);
  out.u32(cost.kibibytes);
  out.raw(salt);
  out.raw(nonce);
  out.raw(box);
  const auto checksum = hash(out.view());
  out.raw(checksum);
  return out.take();
}

Outcome<Bytes> unseal(ByteView file, std::string_view passphrase) {
  if (!is_sealed(file)) {
    return fail_with(ExitCode::usage, "this is no sealed identity",
                     "name a file that cipnode id export --passphrase wrote");
  }
  if (file.size() <= kSealMagic.size() + kSealChecksum) return damaged_seal();
  const auto body = file.first(file.size() - kSealChecksum);
  if (!equal(hash(body), file.last(kSealChecksum))) return damaged_seal();
  Reader in(body.subspan(kSealMagic.size()));
  if (in.u8() != kSealVersion) {
    return fail_with(ExitCode::incompatible, "the identity was sealed by a newer cipnode",
                     "use that version, or a newer one");
  }
  SealCost cost;
  cost.operations = in.u32();
  cost.kibibytes = in.u32();
  const auto salt = in.fixed<sizeof(Salt)>();
  const auto nonce = in.fixed<sizeof(Nonce)>();
  const auto box = in.rest();
  if (!in.ok() || box.size() < crypto_secretbox_MACBYTES || !is_cost_bounded(cost))
    return damaged_seal();
  BoxKey key;
  if (auto derived = key.derive(passphrase, salt, cost); !derived) {
    return tl::unexpected(derived.error());
  }
  Bytes out(box.size() - crypto_secretbox_MACBYTES);
  if (crypto_secretbox_open_easy(out.data(), box.data(), box.size(), nonce.data(), key.data()) !=
      0) {
    return fail_with(ExitCode::refused, "the passphrase is wrong",
                     "try again; without it nobody can read the file");
  }
  return out;
}

}  // namespace cip::node
