#include "node/handlers/metrics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace cip::node {

namespace {

struct Metric {
  std::string_view name;  // behind "cipnode_"
  std::string_view kind;
  std::string_view help;
};

// docs/monitoring.md says the same.
constexpr std::array kMetrics = std::to_array<Metric>({
    {"uptime_ms", "gauge", "milliseconds since the node started"},
    {"persistent", "gauge", "1: the node is part of others' tables; 0: it only asks"},
    {"reachable", "gauge", "1: others can call it, as far as it knows"},
    {"dht_contacts", "gauge", "nodes in the routing table"},
    {"dht_requests", "counter", "requests sent"},
    {"dht_answers", "counter", "requests that were answered"},
    {"dht_bytes_in", "counter", "bytes of datagrams received by the DHT"},
    {"dht_bytes_out", "counter", "bytes of datagrams sent by the DHT"},
    {"udx_streams", "gauge", "open streams over UDP"},
    {"udx_packets_in", "counter", "their packets received"},
    {"udx_packets_out", "counter", "their packets sent"},
    {"udx_retransmits", "counter", "their packets sent again"},
    {"udx_punches", "counter", "holepunches between NATs, as either side"},
    {"udx_punches_failed", "counter", "those that came to nothing"},
    {"udx_holes", "counter", "those that this node began and that got through"},
    {"nat_votes", "gauge", "other nodes that agree on our address"},
    {"nat_proofs", "gauge",
     "strangers that reached us, in the attempt to prove it that is under way"},
    {"stored_records", "gauge", "announces kept for others"},
    {"stored_forwards", "gauge", "peers whose hellos are passed on"},
    {"stored_mutables", "gauge", "signed values kept for others"},
    {"stored_immutables", "gauge", "values kept for others under their hash"},
    {"stored_refused", "counter", "what others wanted to store and could not"},
    {"peers", "gauge", "connected peers"},
    {"feeds", "gauge", "open feeds"},
    {"topics", "gauge", "topics taken part in"},
    {"disk_own", "gauge", "bytes of own feeds"},
    {"disk_kept", "gauge", "bytes of feeds of others that are kept"},
    {"disk_cache", "gauge", "bytes of what was only read; makes room when needed"},
    {"disk_topics", "gauge", "bytes of topics"},
    {"disk_quota", "gauge", "bytes that all of it may take"},
    {"drops_total", "counter", "what was not processed, by reason"},
});

// What Prometheus wants in front of the values of a metric.
std::string head_of(const std::string& name) {
  const auto found = std::ranges::find(kMetrics, name, &Metric::name);
  if (found == kMetrics.end()) return {};
  return fmt::format("# HELP cipnode_{0} {1}\n# TYPE cipnode_{0} {2}\n", name, found->help,
                     found->kind);
}

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
  if (!value.is_boolean() && !value.is_number()) return;
  const auto number = value.is_boolean() ? Json(value.get<bool>() ? 1 : 0) : value;
  out += fmt::format("{}cipnode_{} {}\n", head_of(name), name, number.dump());
}

void add_drops(std::string& out, const Json& drops) {
  const std::string name = "drops_total";
  if (!drops.empty()) out += head_of(name);
  for (const auto& [reason, count] : drops.items()) {
    out += fmt::format("cipnode_{}{{reason=\"{}\"}} {}\n", name, reason, count.dump());
  }
}

}  // namespace

std::string metrics_text(const Json& status) {
  std::string out;
  for (const auto& [field, value] : status.items()) {
    const auto name = metric_name(field);
    if (field == "drops") {
      add_drops(out, value);
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
