#include "base/host_port.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace cip;

TEST_CASE("a host and a port are told apart") {
  CHECK(split_host_port("127.0.0.1:49737")->host == "127.0.0.1");
  CHECK(split_host_port("127.0.0.1:49737")->port == 49737);
  CHECK(split_host_port("node-1.example.org:1")->host == "node-1.example.org");
  CHECK(split_host_port(":0")->host.empty());
  CHECK(split_host_port(":0")->port == 0);
}

TEST_CASE("each fault has its name, and nothing is half accepted") {
  const auto fault = [](std::string_view text) { return split_host_port(text).error(); };
  for (const auto* text : {"[::1]:80", "::1", "::1:80", "fe80::1", "[1.2.3.4]:80", "a:b:1"}) {
    CAPTURE(text);
    CHECK(fault(text) == HostPortFault::ipv6);
  }
  for (const auto* text : {"1.2.3.4", "1.2.3.4:", "", ":"}) {
    CAPTURE(text);
    CHECK(fault(text) == HostPortFault::no_port);
  }
  for (const auto* text :
       {":04001", "1.2.3.4:04001", "h:99999", "h:-1", "h:+1", "h:1x", "h: 1", "h:1 "}) {
    CAPTURE(text);
    CHECK(fault(text) == HostPortFault::bad_port);
  }
  for (const auto* text :
       {"300.1.1.1:1", "1.2.3:1", "1.2.3.4.5:1", "ho st:1", " h:1", "h/x:1", "http//h:1"}) {
    CAPTURE(text);
    CHECK(fault(text) == HostPortFault::bad_host);
  }
  CHECK_FALSE(split_host_port(std::string(300, 'a') + ":1"));
}
