// cipnode_pages, a part of the build: writes what is installed beside the program and follows from
// its tree of commands, laid out as below share/.
//
//   cipnode_pages DIR PROTOCOL VERSION DATE
//
// DIR is emptied first. PROTOCOL is docs/protocol.md, for DATE see Edition.

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "cli/application.hpp"
#include "cli/completion.hpp"
#include "cli/pages/command_page.hpp"
#include "cli/pages/configuration_page.hpp"
#include "cli/pages/protocol_page.hpp"

namespace cip::cli::pages {
namespace {

namespace fs = std::filesystem;

void write(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream file(path, std::ios::binary);
  file << text;
  if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
}

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) throw std::runtime_error("cannot read " + path.string());
  return text.str();
}

void write_pages(const fs::path& folder, const fs::path& protocol, const Edition& edition) {
  CommandTree tree;
  add_all_commands(tree);
  for (const auto* app : shown_commands(tree)) {
    write(folder / "man1" / (page_name(*app) + ".1"), command_page(tree, *app, edition));
  }
  write(folder / "man5" / "cipnode-config.5", configuration_page(tree, edition));
  const auto page = protocol_page(read(protocol), edition);
  if (!page) throw std::runtime_error(protocol.string() + ": not the Markdown that pages can hold");
  write(folder / "man7" / "cipnode-protocol.7", *page);
}

// Where each shell looks by itself.
void write_completions(const fs::path& share) {
  write(share / "bash-completion/completions/cipnode", completion_script("bash"));
  write(share / "zsh/site-functions/_cipnode", completion_script("zsh"));
  write(share / "fish/vendor_completions.d/cipnode.fish", completion_script("fish"));
}

}  // namespace
}  // namespace cip::cli::pages

int main(int argc, char** argv) {
  namespace pages = cip::cli::pages;
  if (argc != 5) {
    std::fputs("usage: cipnode_pages DIR PROTOCOL VERSION DATE\n", stderr);
    return 2;
  }
  try {
    const std::filesystem::path share = argv[1];
    std::filesystem::remove_all(share);
    pages::write_pages(share / "man", argv[2], {std::string("cipnode ") + argv[3], argv[4]});
    pages::write_completions(share);
    return 0;
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "cipnode_pages: %s\n", problem.what());
    return 1;
  }
}
