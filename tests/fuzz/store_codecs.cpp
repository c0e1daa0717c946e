// What the store reads: manifests and signatures of peers, records and pages of a damaged disk.
// Decoding must end without harm, and what decodes must encode to something that decodes alike.

#include "base/assert.hpp"
#include "base/crypto.hpp"
#include "store/page_codec.hpp"
#include "store/records.hpp"
#include "store/signatures.hpp"

namespace {

using namespace cip;
using namespace cip::store;

template <typename T>
void check_record(ByteView bytes, std::uint8_t version) {
  const auto record = load_record<T>(bytes, version);
  if (!record) return;
  const auto saved = save_record(version, *record);
  const auto again = load_record<T>(saved, version);
  CIP_ASSERT(again.has_value());
  CIP_ASSERT(save_record(version, *again) == saved);
}

void check_manifest(ByteView bytes) {
  const auto manifest = decode_manifest(bytes);
  if (!manifest) return;
  const auto again = decode_manifest(encode_manifest(*manifest));
  CIP_ASSERT(again.has_value());
  CIP_ASSERT(manifest_key(*again) == manifest_key(*manifest));
  // The rest of the input could as well be a signature; nobody can have made one.
  RootList roots;
  std::vector<TreeNode> made;
  roots.append(leaf_node(0, bytes), made);
  const Bytes32 key = manifest_key(*manifest);
  if (!manifest->prologue) CIP_ASSERT(!verify_tree({key, &*manifest}, roots, 0, bytes));
}

void check_page(ByteView bytes) {
  FixedBytes<kPageBytes> bits{};
  if (!decode_page(bytes, bits)) return;
  FixedBytes<kPageBytes> again{};
  CIP_ASSERT(decode_page(encode_page(bits), again));
  CIP_ASSERT(again == bits);
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) { return cip::init_crypto() ? 0 : 1; }

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ByteView rest{data + 1, size - 1};
  switch (data[0] % 7) {
    case 0:
      check_manifest(rest);
      break;
    case 1:
      check_page(rest);
      break;
    case 2:
      check_record<FeedHead>(rest, kHeadVersion);
      break;
    case 3:
      check_record<Equivocation>(rest, kEquivocationVersion);
      break;
    case 4:
      check_record<FeedRecord>(rest, kFeedRecordVersion);
      break;
    case 5:
      check_record<RingKey>(rest, kRingKeyVersion);
      break;
    default:
      check_record<TopicRecord>(rest, kTopicVersion);
  }
  return 0;
}
