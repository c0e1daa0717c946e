#pragma once

// SIGINT, SIGTERM and SIGHUP as a fact that everything in this process can see: a loop, and what
// blocks outside of any, such as a write into a full pipe or the wait for another program.

#include <csignal>
#include <vector>

namespace cip::node {

// SIGHUP of a terminal that closes, unless it is ignored (nohup).
enum class Hangup { ends, is_for_others };

// While one lives, the first signal is remembered, and a second SIGINT or SIGTERM ends the process
// at once (128 + signal), whatever it waits for. One at a time.
class SignalCatcher {
 public:
  explicit SignalCatcher(Hangup hangup = Hangup::ends);
  SignalCatcher(const SignalCatcher&) = delete;
  SignalCatcher& operator=(const SignalCatcher&) = delete;
  ~SignalCatcher();

 private:
  struct Caught {
    int signal;
    struct sigaction before;
  };
  std::vector<Caught> caught_;
};

// The first signal since the last SignalCatcher was made; 0: none. Any thread may ask.
int caught_signal();
// Becomes readable by that signal and stays so: to be polled, never read. -1: nothing was ever
// caught in this process.
int signal_descriptor();

}  // namespace cip::node
