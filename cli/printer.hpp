#pragma once

// What is done with the answers of a request: with --json every result is printed as it is, else a
// printer shows it to people. Notices go to stderr.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/context.hpp"

namespace cip::cli {

class Printer : public node::Handler {
 public:
  explicit Printer(Context& context) : context_(context) {}

  void on_result(const Json& object) final;
  void on_notice(std::string_view sentence) override { print_notice(context_, sentence); }
  // False once nobody reads stdout any more, or a result could not be dealt with.
  bool wants_more() const override { return !failure_ && !left_ && !context_.console.out_error(); }
  // Once, when the request ended without error and results are for people: the place for tables.
  virtual void finish() {}

 protected:
  // Sees every result before it is printed, with --json too.
  virtual void observe(const Json& object) { static_cast<void>(object); }
  // Shows a result to people.
  virtual void print(const Json& object) = 0;
  // Ends the request with this error; the result at hand does not count as dealt with.
  void give_up(Error error) { failure_ = std::move(error); }
  // The same without an error, after a signal.
  void leave() { left_ = true; }

  Context& context_;

 private:
  friend int run(Context& context, const node::Request& request, Printer& printer, int input_fd);

  std::optional<Error> failure_;
  bool left_ = false;
};

// A function from result to text does the whole work.
class TextPrinter final : public Printer {
 public:
  using Text = std::function<std::string(const Json&)>;
  TextPrinter(Context& context, Text text) : Printer(context), text_(std::move(text)) {}

 private:
  void print(const Json& object) override { context_.console.write_out(text_(object)); }
  Text text_;
};

// Results are rows; the table is printed when it is complete.
class TablePrinter final : public Printer {
 public:
  using Row = std::function<std::vector<std::string>(const Json&)>;
  // `nothing` is said on stderr when there were no results.
  TablePrinter(Context& context, std::vector<std::string> headings, Row row, std::string nothing)
      : Printer(context),
        table_(std::move(headings)),
        row_(std::move(row)),
        nothing_(std::move(nothing)) {}
  void finish() override;

 private:
  void print(const Json& object) override { table_.add(row_(object)); }

  Table table_;
  Row row_;
  std::string nothing_;
};

// Runs one request to its end and gives the exit code; errors are on stderr by then.
int run(Context& context, const node::Request& request, Printer& printer, int input_fd = -1);

}  // namespace cip::cli
