#include "node/udx_trial.hpp"

#include <algorithm>
#include <array>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>

#include "base/machine.hpp"
#include "node/clock.hpp"
#include "node/udp_socket.hpp"
#include "overlay/transport/udx/streams.hpp"

namespace cip::node {

namespace {

constexpr std::uint32_t kLoopback = 0x7f000001;

}  // namespace

class UdxTrial::Impl {
 public:
  Impl(asio::io_context& io, Random& random)
      : io_(io), ends_{End(io, random), End(io, random)}, timer_(io) {}

  void start(std::function<void(const Result&)> done) {
    done_ = std::move(done);
    began_ = now().mono;
    for (auto& end : ends_) {
      if (const auto error = open(end)) return finish_later(error);
    }
    const auto time = now();
    connect(time, ends_[0], ends_[1]);
    connect(time, ends_[1], ends_[0]);
    ends_[0].streams.write(time, ends_[0].id, Bytes(kUdxTrialBytes, 0x55));
    turn(time);
  }

 private:
  // What it reads it sends back, or counts.
  struct End {
    End(asio::io_context& io, Random& random) : socket(io), streams(random) {}

    Endpoint place() const { return {kLoopback, port}; }

    UdpSocket socket;
    overlay::UdxStreams streams;
    overlay::UdxId id = 0;
    std::uint16_t port = 0;
  };

  std::error_code open(End& end) {
    if (auto error = end.socket.open({kLoopback, 0})) return error;
    end.port = end.socket.port();
    end.id = *end.streams.create(now(), 0);
    end.socket.start(
        [this, &end](Now time, Endpoint from, MutableByteView datagram) {
          end.streams.handle_datagram(time, 0, from, datagram);
          read(time, end);
        },
        [this](Now time) { turn(time); });
    return {};
  }

  static void connect(Now time, End& end, const End& other) {
    end.streams.connect(time, end.id, {0, other.place(), other.id});
  }

  void read(Now time, End& end) {
    while (const auto event = end.streams.poll_event()) {
      const auto* data = std::get_if<overlay::UdxData>(&*event);
      if (!data) continue;
      if (&end == &ends_[1]) {
        end.streams.write(time, end.id, to_bytes(data->bytes));
      } else {
        came_back_ += data->bytes.size();
      }
    }
  }

  void turn(Now time) {
    if (!done_) return;
    for (auto& end : ends_) {
      end.streams.settle(time);
      while (const auto datagram = end.streams.poll_datagram(time)) {
        end.socket.send_segments(datagram->to, datagram->bytes, datagram->segment,
                                 Fragments::never);
      }
      read(time, end);
    }
    if (came_back_ >= kUdxTrialBytes) return finish_later({});
    wait();
  }

  void wait() {
    const auto next = earliest(
        {ends_[0].streams.next_timeout(), ends_[1].streams.next_timeout(), began_ + kUdxTrialTime});
    timer_.expires_after(std::max(*next - now().mono, Duration::zero()));
    timer_.async_wait([this, alive = std::weak_ptr(alive_)](std::error_code error) {
      if (error || alive.expired()) return;
      const auto time = now();
      if (time.mono >= began_ + kUdxTrialTime)
        return finish_later(std::make_error_code(std::errc::timed_out));
      for (auto& end : ends_) end.streams.handle_timeout(time);
      turn(time);
    });
  }

  // After whatever called has returned: `done` may destroy this.
  void finish_later(std::error_code error) {
    timer_.cancel();
    asio::post(io_, [done = std::exchange(done_, nullptr),
                     result = Result{error, now().mono - began_}, alive = std::weak_ptr(alive_)] {
      if (!alive.expired() && done) done(result);
    });
  }

  asio::io_context& io_;
  std::array<End, 2> ends_;
  asio::steady_timer timer_;
  std::function<void(const Result&)> done_;
  TimePoint began_{};
  std::size_t came_back_ = 0;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

UdxTrial::UdxTrial(asio::io_context& io, Random& random)
    : impl_(std::make_unique<Impl>(io, random)) {}
UdxTrial::~UdxTrial() = default;

void UdxTrial::start(std::function<void(const Result&)> done) { impl_->start(std::move(done)); }

}  // namespace cip::node
