#include "simulations/metrics.hpp"

namespace cip::simulations {

std::vector<std::pair<std::string, std::string>> metric_definitions() {
  return {
      {"success",
       "share of lookups that ended at the live node closest to the target (ring: next on the "
       "ring)"},
      {"hops-to-closest",
       "depth of the shortest chain of referrals that led to the closest node, asking it included; "
       "greedy, ring, flood: forwards on the way"},
      {"hops-first",
       "hops until one of the 20 nodes closest to the target was first named, 1 if the own table "
       "held one (ProbeLab RFM 19.1)"},
      {"requests", "requests or messages sent for one lookup, retransmissions not counted"},
      {"rounds", "synchronous rounds of alpha requests (kademlia-rounds)"},
      {"latency", "simulated time from the start of a lookup to its end; lookups that succeeded"},
      {"exact-k", "share of lookups that return exactly the k closest live nodes, in order"},
      {"stale", "share of table entries, by bucket, whose node is dead"},
      {"known-20",
       "share of live nodes whose table holds all of the 20 live nodes closest to them"},
      {"known-below-18", "share of live nodes whose table holds fewer than 18 of these 20"},
      {"traffic", "bytes delivered to one node in a second, IP and UDP headers included"},
      {"healed",
       "simulated time from the end of churn until all sampled lookups succeed and less "
       "than 1 % of the table entries is dead"},
      {"density", "(rk - 1) / sum of the distances of the k-th closest node found by r walks"},
      {"robust", "median over walks of what each of them says, corrected for its bias"},
      {"common-peers", "Chapman's capture and recapture over two random walks through the tables"},
      {"buckets", "contacts in the buckets of the own table that are not full, scaled up"},
      {"bias, sd, coverage",
       "over runs: mean of (estimate - truth) / truth; standard deviation of estimate / truth; "
       "share of runs whose 95 % interval holds the truth"},
  };
}

}  // namespace cip::simulations
