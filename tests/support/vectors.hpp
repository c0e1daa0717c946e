#pragma once

// Golden vectors for tests: JSON files below tests/vectors, hex to bytes and back.

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace cip::test {

using Json = nlohmann::json;

// load_vectors("dht/ids.json"). Throws when the file is missing or broken: the test fails.
Json load_vectors(std::string_view path);
// One member of it, by value: safe in `for (const auto& item : load_vectors(path, "ids"))`.
Json load_vectors(std::string_view path, const char* member);

// Hex to bytes; throws on bad hex. A JSON null gives no bytes.
Bytes hex_bytes(std::string_view text);
Bytes hex(const Json& text);
Bytes32 hex32(const Json& text);
Bytes64 hex64(const Json& text);

}  // namespace cip::test
