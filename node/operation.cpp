#include "node/operation.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace cip::node {

void Operation::handle_deadline() {
  out_.fail({ExitCode::timeout, "time ran out before the work was done",
             "allow more with --timeout DURATION"});
}

std::string Params::text(const char* name, std::string fallback) {
  if (!has(name)) return fallback;
  if (object_[name].is_string()) return object_[name].get<std::string>();
  wrong(name, "a text");
  return {};
}

std::string Params::required_text(const char* name) {
  auto value = text(name);
  if (value.empty()) wrong(name, "a text");
  return value;
}

bool Params::flag(const char* name, bool fallback) {
  if (!has(name)) return fallback;
  if (object_[name].is_boolean()) return object_[name].get<bool>();
  wrong(name, "true or false");
  return fallback;
}

std::optional<std::uint64_t> Params::number(const char* name) {
  if (!has(name)) return std::nullopt;
  // What JSON carries exactly.
  constexpr std::uint64_t kLargest = (std::uint64_t{1} << 53) - 1;
  const bool whole = object_[name].is_number_unsigned();
  if (whole && object_[name].get<std::uint64_t>() <= kLargest) {
    return object_[name].get<std::uint64_t>();
  }
  wrong(name, "a number from 0 to 2^53 - 1");
  return std::nullopt;
}

std::string Params::text_or_number(const char* name) {
  if (has(name) && object_[name].is_number_unsigned()) return object_[name].dump();
  return text(name);
}

std::optional<Duration> Params::duration(const char* name) {
  if (!has(name)) return std::nullopt;
  const auto& value = object_[name];
  // A bound keeps the sum with the clock inside its range; nobody waits ten years.
  constexpr double kTenYearsMs = 315'360'000'000;
  if (value.is_number() && value.get<double>() >= 0) {
    const auto millis = std::min(value.get<double>(), kTenYearsMs);
    return Duration(static_cast<Duration::rep>(millis * 1000));
  }
  wrong(name, "milliseconds");
  return std::nullopt;
}

std::vector<std::string> Params::texts(const char* name) {
  std::vector<std::string> out;
  if (!has(name)) return out;
  const auto& list = object_[name];
  if (!list.is_array()) return wrong(name, "a list of texts"), out;
  for (const auto& item : list) {
    if (!item.is_string()) return wrong(name, "a list of texts"), std::vector<std::string>{};
    out.push_back(item.get<std::string>());
  }
  return out;
}

std::vector<std::string> Params::required_texts(const char* name) {
  auto list = texts(name);
  const auto is_empty = [](const std::string& text) { return text.empty(); };
  if (list.empty() || std::ranges::any_of(list, is_empty)) wrong(name, "a list of texts");
  return list;
}

std::map<std::string, std::uint64_t> Params::numbers(const char* name) {
  std::map<std::string, std::uint64_t> out;
  if (!has(name)) return out;
  const auto& object = object_[name];
  const auto is_number = [](const auto& member) { return member.is_number_unsigned(); };
  if (!object.is_object() || !std::ranges::all_of(object, is_number)) {
    return wrong(name, "an object of numbers"), out;
  }
  for (const auto& [key, value] : object.items()) out[key] = value.template get<std::uint64_t>();
  return out;
}

void Params::wrong(const char* name, const char* wanted) {
  if (error_) return;
  error_ = Error{ExitCode::usage, fmt::format("the parameter {} must be {}", name, wanted), {}};
}

}  // namespace cip::node
