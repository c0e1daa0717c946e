#include "overlay/transport/udx/mtu_search.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace cip;
using namespace cip::overlay;
using namespace std::chrono_literals;

namespace {

using Verdict = UdxMtuSearch::Verdict;
constexpr std::size_t kEthernet = 1500 - kUdxOverhead;
TimePoint at(Duration time) { return TimePoint{} + time; }

UdxMtuSearch heard(std::size_t ceiling) {
  UdxMtuSearch search;
  search.set_path(ceiling);
  search.on_delivered(kUdxBasePayload);
  return search;
}

// Sizes that a search tries on a path that carries payloads up to `carried`.
std::vector<std::size_t> search_on(UdxMtuSearch& search, std::size_t carried, TimePoint now = {}) {
  std::vector<std::size_t> tried;
  while (const auto size = search.probe(now)) {
    tried.push_back(*size);
    search.on_probe_sent(*size);
    if (*size <= carried) {
      search.on_probe_delivered(now, *size);
    } else {
      search.on_probe_lost(now, *size);
    }
    REQUIRE(tried.size() < 200);
  }
  return tried;
}

}  // namespace

TEST_CASE("ceilings: the link, never below the base, 2,028 to stock, 16 KiB to a cipnode") {
  CHECK(udx_payload_ceiling(1500, false) == 1452);
  CHECK(udx_payload_ceiling(65535, false) == 2028);
  CHECK(udx_payload_ceiling(65535, true) == 16336);
  CHECK(udx_payload_ceiling(9000, true) == 8952);
  CHECK(udx_payload_ceiling(600, true) == 1152);
  CHECK(udx_payload_ceiling(0, false) == 1152);
}

TEST_CASE("a search begins after something was delivered, at the base") {
  UdxMtuSearch search;
  search.set_path(kEthernet);
  CHECK(search.payload() == 1152);
  CHECK_FALSE(search.probe(at(0s)));
  search.on_delivered(20);
  CHECK(search.probe(at(0s)));
}

TEST_CASE("a path without an obstacle takes two probes to 1500") {
  auto search = heard(kEthernet);
  CHECK(search_on(search, kEthernet) == std::vector<std::size_t>{1407, 1452});
  CHECK(search.payload() == 1452);
}

TEST_CASE("one probe is out at a time, and none needs more padding than fits") {
  auto search = heard(kMaxUdxPayload);
  auto proven = search.payload();
  while (const auto size = search.probe(at(0s))) {
    CHECK(*size <= proven + kMaxUdxPadding);
    search.on_probe_sent(*size);
    CHECK_FALSE(search.probe(at(0s)));
    search.on_probe_delivered(at(0s), *size);
    proven = *size;
    CHECK(search.payload() == proven);
  }
  CHECK(proven == kMaxUdxPayload);
}

TEST_CASE("every path is found within 8 bytes, with three losses per size") {
  for (std::size_t carried = 1152; carried <= kEthernet; ++carried) {
    auto search = heard(kEthernet);
    const auto tried = search_on(search, carried);
    CHECK(search.payload() <= carried);
    CHECK(search.payload() + 8 >= carried);
    CHECK(tried.size() <= 20);
  }
}

TEST_CASE("two losses of a size are chance") {
  auto search = heard(kEthernet);
  for (int i = 0; i < 2; ++i) {
    const auto size = *search.probe(at(0s));
    CHECK(size == 1407);
    search.on_probe_sent(size);
    search.on_probe_lost(at(0s), size);
  }
  search.on_probe_sent(*search.probe(at(0s)));
  search.on_probe_delivered(at(0s), 1407);
  CHECK(search.payload() == 1407);
}

TEST_CASE("a search begins anew 10 minutes after it ended, from what is proven") {
  auto search = heard(kEthernet);
  search_on(search, 1300);
  CHECK_FALSE(search.probe(at(599s)));
  search_on(search, kEthernet, at(601s));
  CHECK(search.payload() == kEthernet);
  CHECK_FALSE(search.probe(at(24h)));
}

TEST_CASE("a new path begins at the base, and probes of the old one do not count") {
  auto search = heard(kEthernet);
  search_on(search, kEthernet);
  search.set_path(kMaxStockPayload);
  CHECK(search.payload() == 1152);
  search.on_probe_delivered(at(0s), 1452);
  CHECK(search.payload() == 1152);
  search_on(search, kMaxStockPayload);
  CHECK(search.payload() == kMaxStockPayload);
}

TEST_CASE("a higher ceiling is searched for, a lower one holds at once") {
  auto search = heard(kEthernet);
  search_on(search, 9000);
  search.set_ceiling(8952);
  search_on(search, 9000);
  CHECK(search.payload() == 8952);
  search.set_ceiling(kMaxStockPayload);
  CHECK(search.payload() == kMaxStockPayload);
}

TEST_CASE("two timeouts of a large packet are a black hole; two more end it if small ones arrive") {
  auto search = heard(kEthernet);
  search_on(search, kEthernet);
  CHECK(search.on_rto(at(1s), 1452) == Verdict::none);
  CHECK(search.on_rto(at(2s), 1452) == Verdict::shrink);
  CHECK(search.payload() == 1152);
  CHECK_FALSE(search.probe(at(11s)));
  search.on_delivered(1152);
  CHECK(search.on_rto(at(3s), 1452) == Verdict::none);
  CHECK(search.on_rto(at(5s), 1452) == Verdict::close);
  CHECK(search.probe(at(12s)));
}

TEST_CASE("a path that carries nothing is not closed as a black hole") {
  auto search = heard(kEthernet);
  search_on(search, kEthernet);
  for (int i = 0; i < 300; ++i) CHECK(search.on_rto(at(1s), 1452) != Verdict::close);
  search.on_delivered(1100);
  CHECK(search.on_rto(at(1s), 1452) == Verdict::close);
}

TEST_CASE("timeouts of small packets, and of large ones that arrive in between, are none") {
  auto search = heard(kEthernet);
  search_on(search, kEthernet);
  for (int i = 0; i < 5; ++i) CHECK(search.on_rto(at(1s), 1152) == Verdict::none);
  for (int i = 0; i < 5; ++i) {
    CHECK(search.on_rto(at(1s), 1452) == Verdict::none);
    search.on_delivered(1452);
  }
  CHECK(search.payload() == 1452);
}
