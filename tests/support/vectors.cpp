#include "tests/support/vectors.hpp"

#include <fstream>
#include <stdexcept>

#include "base/text.hpp"

namespace cip::test {

Json load_vectors(std::string_view path) {
  const std::string full = std::string(CIP_VECTORS "/") + std::string(path);
  std::ifstream file(full);
  if (!file) throw std::runtime_error("cannot open " + full);
  return Json::parse(file);
}

Json load_vectors(std::string_view path, const char* member) {
  return load_vectors(path).at(member);
}

Bytes hex_bytes(std::string_view text) {
  auto bytes = from_hex(text);
  if (!bytes) throw std::runtime_error("not hex: " + std::string(text));
  return *bytes;
}

Bytes hex(const Json& text) {
  return text.is_null() ? Bytes{} : hex_bytes(text.get_ref<const std::string&>());
}

Bytes32 hex32(const Json& text) {
  const auto bytes = hex(text);
  if (bytes.size() != 32) throw std::runtime_error("not 32 bytes");
  return first_bytes<32>(bytes);
}

Bytes64 hex64(const Json& text) {
  const auto bytes = hex(text);
  if (bytes.size() != 64) throw std::runtime_error("not 64 bytes");
  return first_bytes<64>(bytes);
}

}  // namespace cip::test
