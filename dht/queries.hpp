#pragma once

// The queries a node runs: each is a walk (dht/query.hpp) with a command, and for what is stored a
// commit to the closest nodes afterwards (dht.md 8 and 10).

#include <memory>
#include <optional>
#include <vector>

#include "dht/node_core.hpp"
#include "dht/query.hpp"
#include "dht/server.hpp"
#include "dht/size_estimator.hpp"

namespace cip::dht {

// What a query wants, besides its target.
struct QueryTask {
  enum class Kind : std::uint8_t {
    find_node,
    find_peer,
    lookup,
    announce,
    unannounce,
    immutable_get,
    immutable_put,
    mutable_get,
    mutable_put,
  };
  Kind kind = Kind::find_node;
  std::optional<KeyPair> key{};     // announce, unannounce
  std::vector<Endpoint> relays{};   // announce
  Bytes value{};                    // puts: the value of the commit request
  PublicKey public_key{};           // mutable_get
  std::uint64_t seq = 0;            // mutable_get: lowest wanted
  std::optional<MutablePut> put{};  // mutable_put
  bool only_start = false;          // asks the given contacts and nobody else
  bool upkeep = false;              // of the node itself: no events
};

class Queries {
 public:
  static constexpr std::size_t kMaxRunning = 1024;
  // A put goes in addition to this many nodes of /24s that are not among the closest (dht.md 20,
  // 4).
  static constexpr std::size_t kMaxAdditional = 4;
  static constexpr unsigned kRetries = 5;
  // Down hints sent per tick (dht.md 8).
  static constexpr std::uint32_t kMaxHintsPerTick = 50;

  Queries(NodeCore& core, Server& server)
      : core_(core), server_(server), hints_(kMaxHintsPerTick, kTick) {}

  QueryId begin(Now now, const Target& target, QueryTask task, QueryOptions options);
  void cancel(Now now, QueryId query);
  void cancel_all(Now now);

  // Answers and failures of requests with Purpose::query and Purpose::commit. `from` is who was
  // asked.
  void handle_reply(Now now, const Call& call, const Contact& from, Duration round_trip,
                    const Reply& reply);
  void handle_overdue(Now now, const Call& call, bool failed);

  // How the last finished upkeep query went, once: the number of answers.
  std::optional<std::pair<QueryId, unsigned>> poll_upkeep_done() { return upkeep_done_.pop(); }
  std::size_t running() const { return running_.size(); }
  const SizeEstimator* size_estimator() const { return estimator_.get(); }
  std::size_t memory_bytes() const;

 private:
  // A token of a node that answered: what a commit to it needs.
  struct Grant {
    Contact node;
    Bytes32 token{};
    Endpoint own_address;  // as that node sees us
  };
  struct Running {
    Running(QueryId query_id, const Target& target, QueryTask query_task, QueryOptions opts,
            Query::Limits limits)
        : id(query_id),
          task(std::move(query_task)),
          options(std::move(opts)),
          walk(target, limits) {}

    std::size_t walk_k() const { return walk.limits().k; }

    QueryId id;
    QueryTask task;
    QueryOptions options;
    Query walk;
    TimePoint begun{};
    bool committing = false;
    bool had_contacts = false;
    bool started_over = false;
    bool walks_elsewhere = false;
    bool answered_here = false;
    bool stored_here = false;
    bool found = false;          // gets: a good value was handed up
    std::uint64_t best_seq = 0;  // mutable_get
    unsigned commits = 0;        // under way
    std::vector<Grant> grants;
    std::vector<Endpoint> retried;  // commits repeated with a fresh token
    std::vector<Stored> stored;
  };

  Running* find(std::uint64_t id);
  void add_start(Now now, Running& query);
  void add_table(Now now, Running& query);
  void add_elsewhere(Running& query);
  std::uint64_t dense_radius() const;
  void answer_here(Now now, Running& query);
  void pump(Now now, Running& query);
  void ask(Now now, Running& query, const Contact& contact);
  void take_value(Running& query, const Reply& reply, const Contact& from, Duration round_trip);
  bool is_good_value(Running& query, const Bytes& value);
  void send_hints(Now now, Running& query);
  bool start_over(Now now, Running& query);
  void finish_walk(Now now, Running& query);
  std::vector<Grant> chosen(const Running& query) const;
  void commit(Now now, Running& query, const Grant& grant);
  std::optional<Bytes> commit_value(const Running& query, const Grant& grant) const;
  void store_here(Now now, Running& query);
  void handle_commit(Now now, Running& query, const Contact& node, const Reply* reply);
  void finish(Now now, Running& query, std::error_code error);
  std::error_code outcome(const Running& query) const;
  void feed_estimator(const Running& query);
  void erase(QueryId id);

  NodeCore& core_;
  Server& server_;
  RateLimiter hints_;
  std::vector<std::unique_ptr<Running>> running_;  // by id, ascending
  std::unique_ptr<SizeEstimator> estimator_;
  Fifo<std::pair<QueryId, unsigned>> upkeep_done_;
  std::uint64_t last_id_ = 0;
};

}  // namespace cip::dht
