#include "store/local_feed.hpp"

#include <utility>

namespace cip::store {

Result<std::uint64_t> LocalFeed::append(std::vector<Bytes> blocks) {
  auto& feed = opened_.feed;
  if (!opened_.signer) return fail(Errc::not_writer);
  if (const auto cipher = opened_.cipher()) {
    auto index = feed.length();
    for (auto& block : blocks) block = cipher->encrypt(index++, feed.fork(), block);
  }
  if (const auto first = feed.append(std::move(blocks), *opened_.signer); !first) return first;
  if (const auto written = settle(); !written) return fail(written.error());
  return feed.length();
}

Result<std::uint64_t> LocalFeed::append(ByteView block) {
  return append(std::vector<Bytes>{Bytes(block.begin(), block.end())});
}

Result<Bytes> LocalFeed::read(std::uint64_t index) {
  opened_.feed.read(index);
  if (const auto settled = settle(); !settled) return fail(settled.error());
  const auto answers = std::exchange(reads_, {});
  auto value = std::move(answers.back().value);
  const auto cipher = opened_.cipher();
  if (!value || !cipher) return value;
  auto plain = cipher->decrypt(index, opened_.feed.fork(), *value);
  if (!plain) return fail(Errc::corrupt);
  return std::move(*plain);
}

Result<void> LocalFeed::truncate(std::uint64_t length) {
  if (!opened_.signer) return fail(Errc::not_writer);
  if (const auto cut = opened_.feed.truncate(length, *opened_.signer); !cut) return cut;
  return settle();
}

Result<void> LocalFeed::clear(std::uint64_t start, std::uint64_t end) {
  if (const auto cleared = opened_.feed.clear(start, end); !cleared) return cleared;
  opened_.feed.sync();
  if (const auto settled = settle(); !settled) return settled;
  return backend_.reclaim(opened_.record.number);
}

Result<void> LocalFeed::settle() {
  Result<void> outcome;
  auto& feed = opened_.feed;
  const auto take_events = [&] {
    while (auto event = feed.poll_event()) {
      if (auto* read = std::get_if<BlockRead>(&*event)) reads_.push_back(std::move(*read));
      if (const auto* failed = std::get_if<StoreFailed>(&*event)) outcome = fail(failed->reason);
    }
  };
  take_events();
  while (auto op = feed.poll_store_op()) {
    if (const auto* read = std::get_if<ReadOp>(&op->op)) {
      feed.handle_store_done(op->id, backend_.read(*read));
    } else {
      const auto done = backend_.commit(*std::get<CommitPtr>(op->op));
      feed.handle_store_done(op->id, done ? StoreResult{} : StoreResult(fail(done.error())));
    }
    take_events();
  }
  return outcome;
}

}  // namespace cip::store
