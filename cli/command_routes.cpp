#include "cli/command_routes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "cli/printer.hpp"
#include "simulations/statistics.hpp"

namespace cip::cli {
namespace {

constexpr std::size_t kBucketPlaces = 20;  // k
constexpr double kMinuteMs = 60'000;

struct Bucket {
  std::vector<double> ages_ms;
  std::vector<double> round_trips_ms;
  std::size_t stale = 0;
};

char letter_of(double age_ms) {
  if (age_ms < kMinuteMs) return '#';
  return age_ms < 10 * kMinuteMs ? '+' : '-';
}

// Latest heard first, stale ones last, then the places that are free.
std::string places_of(Bucket& bucket) {
  std::ranges::sort(bucket.ages_ms);
  std::string out;
  for (const auto age : bucket.ages_ms) out += letter_of(age);
  out.append(bucket.stale, '.');
  if (out.size() < kBucketPlaces) out.append(kBucketPlaces - out.size(), ' ');
  return out;
}

std::string median_text(const std::vector<double>& values) {
  return values.empty() ? "" : duration_text(simulations::percentile_of(values, 0.5));
}

class RoutesPrinter final : public Printer {
 public:
  explicit RoutesPrinter(Context& context) : Printer(context) {}

  void finish() override {
    if (contacts_.empty()) return print_notice(context_, "the routing table is empty");
    context_.console.write_out(table_.text(context_.style()));
    if (!context_.console.out_is_terminal) return;
    context_.console.write_out("\n" + bucket_picture(contacts_));
  }

 private:
  void print(const Json& contact) override {
    contacts_.push_back(contact);
    const bool measured = contact.value("rttMs", Json()).is_number();
    table_.add({count_text(count_of(contact, "bucket")), short_text(text_of(contact, "node"), 16),
                text_of(contact, "address"),
                measured ? duration_text(number_of(contact, "rttMs")) : "",
                duration_text(number_of(contact, "seenMs")) + " ago",
                flag_of(contact, "stale") ? "stale" : ""});
  }

  std::vector<Json> contacts_;
  Table table_{{">bucket", "node", "address", ">round trip", ">seen", "state"}};
};

}  // namespace

std::string bucket_picture(const std::vector<Json>& contacts) {
  std::map<std::uint64_t, Bucket> buckets;
  for (const auto& contact : contacts) {
    auto& bucket = buckets[count_of(contact, "bucket")];
    if (flag_of(contact, "stale")) {
      ++bucket.stale;
    } else {
      bucket.ages_ms.push_back(number_of(contact, "seenMs"));
    }
    if (contact.value("rttMs", Json()).is_number()) {
      bucket.round_trips_ms.push_back(number_of(contact, "rttMs"));
    }
  }
  std::string out = fmt::format("{:>6}  {:22}  {:>10}\n", "bucket", "", "round trip");
  for (auto& [number, bucket] : buckets) {
    out += fmt::format("{:>6}  [{}]  {:>10}\n", number, places_of(bucket),
                       median_text(bucket.round_trips_ms));
  }
  return out + fmt::format(
                   "{} in {}; heard of within a minute #, ten minutes +, longer ago -, "
                   "stale .\n",
                   plural(contacts.size(), "contact"), plural(buckets.size(), "bucket"));
}

int show_routes(Context& context) {
  RoutesPrinter printer(context);
  return run(context, {"routes"}, printer);
}

}  // namespace cip::cli
