#pragma once

// Errors of the store floor, category "store".

#include <system_error>

#include "base/result.hpp"

namespace cip::store {

enum class Errc {
  // What a proof of a peer may be rejected for. The first four are the peer's fault.
  invalid_proof = 1,  // nodes missing, surplus, or not where the tree needs them
  hash_mismatch,      // a hash of the proof differs from the trusted tree
  invalid_signature,  // the new head is not signed by those the manifest names
  wrong_manifest,     // the manifest does not hash to the feed's key
  wrong_fork,         // a proof of another fork than ours
  stale_proof,        // right once, but the tree has moved on meanwhile: ask again
  later_fork,         // signed and right, but of a later fork, which may not replace ours
  // What a request of a peer or of the application may be refused for.
  not_available,         // block, node or fork not held here
  invalid_request,       // no proof can answer it
  overloaded,            // too much waits for the disk already
  out_of_range,          // a block at or after the length
  block_too_large,       // above kMaxBlockSize
  not_writer,            // the key given does not sign this feed alone
  frozen,                // the feed has two histories; nothing is added to it any more
  rewritten,             // the block of a snapshot went with a history that was replaced
  wrong_encryption_key,  // not the one that is known of the feed
  not_encrypted,         // a key is given for an own feed that is not encrypted
  // What the disk may do.
  store_failed,  // nothing is read after a failed commit; the feed must be opened again
  // Manifests.
  malformed_manifest,    // not an encoding of one
  unsupported_manifest,  // of a version above 3, another hash or signature type
  // What a database may say (backend.hpp).
  not_found,       // no such feed
  exists,          // the key or the name of a new feed is taken
  spent_name,      // a derived feed of this name was dropped; it must not start again
  locked,          // another process holds the database
  corrupt,         // a checksum or a record does not hold
  full,            // no space left on the disk
  not_writable,    // folder or file system does not let us write
  unknown_format,  // written by a program of another format version
  io_failed,       // any other failure of disk or file system
};

std::error_code make_error_code(Errc code);

// Whether a proof rejected with `code` shows that its sender misbehaves.
bool blames_peer(std::error_code code);

}  // namespace cip::store

template <>
struct std::is_error_code_enum<cip::store::Errc> : std::true_type {};
