#include "store/errors.hpp"

#include <string>

namespace cip::store {
namespace {

class Category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "store"; }
  std::string message(int code) const override {
    switch (static_cast<Errc>(code)) {
      case Errc::invalid_proof:
        return "proof does not have the nodes that the tree needs";
      case Errc::hash_mismatch:
        return "proof contradicts the verified tree";
      case Errc::invalid_signature:
        return "head of the feed is not signed by its writers";
      case Errc::wrong_manifest:
        return "manifest does not belong to the feed key";
      case Errc::wrong_fork:
        return "proof belongs to another fork of the feed";
      case Errc::stale_proof:
        return "proof was made for an older state of the feed";
      case Errc::later_fork:
        return "proof shows a later fork of the feed";
      case Errc::not_available:
        return "block or tree node is not held here";
      case Errc::invalid_request:
        return "no proof can answer this request";
      case Errc::overloaded:
        return "too many operations wait for the store";
      case Errc::out_of_range:
        return "block index is beyond the length of the feed";
      case Errc::block_too_large:
        return "block is larger than 15 MiB";
      case Errc::not_writer:
        return "key does not sign this feed";
      case Errc::frozen:
        return "feed is frozen: two different histories of it are signed";
      case Errc::rewritten:
        return "the feed was rewritten meanwhile: this block belonged to its earlier history";
      case Errc::wrong_encryption_key:
        return "the feed is not encrypted with this key";
      case Errc::not_encrypted:
        return "the feed is not encrypted";
      case Errc::store_failed:
        return "a write of this feed has just failed; it must be opened again";
      case Errc::malformed_manifest:
        return "bytes are not a manifest";
      case Errc::unsupported_manifest:
        return "manifest of an unknown version, hash or signature type";
      case Errc::not_found:
        return "no such feed in the database";
      case Errc::exists:
        return "a feed of this key or name exists already";
      case Errc::spent_name:
        return "a derived feed of this name was dropped and must not start again";
      case Errc::locked:
        return "another process holds the database";
      case Errc::corrupt:
        return "database is damaged: a checksum or a record does not hold";
      case Errc::full:
        return "no space left on the disk";
      case Errc::not_writable:
        return "database folder cannot be written";
      case Errc::unknown_format:
        return "database has a format that this program does not know";
      case Errc::io_failed:
        return "disk or file system failed";
    }
    return "unknown error";
  }
};

}  // namespace

std::error_code make_error_code(Errc code) {
  static const Category category;
  return {static_cast<int>(code), category};
}

bool blames_peer(std::error_code code) {
  return code == Errc::invalid_proof || code == Errc::hash_mismatch ||
         code == Errc::invalid_signature || code == Errc::wrong_manifest;
}

}  // namespace cip::store
