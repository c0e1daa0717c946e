#pragma once

// Everything that `cipnode join` can be told; the members are its flags (cli.md).

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/endpoint.hpp"
#include "base/time.hpp"
#include "node/error.hpp"

namespace cip::node {

struct LogOptions {
  std::string spec;            // "dht=debug,store=info" or one level for all; empty: warnings
  bool json = false;           // --log-format json
  std::filesystem::path file;  // empty: stderr
  // A file of this size becomes FILE.1, in place of the one before it: some 80,000 lines, more than
  // anybody reads, and a node that runs for years fills no disk.
  std::uint64_t max_bytes = 8 << 20;
};

// What streams travel over. automatic: bound TCP with cipnodes, UDX with all others.
enum class Transport : std::uint8_t { automatic, tcp, udx };

// "auto", "tcp", "udx".
std::string_view name_of(Transport transport);
std::optional<Transport> transport_named(std::string_view name);

struct JoinOptions {
  std::filesystem::path home;
  std::string network = "default";
  std::vector<std::string> contacts;  // HOST:PORT as typed; names are resolved when used
  std::optional<Endpoint> listen;     // absent: 0.0.0.0:49737 with the fallbacks of D1
  bool reachable = false;             // --public: declared reachable, one socket is enough
  bool ephemeral = false;
  bool lan = true;               // --no-lan clears it
  bool announce_public = false;  // --announce-public, network `hyperswarm` only
  bool contact_card = false;     // --contact-card
  Transport transport = Transport::automatic;
  std::vector<Bytes32> seed;
  std::vector<Bytes32> allow;  // peer keys; when not empty, only these may connect
  std::vector<Bytes32> deny;
  std::optional<Duration> idle_exit;   // absent: runs until a signal or `stop`
  std::optional<std::uint64_t> quota;  // bytes of disk; absent: the rule of D15
  LogOptions log;

  // What the same start would be told by now, for a reload. Error usage: a setting is wrong, where
  // it stands. Empty: nobody can tell.
  std::function<Outcome<JoinOptions>()> reread;

  // Hidden flags, for the program itself and its tests.
  std::string for_command;  // --for-command: what the node is started for; empty: it is joined
  int ready_fd = -1;        // --ready-fd: the ready object or the error is also written here
  Duration ready_timeout = std::chrono::seconds{10};  // with ready_fd: time for a contact to answer
  // --from-settings: keys of flags beside it whose values come from files or the environment, so
  // that a reload asks those again.
  std::vector<std::string> from_settings;
  std::uint32_t test_nodes = 0;  // --test-nodes N: N light nodes in this process
};

// The arguments after the program name that make `cipnode` run with these options.
std::vector<std::string> join_arguments(const JoinOptions& options);

}  // namespace cip::node
