#include "node/peer_faults.hpp"

#include <doctest/doctest.h>

#include <asio/error.hpp>

#include "overlay/errors.hpp"
#include "overlay/transport/errors.hpp"
#include "store/errors.hpp"

namespace cip::node {
namespace {

ExitCode code_of(std::error_code error) { return fault_from(error, "10.0.0.1:1").code; }

}  // namespace

TEST_CASE("what a peer did wrong has the code of its class") {
  CHECK(code_of(store::Errc::hash_mismatch) == ExitCode::corrupt);
  CHECK(code_of(store::Errc::invalid_proof) == ExitCode::corrupt);
  CHECK(code_of(overlay::StreamErrc::bad_frame) == ExitCode::corrupt);
  CHECK(code_of(store::Errc::invalid_signature) == ExitCode::refused);
  CHECK(code_of(store::Errc::wrong_manifest) == ExitCode::refused);
  CHECK(code_of(overlay::Errc::hello_refused) == ExitCode::refused);
  CHECK(code_of(overlay::StreamErrc::wrong_peer) == ExitCode::refused);
  CHECK(code_of(overlay::Errc::own_key) == ExitCode::refused);
  CHECK(code_of(overlay::StreamErrc::unexpected_frame) == ExitCode::incompatible);
  CHECK(code_of(overlay::StreamErrc::bad_handshake) == ExitCode::incompatible);
  CHECK(code_of(overlay::StreamErrc::malformed_message) == ExitCode::incompatible);
  CHECK(code_of(overlay::StreamErrc::peer_silent) == ExitCode::no_route);
  CHECK(code_of(overlay::StreamErrc::handshake_timeout) == ExitCode::no_route);
  CHECK(code_of(overlay::Errc::both_nats_random) == ExitCode::no_route);
  CHECK(code_of(overlay::Errc::too_many_punches) == ExitCode::busy);
  CHECK(code_of(asio::error::connection_refused) == ExitCode::no_route);
  CHECK(code_of(store::Errc::not_available) == ExitCode::not_found);
}

TEST_CASE("what is nobody's fault says nothing of a peer") {
  CHECK(code_of({}) == ExitCode::ok);
  CHECK(code_of(overlay::StreamErrc::not_chosen) == ExitCode::ok);
  CHECK(code_of(overlay::Errc::cancelled) == ExitCode::ok);
  CHECK(code_of(store::Errc::stale_proof) == ExitCode::ok);
}

TEST_CASE("a fault names the peer and keeps the reason") {
  const auto fault = fault_from(store::Errc::hash_mismatch, "10.0.0.1:1");
  CHECK(fault.peer == "10.0.0.1:1");
  CHECK(fault.text.find(make_error_code(store::Errc::hash_mismatch).message()) !=
        std::string::npos);
}

}  // namespace cip::node
