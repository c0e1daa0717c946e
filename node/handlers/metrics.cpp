#include "node/handlers/metrics.hpp"

#include <fmt/format.h>

namespace cip::node {

namespace {

// "bytesIn" -> "bytes_in"
std::string metric_name(const std::string& field) {
  std::string out;
  for (const char c : field) {
    if (c >= 'A' && c <= 'Z') {
      out += '_';
      out += static_cast<char>(c - 'A' + 'a');
    } else {
      out += c;
    }
  }
  return out;
}

void add_value(std::string& out, const std::string& name, const Json& value) {
  if (value.is_boolean()) out += fmt::format("{} {}\n", name, value.get<bool>() ? 1 : 0);
  if (value.is_number()) out += fmt::format("{} {}\n", name, value.dump());
}

}  // namespace

std::string metrics_text(const Json& status) {
  std::string out;
  for (const auto& [field, value] : status.items()) {
    const auto name = "cipnode_" + metric_name(field);
    if (field == "drops") {
      for (const auto& [reason, count] : value.items()) {
        out += fmt::format("cipnode_drops_total{{reason=\"{}\"}} {}\n", reason, count.dump());
      }
    } else if (value.is_object()) {
      for (const auto& [inner, number] : value.items()) {
        add_value(out, name + "_" + metric_name(inner), number);
      }
    } else if (field != "pid") {
      add_value(out, name, value);
    }
  }
  return out;
}

}  // namespace cip::node
