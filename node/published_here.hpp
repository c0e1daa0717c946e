#pragma once

// To which topics this very home published last (home_mark.hpp).

#include <functional>
#include <map>
#include <string>

#include "base/bytes.hpp"
#include "node/home_mark.hpp"

namespace cip::node {

class PublishedHere {
 public:
  // Keeps the mark that a topic was published under; restore() brings it back.
  using Save = std::function<void(const Bytes32& topic, const std::string& mark)>;

  PublishedHere(HomeMark mark, Save save) : mark_(std::move(mark)), save_(std::move(save)) {}

  void restore(const Bytes32& topic, std::string noted) { noted_.emplace(topic, std::move(noted)); }
  void forget(const Bytes32& topic) { noted_.erase(topic); }
  // It is being published to. What this home published to last is so under its new mark too.
  void note(const Bytes32& topic);
  bool has(const Bytes32& topic) const;

 private:
  void note(const Bytes32& topic, std::string& noted);

  HomeMark mark_;
  Save save_;
  std::map<Bytes32, std::string> noted_;
};

}  // namespace cip::node
