// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "command.h"
#include "json_text.h"
#include "terminal.h"

namespace cli {
namespace {

using llmos::QuantizeReport;
using llmos::Result;
using llmos::Status;

const Usage& usage() {
  static const Usage usage{
      "llmos quantize IN OUT --type T [flags]",
      "Writes a quantised copy of a GGUF file.",
      {
          {"--type", "T", "q8_0, q4_0, q4_k, q5_k, q6_k, iq4_nl or mxfp4"},
          {"--threads", "N", "threads (default: one per core)"},
          {"--requantize", nullptr, "accept tensors that are quantised already"},
          {"--json", nullptr, "write {\"bytes_in\",\"bytes_out\",\"types\",\"notes\"}"},
      },
      {"IN", "OUT"},
      "llmos quantize model-f16.gguf model-q4_k.gguf --type q4_k"};
  return usage;
}

std::string report_json(const QuantizeReport& report) {
  JsonText json;
  json.open('{').key("bytes_in").value(report.bytes_in);
  json.key("bytes_out").value(report.bytes_out).key("types").open('[');
  for (const llmos::TensorTypeUse& use : report.types) {
    json.open('{').key("type").value(use.type).key("tensors").value(use.tensors);
    json.key("elements").value(use.elements).key("bytes").value(use.bytes).close('}');
  }
  json.close(']').key("notes").open('[');
  for (const std::string& note : report.notes) json.value(note);
  return json.close(']').close('}').str() + '\n';
}

std::string report_text(const std::string& path, const QuantizeReport& report) {
  std::string text =
      path + ": " + bytes_text(report.bytes_out) + ", was " + bytes_text(report.bytes_in) + '\n';
  for (const llmos::TensorTypeUse& use : report.types) {
    text += "  " + use.type + ": " + std::to_string(use.tensors) + " tensors, " +
            bytes_text(use.bytes) + '\n';
  }
  for (const std::string& note : report.notes) text += "  " + note + '\n';
  return text;
}

Status run(const Arguments& arguments) {
  const std::string type = arguments.required("--type");
  const auto threads = uint32_t(arguments.natural("--threads", 0));
  Result<QuantizeReport> report = [&] {
    ProgressBar bar("quantising");
    return llmos::quantize(arguments.place(0), arguments.place(1),
                           {.type = type,
                            .threads = threads,
                            .requantize = arguments.has("--requantize"),
                            .progress = &bar});
  }();
  if (!report.ok()) return report.status();
  return write_stdout(arguments.has("--json") ? report_json(*report)
                                              : report_text(arguments.place(1), *report));
}

}  // namespace

const Command kQuantize{"quantize", "write a smaller copy of a model", usage, run};

}  // namespace cli
