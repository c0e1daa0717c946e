#include "node/daemon.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <asio/steady_timer.hpp>

#include "base/text.hpp"
#include "node/card_keeper.hpp"
#include "node/clock.hpp"
#include "node/contact_keeper.hpp"
#include "node/control_server.hpp"
#include "node/database_keeper.hpp"
#include "node/descriptors.hpp"
#include "node/dht_settings.hpp"
#include "node/disk_keeper.hpp"
#include "node/event_log.hpp"
#include "node/feed_library.hpp"
#include "node/handlers/handlers.hpp"
#include "node/home_watch.hpp"
#include "node/idle_watch.hpp"
#include "node/lan_discovery.hpp"
#include "node/loading.hpp"
#include "node/log.hpp"
#include "node/log_levels.hpp"
#include "node/name_lookup.hpp"
#include "node/open_home.hpp"
#include "node/participant.hpp"
#include "node/record_keeper.hpp"
#include "node/reload.hpp"
#include "node/system_random.hpp"
#include "node/topic_library.hpp"

namespace cip::node {

namespace {

// Unannouncing takes a round trip or two; who does not answer by then is left.
constexpr Duration kGoodbye = std::chrono::milliseconds(1000);
constexpr Duration kGoodbyeStep = std::chrono::milliseconds(5);
// While nothing is answered for so long, nobody is there to be told.
constexpr Duration kGoodbyeSilence = std::chrono::milliseconds(300);
// A node that makes way for another finishes what it writes; a change that takes longer is cut, and
// unconfirmed.
constexpr Duration kFinishTime = std::chrono::seconds(10);
constexpr Duration kReadyStep = std::chrono::milliseconds(10);
// Neighbours on the local network are heard within this, if there are any.
constexpr Duration kNeighbourPatience = std::chrono::seconds(1);
constexpr Duration kSaveEvery = std::chrono::minutes(1);
constexpr Duration kIdleCheckEvery = std::chrono::milliseconds(500);
// The part of the quota that records stored for others may take; with the default quota the bounds
// of their tables are met first.
constexpr std::uint64_t kRecordsShare = 10;

}  // namespace

class Daemon::Impl {
 public:
  Impl(asio::io_context& context, JoinOptions join, HomeRole home_role, OpenHome opened)
      : io(context),
        options(std::move(join)),
        role(home_role),
        paths(std::move(opened.paths)),
        lock(std::move(opened.lock)),
        identity(std::move(opened.identity)),
        backend(std::move(opened.backend)),
        pool(std::make_unique<StoragePool>(io, *backend)),
        mark(*pool, paths.mark),
        database_keeper(io, *backend, *pool),
        contacts(io, storage, options.network),
        handlers(all_handlers()),
        timer(io),
        save_timer(io),
        ready_timer(io) {
    pool->serve(storage);
    options.home = paths.home;
  }

  Outcome<void> open_network();
  Outcome<void> open_control(Service& service);
  void begin(std::function<void(const Json&)> on_event, OnStopped stopped_callback);
  void home_removed();
  void restore_records();
  void load();
  void seed(const Bytes32& key, std::function<void()> done);
  void set_idle_exit();
  std::uint64_t quota() const { return options.quota.value_or(default_quota(paths.home)); }
  Outcome<SettingChanges> reload();
  void announce_ready(TimePoint until);
  bool is_for_a_command() const { return role == HomeRole::for_command; }
  void look_for_duplicate(Now time);
  void start_lan();
  void make_way(Duration patience);
  void wait_for_changes(TimePoint until);
  void begin_stop();
  void wait_for_goodbye(TimePoint until, std::uint64_t answers, TimePoint silent_since);
  void finish_stop();
  void watch_idle();
  void save_later();
  void save_own_dates();
  void tell(const dht::Event& event);
  void tell(const overlay::HubEvent& event);
  void emit(const Json& event);
  Json ready() const;

  asio::io_context& io;
  JoinOptions options;
  HomeRole role;
  HomePaths paths;
  HomeLock lock;
  Identity identity;
  SystemRandom random;
  dht::ContactArena arena;
  std::unique_ptr<store::Backend> backend;
  store::StorageRequests storage;
  std::unique_ptr<StoragePool> pool;
  HomeMark mark;
  DatabaseKeeper database_keeper;
  std::unique_ptr<RecordKeeper> records;
  std::unique_ptr<Participant> participant;
  std::unique_ptr<FeedLibrary> feeds;
  std::unique_ptr<DiskKeeper> disk;
  std::unique_ptr<TopicLibrary> topics;
  std::unique_ptr<CardKeeper> card;
  std::unique_ptr<LanDiscovery> lan;
  ContactKeeper contacts;
  std::vector<Endpoint> named_contacts;  // with an address
  Loading loading{io};
  bool has_duplicate = false;
  HandlerTable handlers;
  std::unique_ptr<ControlServer> control;
  Listeners<dht::Event>::Listening dht_listening;
  Listeners<overlay::HubEvent>::Listening hub_listening;
  Listeners<Json> events;
  Listeners<Json>::Listening own_events;
  bool is_ready = false;
  std::vector<Json> early_events;
  OnStopped on_stopped;
  std::optional<Error> failure;
  std::optional<HomeWatch> home_watch;
  std::optional<IdleWatch> idle;
  TimePoint started = now().mono;
  asio::steady_timer timer, save_timer, ready_timer;
  bool leaving = false;  // makes way for another node
  bool stopping = false;
  std::shared_ptr<char> alive = std::make_shared<char>();
};

Outcome<void> Daemon::Impl::open_network() {
  ParticipantOptions wanted;
  wanted.identity = identity.peer;
  wanted.dht = dht_options(options);
  wanted.dht.tell_record_changes = true;
  wanted.listen = options.listen;
  wanted.reachable = options.reachable;
  wanted.transport = options.transport;
  wanted.allow = options.allow;
  wanted.deny = options.deny;
  wanted.most_connections = share_descriptors(raise_descriptor_limit()).streams;
  wanted.dht.known = contacts.load(*backend);
  named_contacts = wanted.dht.bootstrap;
  auto opened = Participant::open({io, arena, random, *pool}, std::move(wanted));
  if (!opened) return tl::unexpected(opened.error());
  participant = std::move(*opened);
  const bool announce = options.network != kPublicNetwork || options.announce_public;
  feeds =
      std::make_unique<FeedLibrary>(*participant, storage, identity.primary_key, random, announce);
  disk = std::make_unique<DiskKeeper>(io, *feeds, storage, quota());
  topics = std::make_unique<TopicLibrary>(*participant, *feeds, storage, backend->instance(),
                                          announce, mark);
  disk->on_give_up = [this](store::FeedNumber number) { topics->give_up(number); };
  disk->on_topics_full = [this](bool full) { topics->set_full(full); };
  records = std::make_unique<RecordKeeper>(storage, options.network, disk->quota() / kRecordsShare);
  disk->other_bytes = [this] { return records->bytes(); };
  card = std::make_unique<CardKeeper>(*participant, storage, options.network);
  participant->on_record_change = [this](Now time, dht::RecordChange change) {
    records->take(time, std::move(change));
  };
  participant->on_turn = [this](Now time) {
    topics->handle_turn(time);
    look_for_duplicate(time);
    while (const auto target = participant->republisher().poll_let_go()) {
      records->forget_own(time, *target);
    }
  };
  participant->next_other_timeout = [this] { return topics->next_timeout(); };
  participant->on_feed_news = [this](const overlay::FeedNews& news) { feeds->handle(news); };
  return {};
}

Outcome<void> Daemon::Impl::open_control(Service& service) {
  if (role == HomeRole::in_process) return {};
  auto server = ControlServer::open(io, paths, service);
  if (!server) return tl::unexpected(server.error());
  control = std::move(*server);
  lock.set_state(HomeState::running);
  return {};
}

void Daemon::Impl::begin(std::function<void(const Json&)> on_event, OnStopped stopped_callback) {
  on_stopped = std::move(stopped_callback);
  own_events = events.listen(std::move(on_event));
  dht_listening = participant->dht_events.listen([this](const auto& event) { tell(event); });
  hub_listening = participant->hub_events.listen([this](const auto& event) { tell(event); });
  participant->start();
  restore_records();
  card->start(*backend, options.contact_card);
  contacts.start(*participant, *backend, named_contacts, options.contacts);
  if (options.lan) start_lan();
  const bool has_neighbours = lan && lan->problem().empty();
  const auto patience = contacts.has_some() ? kReadyPatience
                        : has_neighbours    ? kNeighbourPatience
                                            : Duration::zero();
  contacts.expect_until(now().mono + patience);
  load();
  save_later();
  set_idle_exit();
  if (role != HomeRole::in_process) home_watch.emplace(io, lock, [this] { home_removed(); });
  // Who waits for this node to be ready does not wait longer than it said; 0: for ever.
  const bool is_patient = options.ready_timeout == Duration::zero();
  announce_ready(now().mono +
                 (is_patient ? kReadyPatience : std::min(kReadyPatience, options.ready_timeout)));
}

// What answers depend on; the ready event and requests wait for it.
void Daemon::Impl::load() {
  disk->start([part = loading.part()] {});
  feeds->start(loading.part());
  topics->start(loading.part());
  for (const auto& key : options.seed) seed(key, [part = loading.part()] {});
  loading.all_begun();
}

void Daemon::Impl::seed(const Bytes32& key, std::function<void()> done) {
  FeedQuery query;
  query.key = key;
  query.disk_class = store::DiskClass::kept;
  feeds->open(std::move(query), "join --seed",
              [this, done = std::move(done)](const Outcome<FeedUse>& use) {
                if (!use) return done();
                feeds->set_seeded(use->number(), true, [done](const Outcome<void>&) { done(); });
              });
}

Outcome<SettingChanges> Daemon::Impl::reload() {
  if (!options.reread) return fail_with(ExitCode::refused, "this node has no settings to ask", "");
  const auto wanted = options.reread();
  if (!wanted) return tl::unexpected(wanted.error());
  auto changes = compare_settings(options, *wanted);
  const auto before = std::exchange(options, with_reloaded(options, *wanted));
  if (before.log.spec != options.log.spec) {
    if (auto done = reset_log_levels(options.log.spec); !done) return tl::unexpected(done.error());
  }
  if (before.idle_exit != options.idle_exit) set_idle_exit();
  disk->set_quota(quota());
  records->set_most_bytes(quota() / kRecordsShare);
  contacts.resolve(options.contacts);
  for (const auto& key : options.seed) {
    if (std::ranges::find(before.seed, key) == before.seed.end()) seed(key, [] {});
  }
  for (const auto& change : changes.at_once) {
    log(Floor::node, LogLevel::info, "{} is {} from now on", change.key,
        change.to.is_null() ? std::string("at its default") : change.to.dump());
  }
  return changes;
}

// Before the first datagram is read, so that nobody is told of less than was stored here.
void Daemon::Impl::restore_records() {
  const auto time = now();
  participant->dht().restore_records(time, RecordKeeper::load(*backend, options.network));
  for (auto& own : RecordKeeper::load_own(*backend, options.network)) {
    participant->republisher().keep(time, std::move(own.value), own.until);
  }
}

void Daemon::Impl::announce_ready(TimePoint until) {
  // Who started this node for a command waits for the home, not for the network.
  const bool settled = is_for_a_command() || (participant->has_settled() && !contacts.is_looking());
  if (!loading.is_done() || (!settled && now().mono < until)) {
    ready_timer.expires_after(kReadyStep);
    ready_timer.async_wait([this, until, weak = std::weak_ptr(alive)](std::error_code error) {
      if (!error && !weak.expired() && !stopping) announce_ready(until);
    });
    return;
  }
  events.tell(ready());
  is_ready = true;
  for (const auto& event : std::exchange(early_events, {})) emit(event);
  log(Floor::node, LogLevel::info, "ready on {}", to_string(participant->local()));
}

// Only private overlays look for neighbours (D16).
void Daemon::Impl::start_lan() {
  if (options.network == kPublicNetwork) return;
  LanOptions wanted;
  wanted.network = options.network;
  wanted.listen_ip = participant->local().ip;
  wanted.port = participant->local().port;
  lan = std::make_unique<LanDiscovery>(io, std::move(wanted), random, [this](Endpoint neighbour) {
    log(Floor::node, LogLevel::debug, "neighbour {}", to_string(neighbour));
    participant->dht().introduce(now(), neighbour);
    participant->changed();
  });
  if (!lan->problem().empty()) {
    log(Floor::node, LogLevel::warning, "no local discovery: {}", lan->problem());
  }
}

// New requests are refused from now on, before anything is done for them; they go to the new node.
void Daemon::Impl::make_way(Duration patience) {
  if (leaving || stopping) return;
  leaving = true;
  lock.set_state(HomeState::leaving);
  log(Floor::node, LogLevel::info, "making way for a node that is joined");
  control->move();
  wait_for_changes(now().mono + std::min(patience, kFinishTime));
}

void Daemon::Impl::wait_for_changes(TimePoint until) {
  if (control->changes() == 0 || now().mono >= until) {
    control->move();
    return begin_stop();
  }
  timer.expires_after(kGoodbyeStep);
  timer.async_wait([this, until, weak = std::weak_ptr(alive)](std::error_code error) {
    if (!error && !weak.expired() && !stopping) wait_for_changes(until);
  });
}

void Daemon::Impl::home_removed() {
  if (stopping) return;
  std::error_code error;
  const bool lock_alone = std::filesystem::exists(paths.identity, error);
  failure =
      lock_alone
          ? Error{ExitCode::internal,
                  fmt::format("the file {} was removed while its node ran", paths.lock.string()),
                  "start the node again; without that file two nodes could use one home"}
          : Error{ExitCode::corrupt,
                  fmt::format("the home {} was removed while its node ran", paths.home.string()),
                  "what it held is lost; cipnode restore brings a backup back"};
  log(Floor::node, LogLevel::error, "{}", failure->message);
  begin_stop();
}

void Daemon::Impl::begin_stop() {
  if (std::exchange(stopping, true)) return;
  events.tell({{"event", "stopping"}});
  lock.set_state(HomeState::leaving);
  // Requests end first, while the machines they watch are still there.
  control.reset();
  lan.reset();
  timer.cancel();
  save_timer.cancel();
  ready_timer.cancel();
  contacts.save();
  participant->say_goodbye();
  const auto time = now().mono;
  wait_for_goodbye(time + kGoodbye, participant->dht().stats().replies_received, time);
}

void Daemon::Impl::wait_for_goodbye(TimePoint until, std::uint64_t answers,
                                    TimePoint silent_since) {
  timer.expires_after(kGoodbyeStep);
  timer.async_wait(
      [this, until, answers, silent_since, weak = std::weak_ptr(alive)](std::error_code error) {
        if (error || weak.expired()) return;
        const auto time = now().mono;
        const auto heard = participant->dht().stats().replies_received;
        const auto silent = heard == answers ? silent_since : time;
        const bool over = time >= until || time - silent >= kGoodbyeSilence;
        if (over || participant->said_goodbye()) return finish_stop();
        wait_for_goodbye(until, heard, silent);
      });
}

void Daemon::Impl::finish_stop() {
  participant->stop();
  save_own_dates();
  records->flush();
  if (on_stopped) on_stopped(failure);
}

void Daemon::Impl::set_idle_exit() {
  idle.reset();
  if (!options.idle_exit || role == HomeRole::in_process) return;
  idle.emplace(*options.idle_exit);
  watch_idle();
}

void Daemon::Impl::watch_idle() {
  timer.expires_after(kIdleCheckEvery);
  timer.async_wait([this, weak = std::weak_ptr(alive)](std::error_code error) {
    if (error || weak.expired() || stopping || !idle) return;
    const bool busy = control->requests() > 0 || feeds->seeded_count() > 0;
    if (idle->should_leave(now().mono, {busy, feeds->holds_unshared_blocks()})) {
      log(Floor::node, LogLevel::info, "nobody needs this node any more");
      return begin_stop();
    }
    watch_idle();
  });
}

void Daemon::Impl::save_later() {
  save_timer.expires_after(kSaveEvery);
  save_timer.async_wait([this, weak = std::weak_ptr(alive)](std::error_code error) {
    if (error || weak.expired() || stopping) return;
    contacts.save();
    save_own_dates();
    save_later();
  });
}

// Says so when another holder of the identity was met, and when it is gone.
void Daemon::Impl::look_for_duplicate(Now) {
  const auto& met = participant->duplicates().met();
  if (met.has_value() == has_duplicate) return;
  has_duplicate = met.has_value();
  if (met) {
    return log(Floor::node, LogLevel::error,
               "another node with the identity of this home runs at {}: nothing is appended here "
               "while it does",
               to_string(met->at));
  }
  log(Floor::node, LogLevel::warning,
      "the other node with the identity of this home has not answered for a minute");
  // It may have appended meanwhile.
  feeds->ask_lengths_again();
}

// A clock that was set right must not end what was put while it was wrong.
void Daemon::Impl::save_own_dates() {
  const auto time = now();
  for (const auto& own : participant->republisher().take_moved(time)) {
    records->keep_own(time, own.value, own.until);
  }
}

// The ready line is the first.
void Daemon::Impl::emit(const Json& event) {
  if (is_ready) return events.tell(event);
  early_events.push_back(event);
}

void Daemon::Impl::tell(const dht::Event& event) {
  log_event(event);
  if (const auto* ready_event = std::get_if<dht::Ready>(&event)) {
    if (!ready_event->reached && !options.contacts.empty()) {
      log(Floor::dht, LogLevel::warning, "no contact answers yet; it keeps trying");
    }
  }
  const auto* changed = std::get_if<dht::StateChanged>(&event);
  if (!changed) return;
  Json line{{"event", "persistent"},
            {"persistent", changed->persistent},
            {"reachable", !changed->firewalled},
            {"node", to_hex(changed->id.bytes)}};
  line["address"] = changed->address ? Json(to_string(*changed->address)) : Json(nullptr);
  emit(line);
}

void Daemon::Impl::tell(const overlay::HubEvent& event) {
  log_event(event);
  const auto peer_line = [](const overlay::StreamInfo& stream, const char* state) {
    return Json{{"event", "peer"},
                {"key", to_z32(stream.peer)},
                {"state", state},
                {"direction", stream.outgoing ? "out" : "in"},
                {"address", to_string(stream.remote.address)}};
  };
  if (const auto* up = std::get_if<overlay::StreamUp>(&event)) {
    emit(peer_line(up->stream, "connected"));
  }
  if (const auto* down = std::get_if<overlay::StreamDown>(&event)) {
    auto line = peer_line(down->stream, "closed");
    line["reason"] = down->reason;
    emit(line);
  }
}

Json Daemon::Impl::ready() const {
  Json event{{"event", "ready"}};
  add_key(event, identity.peer.public_key);
  event["node"] = to_hex(participant->dht().id().bytes);
  event["udp"] = to_string(participant->local());
  event["tcp"] = to_string(participant->local());
  event["home"] = paths.home.string();
  event["pid"] = ::getpid();
  return event;
}

Outcome<std::unique_ptr<Daemon>> Daemon::open(asio::io_context& io, JoinOptions options,
                                              HomeRole role) {
  SystemRandom random;
  auto opened = open_home(options, role, random);
  if (!opened) return tl::unexpected(opened.error());
  auto impl = std::make_unique<Impl>(io, std::move(options), role, std::move(*opened));
  if (auto network = impl->open_network(); !network) return tl::unexpected(network.error());
  std::unique_ptr<Daemon> daemon(new Daemon(std::move(impl)));
  if (auto control = daemon->impl_->open_control(*daemon); !control) {
    return tl::unexpected(control.error());
  }
  return daemon;
}

Daemon::Daemon(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Daemon::~Daemon() = default;

void Daemon::start(std::function<void(const Json&)> on_event, OnStopped on_stopped) {
  impl_->begin(std::move(on_event), std::move(on_stopped));
}

void Daemon::stop() { impl_->begin_stop(); }
void Daemon::make_way(Duration patience) { impl_->make_way(patience); }

Outcome<std::unique_ptr<Operation>> Daemon::make_operation(const Request& request, Output& out) {
  const auto found = impl_->handlers.find(request.method);
  if (found == impl_->handlers.end()) {
    return fail_with(ExitCode::incompatible,
                     fmt::format("the running node knows no method {}", request.method),
                     "it may be of another version: stop it with: cipnode stop");
  }
  if (impl_->stopping || impl_->leaving) {
    return fail_with(ExitCode::no_daemon, "the node is stopping", "try again");
  }
  const auto network = Params(request.params).text("network", impl_->options.network);
  if (network != impl_->options.network) {
    return fail_with(
        ExitCode::busy,
        fmt::format("the node of this home (pid {}) is in the network {}, and this is for {}",
                    ::getpid(), impl_->options.network, network),
        fmt::format("add --network {}, stop the node with: cipnode stop, or use a home of its own "
                    "for that network",
                    impl_->options.network));
  }
  impl_->contacts.resolve(Params(request.params).texts("bootstrap"));
  auto made = found->second(*this, request, out);
  if (!made || request.method == "stop") return made;
  return start_when_loaded(impl_->loading, std::move(*made), out);
}

asio::io_context& Daemon::io() { return impl_->io; }
Random& Daemon::random() { return impl_->random; }
Participant& Daemon::participant() { return *impl_->participant; }
store::StorageRequests& Daemon::storage() { return impl_->storage; }
DatabaseKeeper& Daemon::database() { return impl_->database_keeper; }
FeedLibrary& Daemon::feeds() { return *impl_->feeds; }
TopicLibrary& Daemon::topics() { return *impl_->topics; }
const HomePaths& Daemon::paths() const { return impl_->paths; }
const JoinOptions& Daemon::options() const { return impl_->options; }
Outcome<SettingChanges> Daemon::reload() { return impl_->reload(); }
const KeyPair& Daemon::identity() const { return impl_->identity.peer; }
KeyPair Daemon::record_key(const std::string& name) const {
  return derive_key_pair(impl_->identity.primary_key, child_namespace(Bytes32{}, "cip/record"),
                         name);
}
void Daemon::keep_own_value(const dht::OwnValue& value) {
  const auto time = now();
  const UnixMillis until{time.wall.value +
                         static_cast<std::uint64_t>(kOwnValueLife / std::chrono::milliseconds(1))};
  if (!impl_->participant->republisher().keep(time, value, until)) {
    return log(Floor::dht, LogLevel::warning,
               "{} own values are kept already: this one will not be put again",
               dht::Republisher::kMaxValues);
  }
  impl_->records->keep_own(time, value, until);
  impl_->participant->changed();
}
HomeRole Daemon::role() const { return impl_->role; }
TimePoint Daemon::started() const { return impl_->started; }
DiskKeeper& Daemon::disk() { return *impl_->disk; }
std::string Daemon::lan_problem() const {
  return impl_->lan ? impl_->lan->problem() : "it is turned off";
}
std::vector<std::string> Daemon::contact_problems() const { return impl_->contacts.problems(); }
const NameLookup& Daemon::name_lookup() const { return impl_->contacts.lookup(); }
bool Daemon::has_contact() const { return !impl_->participant->dht().table().empty(); }
bool Daemon::has_contacts_to_ask() const { return impl_->contacts.has_some_to_ask(); }
bool Daemon::may_meet_somebody() const {
  return !has_contact() && now().mono < impl_->contacts.meet_until();
}
TimePoint Daemon::seek_contact() { return impl_->contacts.seek(); }
Outcome<void> Daemon::may_append() const {
  const auto& met = impl_->participant->duplicates().met();
  if (!met) return {};
  return tl::unexpected(twin_error(met->at));
}

}  // namespace cip::node
