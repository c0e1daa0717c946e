#pragma once

// One running request inside a node. A handler file (node/handlers) makes an Operation per request;
// whoever carries the request (the control server, or the caller in the same process) owns it and
// gives it an Output. Destroying an operation cancels it.

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "node/service.hpp"

namespace cip::node {

// Where a running request puts its answers. Outlives its operation.
class Output {
 public:
  virtual ~Output() = default;
  virtual void result(const Json& object) = 0;
  virtual void data(ByteView bytes) = 0;
  virtual void progress(const Json& object) = 0;
  virtual void notice(const std::string& sentence) = 0;
  // Where the operation stands in what nothing was put out of yet, should it have to go on at
  // another node (node/continuation.hpp).
  virtual void position(const Json& object) = 0;
  // Bytes that may still be put out before the reader falls behind. An operation that could produce
  // without end stops at 0 and goes on in handle_room(). One object may go beyond it.
  virtual std::size_t room() const = 0;
  // All that was put out so far, and all of it that its reader has dealt with: what was at `put`
  // when it was put out is printed once `taken` has reached that.
  virtual std::uint64_t put() const = 0;
  virtual std::uint64_t taken() const = 0;
  // So many bytes of input have been dealt with; that many more may come.
  virtual void consumed(std::size_t bytes) = 0;
  // The end, exactly one of the two, once; the operation is destroyed soon, not within the call.
  virtual void done() = 0;
  virtual void fail(Error error) = 0;
};

class Operation {
 public:
  explicit Operation(Output& out) : out_(out) {}
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;
  virtual ~Operation() = default;

  virtual void start() = 0;
  virtual void handle_input(ByteView bytes) { out_.consumed(bytes.size()); }
  virtual void handle_input_end() {}
  // In place of the end: the input broke off. The request ends with this error, once what was
  // complete before is dealt with.
  virtual void handle_input_error(Error error) { out_.fail(std::move(error)); }
  // The reader consumed what was put out; room() grew.
  virtual void handle_room() {}
  // The node makes way, and the request goes on at another one: when that begins, and again at the
  // last moment to put out a position. A change that puts one out has nothing left to do here.
  virtual void handle_move() {}
  // The time the caller allowed is over.
  virtual void handle_deadline();

  // What its user calls it: "feed cat".
  void set_command(std::string command) { command_ = std::move(command); }

 protected:
  Output& out_;
  std::string command_;
};

// Makes the operations of one node.
class Service {
 public:
  virtual ~Service() = default;
  // An error: the request makes no sense (usage) or the node will not do it.
  virtual Outcome<std::unique_ptr<Operation>> make_operation(const Request& request,
                                                             Output& out) = 0;
};

// Parameters as a handler reads them. The first of a wrong type, and each required one that is
// missing, makes error() a usage error; later reads return empty values.
class Params {
 public:
  explicit Params(const Json& object) : object_(object) {}

  std::string text(const char* name, std::string fallback = {});
  std::string required_text(const char* name);
  bool flag(const char* name, bool fallback = false);
  std::optional<std::uint64_t> number(const char* name);
  // A number as its digits.
  std::string text_or_number(const char* name);
  // "...Ms": milliseconds, fractions allowed.
  std::optional<Duration> duration(const char* name);
  std::vector<std::string> texts(const char* name);
  // At least one, none of them empty.
  std::vector<std::string> required_texts(const char* name);
  // An object whose members are numbers.
  std::map<std::string, std::uint64_t> numbers(const char* name);
  bool has(const char* name) const { return object_.is_object() && object_.contains(name); }

  const std::optional<Error>& error() const { return error_; }

 private:
  void wrong(const char* name, const char* wanted);

  const Json& object_;
  std::optional<Error> error_;
};

}  // namespace cip::node
