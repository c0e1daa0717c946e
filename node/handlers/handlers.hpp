#pragma once

// The methods of a node, one file per group of commands. A factory checks the parameters and makes
// the operation; what it returns as an error never touched anything.

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "node/daemon.hpp"
#include "node/json_rpc.hpp"
#include "node/operation.hpp"

namespace cip::node {

using Factory =
    std::function<Outcome<std::unique_ptr<Operation>>(Daemon&, const Request&, Output&)>;
using HandlerTable = std::map<std::string, Factory>;

void add_node_handlers(HandlerTable& table);         // status, peers, routes, stop, join.*
void add_health_handlers(HandlerTable& table);       // health
void add_backup_handlers(HandlerTable& table);       // backup
void add_id_handlers(HandlerTable& table);           // id.export, id.import
void add_find_handlers(HandlerTable& table);         // find
void add_dht_handlers(HandlerTable& table);          // lookup, announce, put, get, size
void add_doctor_handlers(HandlerTable& table);       // doctor
void add_disk_use_handlers(HandlerTable& table);     // du
void add_feed_handlers(HandlerTable& table);         // feed.create, ls, info, unseed
void add_feed_change_handlers(HandlerTable& table);  // feed.truncate, clear, drop
void add_verify_handlers(HandlerTable& table);       // feed.verify
void add_append_handlers(HandlerTable& table);       // feed.append
void add_seed_handlers(HandlerTable& table);         // feed.seed
void add_fetch_handlers(HandlerTable& table);        // feed.cat, download
void add_follow_handlers(HandlerTable& table);       // feed.follow
void add_top_handlers(HandlerTable& table);          // top
void add_topic_handlers(HandlerTable& table);        // topic.create, ls, info
void add_publish_handlers(HandlerTable& table);      // publish
void add_subscribe_handlers(HandlerTable& table);    // subscribe

// All of them.
HandlerTable all_handlers();

// An operation that is over within one call.
class AtOnce final : public Operation {
 public:
  // Puts out results; an error becomes that of the request.
  using Answer = std::function<Outcome<void>(Output&)>;
  AtOnce(Output& out, Answer answer) : Operation(out), answer_(std::move(answer)) {}
  void start() override;

 private:
  Answer answer_;
};

// A method as its user types it: "feed cat".
std::string command_of(std::string method);

// The factory of an operation `T(Daemon&, Params&, Output&)`, whose reading of the parameters must
// leave no error behind.
template <typename T>
Factory factory_of() {
  return [](Daemon& daemon, const Request& request,
            Output& out) -> Outcome<std::unique_ptr<Operation>> {
    Params params(request.params);
    auto operation = std::make_unique<T>(daemon, params, out);
    if (params.error()) return tl::unexpected(*params.error());
    operation->set_command(command_of(request.method));
    return operation;
  };
}

// Adds both forms: {"key": z32, "keyHex": hex}.
void add_key(Json& object, const Bytes32& key);
// Milliseconds with fractions since `start`.
double ms_since(TimePoint start);

}  // namespace cip::node
