#include "node/name_lookup.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <asio/post.hpp>
#include <deque>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>

#include "base/host_port.hpp"

namespace cip::node {

namespace {

constexpr std::size_t kMostLookups = 8;

LookupResult ask_system(const HostPort& place) {
  addrinfo hints{};
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* list = nullptr;
  const int error = ::getaddrinfo(place.host.c_str(), nullptr, &hints, &list);
  LookupResult out;
  if (error != 0) {
    out.problem = ::gai_strerror(error);
    return out;
  }
  for (const auto* at = list; at != nullptr; at = at->ai_next) {
    const auto& address = *reinterpret_cast<const sockaddr_in*>(at->ai_addr);
    const Endpoint endpoint{ntohl(address.sin_addr.s_addr), place.port};
    // A hosts file may name one twice: ::1 is 127.0.0.1 to who asks for IPv4.
    if (std::ranges::find(out.endpoints, endpoint) == out.endpoints.end())
      out.endpoints.push_back(endpoint);
  }
  ::freeaddrinfo(list);
  if (out.endpoints.empty()) out.problem = "it has no IPv4 address";
  return out;
}

// Lives as long as a lookup is under way; the loop may be gone by then.
class SystemLookup : public std::enable_shared_from_this<SystemLookup> {
 public:
  using Answer = std::function<void(const LookupResult&)>;

  explicit SystemLookup(asio::io_context& io) : io_(&io) {}

  void leave() {
    const std::lock_guard lock(mutex_);
    io_ = nullptr;
    waiting_.clear();
  }

  // On the thread of the loop, like take().
  void ask(const HostPort& place, Answer answer) {
    waiting_.push_back({place, std::move(answer)});
    begin();
  }

 private:
  struct Question {
    HostPort place;
    Answer answer;
  };

  void begin() {
    if (running_ >= kMostLookups || waiting_.empty()) return;
    auto question = std::make_shared<Question>(std::move(waiting_.front()));
    waiting_.pop_front();
    ++running_;
    try {
      std::thread([self = shared_from_this(), question] {
        self->answer(question, ask_system(question->place));
      }).detach();
    } catch (const std::system_error& error) {
      answer(question, {{}, error.what()});
    }
  }

  void answer(std::shared_ptr<Question> question, LookupResult result) {
    const std::lock_guard lock(mutex_);
    if (io_ == nullptr) return;
    asio::post(*io_, [self = shared_from_this(), question = std::move(question),
                      result = std::move(result)] {
      --self->running_;
      self->begin();
      question->answer(result);
    });
  }

  std::mutex mutex_;
  asio::io_context* io_;
  std::deque<Question> waiting_;
  std::size_t running_ = 0;
};

}  // namespace

std::optional<HostPort> parse_host_port(std::string_view text) {
  const auto split = split_host_port(text);
  if (!split || split->host.empty() || split->port == 0) return std::nullopt;
  return HostPort{std::string(split->host), split->port};
}

NameLookup system_name_lookup(asio::io_context& io) {
  // Leaves the loop alone once the last copy of the function is gone.
  const std::shared_ptr<SystemLookup> lookup(new SystemLookup(io));
  const std::shared_ptr<void> user(nullptr, [lookup](void*) { lookup->leave(); });
  return [lookup, user](const HostPort& place, SystemLookup::Answer answer) {
    lookup->ask(place, std::move(answer));
  };
}

void resolve_once(const NameLookup& lookup, const std::string& text,
                  std::function<void(const LookupResult&)> answer) {
  if (const auto endpoint = parse_endpoint(text)) return answer({{*endpoint}, {}});
  const auto place = parse_host_port(text);
  if (!place) return answer({{}, "it is not HOST:PORT"});
  lookup(*place, std::move(answer));
}

}  // namespace cip::node
