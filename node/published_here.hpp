#pragma once

// To which topics this very home published last (home_mark.hpp).

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "base/bytes.hpp"
#include "base/time.hpp"

namespace cip::node {

// A mark that is older is made anew when something is published: an earlier state of the database,
// e.g. a backup that was made meanwhile, has another one then.
inline constexpr Duration kMarkLife = std::chrono::minutes(1);

class PublishedHere {
 public:
  struct Ways {
    // Makes the mark anew and tells it, later; empty: that failed.
    std::function<void(std::function<void(std::string mark)> done)> renew;
    // Keeps the mark that a topic was published under; restore() brings it back.
    std::function<void(const Bytes32& topic, const std::string& mark)> save;
  };

  // `mark`: as the run found it.
  PublishedHere(std::string mark, Ways ways) : mark_(std::move(mark)), ways_(std::move(ways)) {}

  void restore(const Bytes32& topic, std::string noted) { noted_.emplace(topic, std::move(noted)); }
  void forget(const Bytes32& topic);
  // It is being published to.
  void note(Now now, const Bytes32& topic);
  bool has(const Bytes32& topic) const;

 private:
  void renewed(std::string mark);
  void note(const Bytes32& topic);

  std::string mark_;
  Ways ways_;
  std::map<Bytes32, std::string> noted_;
  std::set<Bytes32> waiting_;  // published to while the mark is made
  bool is_renewing_ = false;
  std::optional<TimePoint> renewed_at_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace cip::node
