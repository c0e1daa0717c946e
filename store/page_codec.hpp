#pragma once

// Bytes of a bitfield page in the database. Feeds are mostly written in order, so a page is mostly
// "ones, then zeros": lengths of stretches take a few bytes where the bits take 512.
//
//   00 | bits 512                    the page itself
//   01 | { uint zeros | uint ones }  stretches of equal bits; zeros at the end are left out
//
// The shorter of the two is written. Frozen with kStoreFormat.

#include "base/bytes.hpp"
#include "store/bitfield.hpp"

namespace cip::store {

using PageBits = FixedBytes<kPageBytes>;

Bytes encode_page(const PageBits& bits);
// False when the bytes are no page.
[[nodiscard]] bool decode_page(ByteView bytes, PageBits& bits);

}  // namespace cip::store
