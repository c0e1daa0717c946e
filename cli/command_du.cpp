// cipnode du: what takes the disk of this home, by class and feed.

#include <fmt/format.h>

#include <map>

#include "base/quantity.hpp"
#include "cli/application.hpp"
#include "cli/printer.hpp"
#include "cli/render.hpp"

namespace cip::cli {
namespace {

// Feeds as rows, and below them what each class takes.
class DiskUsePrinter final : public Printer {
 public:
  explicit DiskUsePrinter(Context& context)
      : Printer(context), table_({">bytes", "class", "feed", "topic"}) {}

  void finish() override {
    context_.console.write_out(table_.text(context_.style()));
    if (sums_.empty()) return print_notice(context_, "nothing is stored in this home");
    Pairs pairs;
    for (const auto& [name, sum] : sums_) {
      const auto what = name == "records" ? std::string("values and announces of others")
                                          : "in " + plural(sum.feeds, "feed");
      pairs.add(name, bytes_text(static_cast<double>(sum.bytes)) + " " + what);
    }
    context_.console.write_out("\n" + pairs.text(context_.style()));
  }

 private:
  struct Sum {
    std::uint64_t bytes = 0;
    std::uint64_t feeds = 0;
  };

  void print(const Json& row) override {
    const auto name = text_of(row, "class");
    auto& sum = sums_[name];
    sum.bytes += count_of(row, "bytes");
    if (!row.contains("key")) return;
    ++sum.feeds;
    const auto feed = text_of(row, "name");
    table_.add({bytes_text(number_of(row, "bytes")), name,
                feed.empty() ? text_of(row, "key") : feed, text_of(row, "topic")});
  }

  Table table_;
  std::map<std::string, Sum> sums_;
};

int du(Context& context) {
  DiskUsePrinter printer(context);
  return run(context, {"du"}, printer);
}

}  // namespace

void add_du_command(CommandTree& tree) {
  tree.add(tree.root(), "du", "Node",
           {.purpose = "Show what takes the disk of this home, by class and feed",
            .details = "own: feeds that are written here; kept: feeds that are seeded, and topics "
                       "taken part in; cache: what was only read, and goes when room is needed. "
                       "All of it counts for the quota.",
            .timeout = default_timeout("du"),
            .examples = {"cipnode du", "cipnode du --json | jq -r 'select(.class==\"cache\").key'"},
            .exits = exits_of("du"),
            .run = du});
}

}  // namespace cip::cli
