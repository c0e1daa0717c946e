#include "cli/suggest.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

namespace cip::cli {
namespace {

bool same(char a, char b) {
  return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
}

// How many edits still look like a slip of the fingers; of a single letter nothing would be left.
std::size_t tolerance(std::string_view word) {
  return word.size() < 2 ? 0 : std::max<std::size_t>(1, word.size() / 3);
}

// A beginning of fewer letters says too little where several words have it.
constexpr std::size_t kLeastBeginning = 2;

bool begins_with(std::string_view candidate, std::string_view word) {
  return !word.empty() && word.size() <= candidate.size() &&
         std::equal(word.begin(), word.end(), candidate.begin(), same);
}

// What users of kubo, mosquitto, nats, git and systemd type for ours.
constexpr std::array<std::pair<std::string_view, std::string_view>, 20> kElsewhere{
    {{"list", "ls"},          {"dir", "ls"},      {"show", "info"},      {"inspect", "info"},
     {"new", "create"},       {"init", "join"},   {"add", "append"},     {"write", "append"},
     {"read", "cat"},         {"tail", "follow"}, {"fetch", "download"}, {"pull", "download"},
     {"daemon", "join"},      {"start", "join"},  {"run", "join"},       {"send", "publish"},
     {"listen", "subscribe"}, {"whoami", "id"},   {"ping", "find"},      {"man", "help"}}};

std::string find_beginning(std::string_view word, const std::vector<std::string>& candidates) {
  const auto begun = [&](const std::string& candidate) { return begins_with(candidate, word); };
  if (word.size() < kLeastBeginning && std::ranges::count_if(candidates, begun) != 1) return {};
  const auto found = std::ranges::find_if(candidates, [&](const std::string& candidate) {
    return !is_destructive(candidate) && begun(candidate);
  });
  return found == candidates.end() ? std::string() : *found;
}

std::string find_synonym(std::string_view word, const std::vector<std::string>& candidates) {
  for (const auto& [theirs, ours] : kElsewhere) {
    const bool meant = word.size() == theirs.size() && begins_with(theirs, word);
    if (meant && std::ranges::find(candidates, ours) != candidates.end()) return std::string(ours);
  }
  return {};
}

std::string find_slip(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  std::size_t best_distance = tolerance(word) + 1;
  for (const auto& candidate : candidates) {
    const auto distance = edit_distance(word, candidate);
    if (is_destructive(candidate) || distance >= best_distance) continue;
    best = candidate;
    best_distance = distance;
  }
  return best;
}

}  // namespace

// Optimal string alignment, three rows of the classic table.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const auto replaced = last[j - 1] + (same(a[i - 1], b[j - 1]) ? 0 : 1);
      row[j] = std::min({replaced, last[j] + 1, row[j - 1] + 1});
      const bool swapped = i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]);
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  if (auto found = find_beginning(word, candidates); !found.empty()) return found;
  if (auto found = find_synonym(word, candidates); !found.empty()) return found;
  return find_slip(word, candidates);
}

bool is_destructive(std::string_view command) {
  constexpr std::array<std::string_view, 5> kThese{"stop", "drop", "truncate", "clear", "unseed"};
  return std::ranges::find(kThese, command) != kThese.end();
}

}  // namespace cip::cli
