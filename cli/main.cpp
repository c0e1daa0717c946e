#ifdef CIP_MIMALLOC
#include <mimalloc.h>
#endif

#include <cerrno>
#include <csignal>
#include <new>

#include "base/crypto.hpp"
#include "cli/application.hpp"
#include "node/ask_running.hpp"
#include "node/process.hpp"

namespace {

// The allocator of the program does not ask the handler of `new`; those of sanitizers and of
// systems do.
void watch_memory() {
  std::set_new_handler(cip::node::end_without_memory);
#ifdef CIP_MIMALLOC
  const auto end = [](int error, void*) {
    if (error == ENOMEM) cip::node::end_without_memory();
  };
  mi_register_error(end, nullptr);
#endif
}

}  // namespace

int main(int argc, char** argv) {
  cip::node::open_standard_streams();
  watch_memory();
  // Writing to a reader that has gone is an error code, not the end.
  std::signal(SIGPIPE, SIG_IGN);
  // The same for a file that reaches a limit of its size.
  std::signal(SIGXFSZ, SIG_IGN);
  if (!cip::init_crypto()) return 1;
  cip::cli::ProcessConsole console;
  const cip::cli::Backend backend{cip::node::run_request, cip::node::run_join,
                                  cip::node::run_join_detached, cip::node::ask_running_node};
  return cip::cli::run_application(std::vector<std::string>(argv + 1, argv + argc),
                                   cip::cli::process_environment(), console, backend);
}
