#pragma once

// A driver for overlay::Hub in a page: TCP by poll(2), storage at once. It moves bytes between
// sockets and the machine, tells it the time, and decides nothing.

#include <chrono>
#include <map>

#include "overlay/hub.hpp"
#include "store/backend.hpp"

namespace example {

cip::Now now();

class Sockets {
 public:
  // Both outlive the driver.
  Sockets(cip::overlay::Hub& hub, cip::store::Backend& backend) : hub_(hub), backend_(backend) {}
  ~Sockets();
  Sockets(const Sockets&) = delete;
  Sockets& operator=(const Sockets&) = delete;

  // Listens on loopback and returns the port; 0 asks the system for one. Negative: errno.
  int listen(std::uint16_t port);
  // Carries out what the hub wants, waits for a socket or the hub's next timeout, and hands in what
  // came. Events of the hub are ready afterwards.
  void turn();

 private:
  struct Connection {
    int fd = -1;
    bool is_connecting = false;
    bool is_held = false;  // the hub takes no more for now
    bool is_closing = false;
    cip::Bytes unsent;
  };
  static constexpr std::size_t kHighWater = 1
                                            << 20;  // unsent bytes above which a connection is full

  void run_storage();
  void run_actions();
  void act(const cip::overlay::LinkOpen& open);
  void act(cip::overlay::LinkWrite& write);
  void act(const cip::overlay::LinkClose& close);
  void act(const cip::overlay::LinkTrust&) {}  // of links over UDX, which this program has none of
  void act(const cip::overlay::LinkHold& hold);
  void accept();
  void serve(cip::overlay::ConnId conn, short events);
  void send(cip::overlay::ConnId conn, Connection& connection);
  void receive(cip::overlay::ConnId conn, Connection& connection);
  void drop(cip::overlay::ConnId conn, bool tell);
  int patience() const;

  cip::overlay::Hub& hub_;
  cip::store::Backend& backend_;
  int listener_ = -1;
  std::map<cip::overlay::ConnId, Connection> connections_;
};

}  // namespace example
