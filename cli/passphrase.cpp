#include "cli/passphrase.hpp"

#include <fmt/format.h>

#include "cli/files.hpp"
#include "node/sealed_export.hpp"

namespace cip::cli {
namespace {

Outcome<std::string> checked_passphrase(std::string passphrase) {
  if (passphrase.empty()) return usage_error("the passphrase is empty", "use some words");
  if (passphrase.size() <= node::kLargestPassphrase) return passphrase;
  return usage_error(
      fmt::format("the passphrase is longer than {} bytes", node::kLargestPassphrase),
      "see that it is the file that was meant");
}

// The newline that an editor leaves at its end is no part of it.
Outcome<std::string> passphrase_in_file(const std::string& file) {
  auto text = read_file(file, "the passphrase", node::kLargestPassphrase + 2);
  if (!text) return text;
  if (text->ends_with('\n')) text->pop_back();
  if (text->ends_with('\r')) text->pop_back();
  return checked_passphrase(std::move(*text));
}

}  // namespace

Outcome<std::string> read_passphrase(Context& context, const std::string& file, Typed typed) {
  if (!file.empty()) return passphrase_in_file(file);
  auto given = context.console.ask_secret("Passphrase: ");
  if (!given) {
    return usage_error("nobody is at a terminal to type the passphrase",
                       "name a file that holds it: --passphrase-file FILE");
  }
  if (typed == Typed::once) return checked_passphrase(std::move(*given));
  const auto again = context.console.ask_secret("Once more: ");
  if (again == given) return checked_passphrase(std::move(*given));
  return usage_error("the two passphrases differ", "type it once more");
}

}  // namespace cip::cli
