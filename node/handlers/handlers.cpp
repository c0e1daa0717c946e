#include "node/handlers/handlers.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "node/clock.hpp"

namespace cip::node {

HandlerTable all_handlers() {
  HandlerTable table;
  add_node_handlers(table);
  add_health_handlers(table);
  add_backup_handlers(table);
  add_id_handlers(table);
  add_find_handlers(table);
  add_dht_handlers(table);
  add_doctor_handlers(table);
  add_disk_use_handlers(table);
  add_feed_handlers(table);
  add_append_handlers(table);
  add_feed_change_handlers(table);
  add_verify_handlers(table);
  add_fetch_handlers(table);
  add_follow_handlers(table);
  add_seed_handlers(table);
  add_top_handlers(table);
  add_topic_handlers(table);
  add_publish_handlers(table);
  add_subscribe_handlers(table);
  return table;
}

void AtOnce::start() {
  if (auto answered = answer_(out_); !answered) return out_.fail(std::move(answered.error()));
  out_.done();
}

std::string command_of(std::string method) {
  std::ranges::replace(method, '.', ' ');
  return method;
}

void add_key(Json& object, const Bytes32& key) {
  object["key"] = to_z32(key);
  object["keyHex"] = to_hex(key);
}

double ms_since(TimePoint start) { return to_ms(now().mono - start); }

}  // namespace cip::node
