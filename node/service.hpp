#pragma once

// The one front door to a node: a request is a method with JSON parameters, what comes back are
// JSON objects and raw bytes, then success or an Error. The same request runs over the control
// socket of the home's node, in a node started for it, or in this process; the caller cannot tell.
//
//   Handler handler{...};                        // prints
//   RunResult done = run_request(options, {"find", {{"id", key}}}, handler);
//   return done.error ? int(done.error->code) : 0;
//
// Methods. Parameters are the long flags of cli.md in camelCase, results its JSON objects. "?" is
// an optional parameter, durations are milliseconds ("...Ms"), keys are texts as typed. Every
// method takes `timeoutMs`? (0: for ever; its default is method_info().timeout) and `verbose`?
// (what the node logs meanwhile comes as notices). "peer[]" (HOST:PORT, connect there directly) and
// "bootstrap[]" (contacts) are taken by whatever uses the network. Every request but those marked ~
// says for which `network` it is, and a node of another one refuses it (busy); those are about this
// home, and say it when the user did. in: reads RunOptions::input_fd. out: calls on_data. n: many
// results. !: changes something.
//
//   method        parameters                                       results
//   id            -                                                {key, keyHex}             local
//   paths         -                                                {home, identity, ...}     local
//   salvage       dir                                              n: {name, key, saved, ...} local
//   restore       dir                                              {home, key, feeds, ...}   local
//   version       -                                                {version, commit, ...}    local
//   backup        dir                                              {dir, key, bytes, ...}    ~
//   id.export     -                                        out     none                       ~
//   id.import     -                                        in      {key, feeds, topics, ...}  !~
//   health        -                                                {ok, checks[]}             ~
//   status        metrics? (then one result {"text": ...})         status object              ~
//   peers         -                                                n: one per stream          ~
//   routes        -                                                n: one per contact         ~
//   top           intervalMs?, count?                              n: samples, runs           ~
//   du            -                                 n: {class, bytes, key?, name?, topic?}       ~
//   config.reload -                                 {atOnce, atNextStart: [{key, from, to}]}   ~
//   log.level     spec? (floors it does not name stay)             {levels: {floor: level}}   ~
//   size          -                                                {estimate, low, high, ...}
//   stop          makeWay? (of a node started for a command),      {pid}                      ~ !
//                 patienceMs?
//   doctor        -                                                n: {check, ok, code, ...}
//   find          id, kind? peer|topic|feed|node, trace?, hello?   find object (hops with trace)
//   lookup        target                                           n: {key, relays, from, namedBy}
//   announce      target                                           {target, stored, tookMs}   !
//   put           value | valueBase64, key?, seq?                  {hash, stored, ...}        !
//   get           target                                           {value | valueBase64, ...}
//   feed.create   name, compat?, encrypted?, derive?, private?     {name, key, ...}           !
//   feed.ls       -                                                n: info objects with name  ~
//   feed.info     feed                                             info object                ~
//   feed.append   feed, lines?, blockSize?, assumeLatest?, in      {key, length, ...}         !
//                 hadBlocks?, hadBytes?
//   feed.cat      feed, range? "A..B", encryptionKey?,     out     none
//                 skipBytes?
//   feed.download feed, range?, encryptionKey?     progress        {key, blocks, bytes, ...}  !
//   feed.seed     feeds[], listen?, once?                          n: {key...}; with listen, runs:
//                                                                  {event: ready, tcp, keys}
//   feed.unseed   feed                                             {key}                      !
//   feed.follow   feed, from? index | "new", encryptionKey?        n: {key, index, text|data}, runs
//   feed.clear    feed, range, yes? (own feeds)                    {key, cleared}             !
//   feed.truncate feed, length                                     {key, length, ...}         !
//   feed.verify   feed                             progress        {key, blocks, nodes, bad}  ~
//   feed.drop     feed                                             {key}                      !
//   publish       topic, lines?, confirm?, assumeLatest?   in      n: one per message         !
//   subscribe     topic, since?, author?, durable?, count?,        n: {topic, feed, author, seq,
//                 idleMs?, untilSynced?,                              time, text|data}, runs
//                 after? {feed: seq}, begunMs?
//   topic.create  name | private: true                             {topic, id, ...}           !
//   topic.ls      -                                                n                          ~
//   topic.info    topic                                            {topic, id, feeds, ...}    ~
//   topic.drop    topic                                            {topic}                    !
//
// "feed" is KEY|NAME as typed. Input: the whole of it is one block or message; with `lines` every
// line is one (as cli.md says), sent as it comes; with `blockSize` it is cut. Data of others is
// "text" when it is UTF-8, else "data" in base64. A durable cursor moves when on_result returned.
//
// A node that was started for a command makes way for a `join`. Requests under way go on at the new
// node, nothing is answered twice: `after`, `begunMs`, `skipBytes`, `had...` say from where
// (node/continuation.hpp). A change that may have been made is not asked for again: unconfirmed.

#include <csignal>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/time.hpp"
#include "node/error.hpp"
#include "node/join_options.hpp"

namespace cip::node {

// Keeps the order in which fields were written, so that output reads as the documents say.
using Json = nlohmann::ordered_json;

struct Request {
  std::string method;
  Json params = Json::object();
};

// Where the answers of one request go. Called on the thread that called run_request(); a call may
// block (a full pipe): the node then stops sending after 1 MiB.
class Handler {
 public:
  virtual ~Handler() = default;
  virtual void on_result(const Json& object) = 0;
  virtual void on_data(ByteView bytes) { static_cast<void>(bytes); }
  // Asked after each result and piece of data. False ends the request, and what was handed over
  // last does not count as printed: a durable cursor stays before it.
  virtual bool wants_more() const { return true; }
  // {"blocks", "totalBlocks", "bytes"} now and then while something large is fetched.
  virtual void on_progress(const Json& object) { static_cast<void>(object); }
  // One sentence for stderr: a node was started, a contact does not answer.
  virtual void on_notice(std::string_view sentence) { static_cast<void>(sentence); }
};

// Shows nothing.
struct QuietHandler final : Handler {
  void on_result(const Json&) override {}
};

struct MethodInfo {
  std::string_view name;
  Duration timeout;          // default of --timeout; zero: for ever
  bool local = false;        // answered from the home's files, needs no node
  bool changes = false;      // a connection lost after sending is "unconfirmed"
  bool starts_node = true;   // false: no node in the home is error no_daemon
  bool runs = false;         // goes on until a signal; a clean stop is success
  bool any_network = false;  // about this home, whatever network its node is in
  bool repeatable = false;   // changes, but asked for twice is as good as once
};
// nullptr for an unknown method.
const MethodInfo* method_info(std::string_view method);

struct ServiceOptions {
  JoinOptions join;        // home, network, contacts (of --bootstrap), log; used to start a node
  bool no_daemon = false;  // run in this process, under the home's lock
  bool network_given = false;       // the user named join.network; else it is the default
  int input_fd = -1;                // for methods marked "in"; -1: no input. Not closed.
  std::optional<Duration> timeout;  // absent: the method's default
};

struct RunResult {
  std::optional<Error> error;  // absent: done
  int signal = 0;        // SIGINT, SIGTERM or SIGHUP when that ended it (a second one: at once)
  bool running = false;  // a method that "runs" had started before the signal came
};

// Runs one request to its end. Handles SIGINT, SIGTERM and SIGHUP while it does, ignores SIGPIPE.
RunResult run_request(const ServiceOptions& options, const Request& request, Handler& handler);

// `cipnode join`: a node in the foreground until a signal, `stop` or idle exit. Events arrive as
// results, "ready" first. A node of the home that was started for a command makes way for it;
// beside one that was joined this is error busy. With join.test_nodes a swarm of light nodes runs
// instead.
RunResult run_join(const JoinOptions& options, Handler& handler);

// `cipnode join --detach`: starts the same in the background and returns when it is ready (one
// result, the ready event) or has failed (its error). A signal that comes first ends it.
RunResult run_join_detached(const JoinOptions& options, Handler& handler);

}  // namespace cip::node
