// topic.create, drop, ls, info: the topics of this home.

#include <fmt/format.h>

#include "base/text.hpp"
#include "node/handlers/handlers.hpp"
#include "node/participant.hpp"
#include "node/store_error.hpp"
#include "node/topic_library.hpp"

namespace cip::node {

namespace {

Json described(const TopicName& topic) {
  Json object{{"topic", topic.text}, {"id", to_hex(topic.id)}, {"private", topic.is_private}};
  return object;
}

class CreateTopic final : public Operation {
 public:
  CreateTopic(Daemon& daemon, Params& params, Output& out)
      : Operation(out),
        daemon_(daemon),
        name_(params.text("name")),
        private_(params.flag("private")) {}

  void start() override {
    if (private_ == !name_.empty()) {
      return out_.fail({ExitCode::usage, "a topic has a name or is private",
                        "write topic create NAME, or topic create --private"});
    }
    if (private_) name_ = "topic:" + to_z32(daemon_.random().bytes<32>());
    const auto topic = parse_topic(name_);
    if (!topic) return out_.fail(topic.error());
    daemon_.topics().join(
        *topic, false, [this, topic = *topic, alive = std::weak_ptr(alive_)](Outcome<void> joined) {
          if (alive.expired()) return;
          if (!joined) return out_.fail(std::move(joined.error()));
          out_.result(described(topic));
          out_.done();
        });
  }

 private:
  Daemon& daemon_;
  std::string name_;
  bool private_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

class DropTopic final : public Operation {
 public:
  DropTopic(Daemon& daemon, Params& params, Output& out)
      : Operation(out),
        daemon_(daemon),
        name_(params.required_text("topic")),
        own_too_(params.flag("yes")) {}

  void start() override {
    const auto topic = parse_topic(name_);
    if (!topic) return out_.fail(topic.error());
    daemon_.topics().drop(
        *topic, own_too_,
        [this, topic = *topic, alive = std::weak_ptr(alive_)](Outcome<void> dropped) {
          if (alive.expired()) return;
          if (!dropped) return out_.fail(std::move(dropped.error()));
          out_.result(described(topic));
          out_.done();
        });
  }

 private:
  Daemon& daemon_;
  std::string name_;
  bool own_too_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

class ListTopics final : public Operation {
 public:
  ListTopics(Daemon& daemon, Params&, Output& out) : Operation(out), daemon_(daemon) {}

  void start() override {
    daemon_.storage().ask(store::StorageLane::directory, store::ListTopicsOp{}, alive_,
                          [this](const Result<std::vector<store::TopicRecord>>& topics) {
                            if (!topics)
                              return out_.fail(error_from(topics.error(), "listing topics"));
                            for (const auto& record : *topics) {
                              if (const auto topic = parse_topic(name_of(record).text))
                                out_.result(described(*topic));
                            }
                            out_.done();
                          });
  }

 private:
  Daemon& daemon_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

Outcome<void> put_info(Daemon& daemon, const TopicName& topic, Output& out) {
  auto& machine = daemon.topics().machine();
  if (!machine.has_joined(topic.id)) {
    return fail_with(ExitCode::not_found,
                     fmt::format("this home takes no part in the topic {}", topic.text),
                     "see them with: cipnode topic ls");
  }
  auto object = described(topic);
  object["peers"] = machine.neighbours(topic.id);
  object["feeds"] = Json::array();
  for (const auto& feed : machine.feeds(topic.id)) {
    Json line{{"feed", to_z32(feed.key)}, {"length", feed.length}, {"own", feed.own}};
    line["author"] = feed.header ? Json(to_z32(feed.header->author)) : Json(nullptr);
    object["feeds"].push_back(std::move(line));
  }
  out.result(object);
  return {};
}

Outcome<std::unique_ptr<Operation>> make_info(Daemon& daemon, const Request& request, Output& out) {
  Params params(request.params);
  const auto text = params.required_text("topic");
  if (params.error()) return tl::unexpected(*params.error());
  const auto topic = parse_topic(text);
  if (!topic) return tl::unexpected(topic.error());
  return std::make_unique<AtOnce>(
      out, [&daemon, topic = *topic](Output& to) { return put_info(daemon, topic, to); });
}

}  // namespace

void add_topic_handlers(HandlerTable& table) {
  table["topic.create"] = factory_of<CreateTopic>();
  table["topic.drop"] = factory_of<DropTopic>();
  table["topic.ls"] = factory_of<ListTopics>();
  table["topic.info"] = make_info;
}

}  // namespace cip::node
