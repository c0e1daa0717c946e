#include "cli/render.hpp"

#include <doctest/doctest.h>

namespace cip::cli {

TEST_CASE("numbers are grouped and have units") {
  CHECK(count_text(0) == "0");
  CHECK(count_text(999) == "999");
  CHECK(count_text(1000) == "1,000");
  CHECK(count_text(1234567) == "1,234,567");
  CHECK(bytes_text(0) == "0 B");
  CHECK(bytes_text(999) == "999 B");
  CHECK(bytes_text(1000) == "1 kB");
  CHECK(bytes_text(1234) == "1.23 kB");
  CHECK(bytes_text(999999) == "1 MB");
  CHECK(bytes_text(20'971'520) == "21 MB");
  CHECK(bytes_text(5e15) == "5000 TB");
  CHECK(plural(1, "peer") == "1 peer");
  CHECK(plural(0, "peer") == "0 peers");
}

TEST_CASE("durations are short at every scale") {
  CHECK(duration_text(0.416) == "0.42 ms");
  CHECK(duration_text(12) == "12 ms");
  CHECK(duration_text(999.4) == "999 ms");
  CHECK(duration_text(3400) == "3.4 s");
  CHECK(duration_text(125'000) == "2 min 5 s");
  CHECK(duration_text(120'000) == "2 min");
  CHECK(duration_text(11'000'000) == "3 h 3 min");
  CHECK(duration_text(2 * 86'400'000.0 + 4 * 3'600'000.0) == "2 d 4 h");
  CHECK(duration_text(-1) == "0 ms");
  CHECK(duration_flag_text(0) == "0");
  CHECK(duration_flag_text(20'000'000) == "20s");
  CHECK(duration_flag_text(3'600'000'000) == "1h");
  CHECK(duration_flag_text(1500) == "1500us");
}

TEST_CASE("pairs align their values and leave empty ones out") {
  Pairs pairs;
  pairs.add("key", "abc");
  pairs.add("nothing", "");
  pairs.add("address", "x");
  CHECK(pairs.text({}) == "key      abc\naddress  x\n");
  CHECK(pairs.text({.colour = true}) == "\x1b[2mkey    \x1b[0m  abc\n\x1b[2maddress\x1b[0m  x\n");
}

TEST_CASE("tables align columns, numbers to the right") {
  Table table({"name", ">blocks", "state"});
  table.add({"log", "12", ""});
  table.add({"größe", "1,000", "own"});
  CHECK(table.text({}) ==
        "name   blocks  state\n"
        "log        12\n"
        "größe   1,000  own\n");
}

TEST_CASE("cells of others are one line without control characters on a terminal") {
  Table table({"name"});
  table.add({"a\x1b[31m\nb"});
  CHECK(table.text({.escape = true}) == "name\na\\x1b[31m\\nb\n");
  CHECK(table.text({}) == "name\na\x1b[31m\nb\n");
}

TEST_CASE("progress shows share, rate and time left, and fits the terminal") {
  const ProgressState state{
      .share = 0.5, .done = "5 of 10 blocks", .per_second = 2e6, .left_ms = 2500};
  CHECK(progress_text(state, 100) ==
        "[############------------]  50 %  5 of 10 blocks  2 MB/s  3 s left");
  CHECK(progress_text(state, 20).size() <= 19);
  CHECK(progress_text({.share = -1, .done = "7 blocks"}, 80) == "7 blocks");
  CHECK(progress_text(state, 40) == " 50 %  5 of 10 blocks  2 MB/s  3 s left");
  CHECK(progress_text(state, 20) == " 50 %  2 MB/s  3 s ");
  CHECK(progress_text({.share = 2, .done = "x"}, 80) == "[########################] 100 %  x");
}

TEST_CASE("a narrow terminal still shows the time left") {
  const ProgressState state{
      .share = 0.42,
      .done = "4,211 of 10,000 lookups, run 1 of 3, 1,234,567 events/s, 1.2 GB",
      .per_second = 0,
      .left_ms = 3'723'000};
  for (const int columns : {200, 100, 80, 60, 40}) {
    const auto text = progress_text(state, columns);
    CAPTURE(text);
    CHECK(text.size() < static_cast<std::size_t>(columns));
    CHECK(text.ends_with("1 h 2 min left"));
    CHECK(text.find("42 %") != std::string::npos);
  }
}

}  // namespace cip::cli
