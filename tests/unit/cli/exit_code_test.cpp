#include "cli/exit_code.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

namespace cip::cli {

TEST_CASE("every exit code has a class and a meaning of its own") {
  const std::vector<std::string_view> classes = {
      "ok",      "internal",  "usage", "not_found",    "no_route", "timeout",  "unconfirmed",
      "refused", "no_daemon", "busy",  "incompatible", "full",     "conflict", "corrupt"};
  for (std::size_t i = 0; i < classes.size(); ++i) {
    const auto code = node::exit_code_of(static_cast<int>(i));
    CHECK(static_cast<std::size_t>(code) == i);
    CHECK(class_name(code) == classes[i]);
    CHECK_FALSE(meaning(code).empty());
  }
  CHECK(node::exit_code_of(99) == ExitCode::internal);
}

TEST_CASE("an error as JSON has the fields that scripts read") {
  CHECK(
      to_json_text({ExitCode::no_route, "no node answers", "see doctor"}) ==
      R"({"error":{"code":4,"class":"no_route","message":"no node answers","hint":"see doctor"}})");
}

TEST_CASE("bytes that are not UTF-8 do not break the JSON of an error") {
  const auto text = to_json_text({ExitCode::usage, "bad \xff byte", ""});
  CHECK(nlohmann::json::parse(text)["error"]["code"] == 2);
}

}  // namespace cip::cli
