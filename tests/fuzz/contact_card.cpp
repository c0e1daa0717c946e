// Contact cards: what decodes encodes to bytes that decode to the same, and never leads to an
// endpoint that is not public.

#include "overlay/contact_card.hpp"
#include "overlay/dial_policy.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cip;
  using namespace cip::overlay;
  const auto card = decode_contact_card({data, size});
  if (!card) return 0;
  if (decode_contact_card(encode_contact_card(*card)) != card) __builtin_trap();
  for (const auto endpoint : public_endpoints(card->tcp.endpoints)) {
    if (endpoint.realm() != Realm::public_network) __builtin_trap();
  }
  return 0;
}
