#include "cli/printer.hpp"

namespace cip::cli {
namespace {

bool runs_until_signal(const node::Request& request) {
  // Seeding without a DHT lasts; else the node goes on with it by itself.
  if (request.method == "feed.seed") return request.params.contains("listen");
  const auto* info = node::method_info(request.method);
  return info != nullptr && info->runs;
}

}  // namespace

void Printer::on_result(const Json& object) {
  observe(object);
  if (left_) return;
  if (context_.globals.json) {
    context_.console.out_line(json_line(object));
  } else {
    print(object);
  }
}

void TablePrinter::finish() {
  if (table_.empty()) return print_notice(context_, nothing_);
  context_.console.write_out(table_.text(context_.style()));
}

int run(Context& context, const node::Request& given, Printer& printer, int input_fd) {
  auto options = service_options(context);
  options.input_fd = input_fd;
  auto request = given;
  if (context.globals.verbose) request.params["verbose"] = true;
  auto result = context.backend.run_request(options, request, printer);
  if (printer.failure_) result.error = printer.failure_;
  if (!result.error && !context.globals.json) printer.finish();
  const int code = conclude(context, result, runs_until_signal(request));
  const auto* info = node::method_info(request.method);
  if (code != 0 || info == nullptr || !info->changes) return code;
  return report_unwritten(context, "what was changed until then stands",
                          "look at the state before trying again");
}

}  // namespace cip::cli
