#include "store/key_ring.hpp"

#include "base/codec.hpp"
#include "store/records.hpp"

namespace cip::store {

namespace {

constexpr std::uint8_t kBackupVersion = 1;
constexpr std::size_t kChecksumBytes = sizeof(Bytes32);

}  // namespace

KeyPair derive_identity(const Bytes32& primary_key) {
  return derive_key_pair(primary_key, child_namespace(Bytes32{}, "cip/identity"), "peer");
}

KeyPair derive_feed_key_pair(const Bytes32& primary_key, std::string_view name) {
  return derive_key_pair(primary_key, Bytes32{}, name);
}

Result<std::optional<KeyPair>> KeyRing::find_signer(const Bytes32& feed_key) {
  const auto ring = backend_.find_ring_key(feed_key);
  if (!ring) return fail(ring.error());
  std::optional<KeyPair> signer;
  if (!*ring || (*ring)->dropped) return signer;
  if ((*ring)->seed) {
    signer = make_key_pair(*(*ring)->seed);
  } else if (!(*ring)->derived_name.empty()) {
    signer = derive_feed_key_pair(primary_key_, (*ring)->derived_name);
  }
  return signer;
}

Result<std::optional<Bytes32>> KeyRing::find_encryption_key(const Bytes32& feed_key) {
  const auto ring = backend_.find_ring_key(feed_key);
  if (!ring) return fail(ring.error());
  return *ring ? (*ring)->encryption_key : std::nullopt;
}

Result<void> KeyRing::retire(const Bytes32& feed_key) {
  const auto ring = backend_.find_ring_key(feed_key);
  if (!ring) return fail(ring.error());
  if (!*ring) return {};
  if ((*ring)->derived_name.empty()) return backend_.drop_ring_key(feed_key);
  RingKey spent;
  spent.key = feed_key;
  spent.derived_name = (*ring)->derived_name;
  spent.dropped = true;
  return backend_.put_ring_key(spent);
}

Result<bool> KeyRing::is_spent(const Bytes32& feed_key) {
  const auto ring = backend_.find_ring_key(feed_key);
  if (!ring) return fail(ring.error());
  return *ring && (*ring)->dropped;
}

Result<Bytes> KeyRing::export_keys() {
  const auto ring = backend_.list_ring_keys();
  if (!ring) return fail(ring.error());
  Writer out;
  out.u8(kBackupVersion);
  out.uint(ring->size());
  for (const auto& key : *ring) out.buffer(save_record(kRingKeyVersion, key));
  const auto checksum = hash(out.view());
  out.raw(checksum);
  return out.take();
}

Result<std::size_t> KeyRing::import_keys(ByteView backup) {
  if (backup.size() <= kChecksumBytes) return fail(Errc::corrupt);
  const auto body = backup.first(backup.size() - kChecksumBytes);
  if (!equal(hash(body), backup.last(kChecksumBytes))) return fail(Errc::corrupt);
  Reader in(body);
  if (in.u8() != kBackupVersion) return fail(Errc::unknown_format);
  std::size_t added = 0;
  for (auto left = in.count(1); left > 0; --left) {
    const auto ring = load_record<RingKey>(in.buffer(), kRingKeyVersion);
    if (!in.ok() || !ring) return fail(Errc::corrupt);
    const auto known = backend_.find_ring_key(ring->key);
    if (!known) return fail(known.error());
    if (*known) continue;
    if (auto put = backend_.put_ring_key(*ring); !put) return fail(put.error());
    ++added;
  }
  return added;
}

}  // namespace cip::store
