#include "node/store_error.hpp"

#include <fmt/format.h>

#include "dht/errors.hpp"
#include "overlay/errors.hpp"
#include "store/errors.hpp"

namespace cip::node {

namespace {

struct Advice {
  ExitCode code = ExitCode::internal;
  std::string_view hint = "";
};

Advice of_store(store::Errc code) {
  using store::Errc;
  switch (code) {
    case Errc::corrupt:
    case Errc::hash_mismatch:
    case Errc::invalid_signature:
    case Errc::wrong_manifest:
      return {ExitCode::corrupt,
              "keep a copy of the home; restore the database, or choose another --home"};
    case Errc::unknown_format:
      return {ExitCode::incompatible, "use the version that wrote it, or a newer one"};
    case Errc::locked:
      return {ExitCode::busy, "stop the program that has it open, or choose another --home"};
    case Errc::full:
      return {ExitCode::full, "free some space, or drop feeds that are not needed"};
    case Errc::not_writable:
      return {ExitCode::refused, "make it writable, or choose another --home DIR"};
    case Errc::io_failed:
      return {ExitCode::internal, "look after the disk: the kernel's log (dmesg) says more"};
    case Errc::not_found:
    case Errc::not_available:
      return {ExitCode::not_found, ""};
    case Errc::exists:
    case Errc::spent_name:
    case Errc::frozen:
      return {ExitCode::conflict, ""};
    case Errc::not_writer:
      return {ExitCode::refused, "only the node that made a feed can append to it"};
    case Errc::not_encrypted:
      return {ExitCode::refused, "read it without --encryption-key-file"};
    case Errc::wrong_encryption_key:
      return {ExitCode::refused, "the author of the feed knows its key: feed create printed it"};
    case Errc::block_too_large:
      return {ExitCode::usage, "a block has at most 15 MiB: cut with --lines or --block-size"};
    case Errc::out_of_range:
      return {ExitCode::not_found, ""};
    case Errc::overloaded:
    case Errc::store_failed:
      return {ExitCode::busy, "try again in a moment"};
    default:
      return {};
  }
}

Advice of_dht(dht::Errc code) {
  using dht::Errc;
  switch (code) {
    case Errc::no_contacts:
      return {ExitCode::no_route, "name a contact with --bootstrap HOST:PORT"};
    case Errc::no_answer:
    case Errc::request_timeout:
      return {ExitCode::no_route, "check the network, or name another --bootstrap HOST:PORT"};
    case Errc::not_stored:
      return {ExitCode::refused, ""};
    case Errc::value_too_large:
      return {ExitCode::usage, "values have at most 1000 bytes; use a feed for more"};
    case Errc::too_many:
      return {ExitCode::busy, "try again in a moment"};
    default:
      return {};
  }
}

Advice of_overlay(overlay::Errc code) {
  using overlay::Errc;
  switch (code) {
    case Errc::nobody_announces:
    case Errc::no_such_topic:
      return {ExitCode::not_found, ""};
    case Errc::no_node_answered:
      return {ExitCode::no_route, "name a contact with --bootstrap HOST:PORT"};
    case Errc::no_hello_answer:
      return {ExitCode::no_route, ""};
    case Errc::nat_unknown:
    case Errc::both_nats_random:
    case Errc::punch_refused:
    case Errc::punch_unanswered:
    case Errc::punch_unheard:
      return {ExitCode::no_route, "forward a port to one of the two, and join with --public there"};
    case Errc::hello_refused:
      return {ExitCode::refused, ""};
    case Errc::message_too_large:
      return {ExitCode::usage, "a message has at most 1 MiB (1048576 bytes); use a feed for more"};
    case Errc::too_many_hellos:
    case Errc::too_many_punches:
    case Errc::punch_busy:
      return {ExitCode::busy, "try again in a moment"};
    default:
      return {};
  }
}

Advice advice(std::error_code code) {
  const std::string_view category = code.category().name();
  if (category == "store") return of_store(static_cast<store::Errc>(code.value()));
  if (category == "dht") return of_dht(static_cast<dht::Errc>(code.value()));
  if (const auto hint = hint_for_shortage(code); !hint.empty()) return {ExitCode::internal, hint};
  if (category == "overlay") return of_overlay(static_cast<overlay::Errc>(code.value()));
  return {};
}

}  // namespace

Error error_from(std::error_code code, const std::string& what) {
  const auto found = advice(code);
  return {found.code, fmt::format("{}: {}", what, code.message()), std::string(found.hint)};
}

}  // namespace cip::node
