#pragma once

// Who wants to hear of events of one kind. A Listening is the right to hear; it ends with its
// object. Listeners may come and go while one of them is being told.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

namespace cip::node {

template <typename Event>
class Listeners {
 public:
  using Listener = std::function<void(const Event&)>;

 private:
  struct List {
    std::map<std::uint64_t, Listener> entries;
    std::uint64_t next = 1;
  };

 public:
  class Listening {
   public:
    Listening() = default;
    Listening(std::weak_ptr<List> list, std::uint64_t id) : list_(std::move(list)), id_(id) {}
    Listening(Listening&& other) noexcept { *this = std::move(other); }
    Listening& operator=(Listening&& other) noexcept {
      std::swap(list_, other.list_);
      std::swap(id_, other.id_);
      return *this;
    }
    ~Listening() { end(); }
    void end() {
      if (const auto list = list_.lock()) list->entries.erase(id_);
      list_.reset();
    }

   private:
    std::weak_ptr<List> list_;
    std::uint64_t id_ = 0;
  };

  [[nodiscard]] Listening listen(Listener listener) {
    const auto id = list_->next++;
    list_->entries.emplace(id, std::move(listener));
    return Listening(list_, id);
  }

  void tell(const Event& event) const {
    const auto list = list_;
    std::vector<std::uint64_t> ids;
    for (const auto& entry : list->entries) ids.push_back(entry.first);
    for (const auto id : ids) {
      const auto found = list->entries.find(id);
      if (found == list->entries.end()) continue;
      const auto listener = found->second;
      listener(event);
    }
  }

 private:
  std::shared_ptr<List> list_ = std::make_shared<List>();
};

}  // namespace cip::node
