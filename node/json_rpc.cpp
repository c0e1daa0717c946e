#include "node/json_rpc.hpp"

#include <sodium.h>

#include "base/text.hpp"
#include "node/operation.hpp"

namespace cip::node {

Json json_request(std::uint32_t id, const std::string& method, Json params) {
  return {{"jsonrpc", "2.0"}, {"id", id}, {"method", method}, {"params", std::move(params)}};
}

Json json_notification(const std::string& method, Json params) {
  return {{"jsonrpc", "2.0"}, {"method", method}, {"params", std::move(params)}};
}

Json json_response(const Json& id, Json result) {
  return {{"jsonrpc", "2.0"}, {"id", id}, {"result", std::move(result)}};
}

Json json_error(const Json& id, const Error& error) {
  const Json data{{"class", class_name(error.code)}, {"hint", error.hint}};
  const Json body{
      {"code", static_cast<unsigned>(error.code)}, {"message", error.message}, {"data", data}};
  return {{"jsonrpc", "2.0"}, {"id", id}, {"error", body}};
}

Error error_of(const Json& error) {
  Params fields(error);
  const auto code = exit_code_of(static_cast<int>(fields.number("code").value_or(1) & 0xff));
  const auto data = error.is_object() ? error.value("data", Json::object()) : Json::object();
  return {code, fields.text("message", "the node failed"), Params(data).text("hint")};
}

std::string json_text(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void add_payload(Json& object, ByteView payload) {
  if (is_utf8(payload)) {
    object["text"] = text_of(payload);
  } else {
    object["data"] = to_base64(payload);
  }
}

std::string to_base64(ByteView bytes) {
  constexpr int kVariant = sodium_base64_VARIANT_ORIGINAL;
  std::string out(sodium_base64_encoded_len(bytes.size(), kVariant), '\0');
  sodium_bin2base64(out.data(), out.size(), bytes.data(), bytes.size(), kVariant);
  out.pop_back();  // the terminating zero that libsodium writes
  return out;
}

std::optional<Bytes> from_base64(std::string_view text) {
  Bytes out(text.size() / 4 * 3 + 3);
  std::size_t size = 0;
  if (sodium_base642bin(out.data(), out.size(), text.data(), text.size(), nullptr, &size, nullptr,
                        sodium_base64_VARIANT_ORIGINAL) != 0) {
    return std::nullopt;
  }
  out.resize(size);
  return out;
}

}  // namespace cip::node
