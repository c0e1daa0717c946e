#pragma once

// JSON-RPC 2.0 objects of the control protocol (node/frame.hpp).

#include "node/service.hpp"

namespace cip::node {

Json json_request(std::uint32_t id, const std::string& method, Json params);
Json json_notification(const std::string& method, Json params);
Json json_response(const Json& id, Json result);
// {"error": {"code": exit code, "message", "data": {"class", "hint"}}}
Json json_error(const Json& id, const Error& error);
// The Error inside an error object; internal when it is malformed.
Error error_of(const Json& error);

// Compact text. Bytes that are not UTF-8 (a file name, say) are replaced, never an exception.
std::string json_text(const Json& value);

// {"text": ...} or, when it is not UTF-8, {"data": base64}, added to `object`: how payloads of
// others are shown.
void add_payload(Json& object, ByteView payload);
std::string to_base64(ByteView bytes);
std::optional<Bytes> from_base64(std::string_view text);

}  // namespace cip::node
