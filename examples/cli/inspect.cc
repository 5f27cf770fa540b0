// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "command.h"
#include "json_text.h"
#include "terminal.h"

namespace cli {
namespace {

using llmos::ModelInfo;
using llmos::ModelPlan;
using llmos::Result;
using llmos::Status;

const Usage& usage() {
  static const Usage usage{
      "llmos inspect PATH [--tensors] [--json] [flags]",
      "Shows what a model file holds and the memory it will take, without loading it.",
      with_model_flags({
          {"--tensors", nullptr, "list every tensor"},
          {"--json", nullptr, "write everything as one JSON object"},
      }),
      {"PATH"},
      "llmos inspect model.gguf --ctx 8192"};
  return usage;
}

struct Size {
  const char* name;
  uint64_t value;
};

std::vector<Size> sizes(const ModelInfo& info) {
  return {{"parameters", info.parameters}, {"bytes", info.bytes},
          {"layers", info.layers},         {"dim", info.dim},
          {"heads", info.heads},           {"kv_heads", info.kv_heads},
          {"head_dim", info.head_dim},     {"ffn_dim", info.ffn_dim},
          {"experts", info.experts},       {"experts_used", info.experts_used},
          {"vocabulary", info.vocabulary}, {"context", info.context}};
}

std::vector<Size> sizes(const ModelPlan& plan) {
  return {{"weights_mapped", plan.weights_mapped},
          {"weights_copied", plan.weights_copied},
          {"weights_repacked", plan.weights_repacked},
          {"kv_bytes_per_token", plan.kv_bytes_per_token},
          {"kv_bytes", plan.kv_bytes},
          {"workspace", plan.workspace},
          {"total", plan.total},
          {"context", plan.context}};
}

void types_json(JsonText& json, const ModelInfo& info) {
  json.key("types").open('[');
  for (const llmos::TensorTypeUse& use : info.types) {
    json.open('{').key("type").value(use.type).key("tensors").value(use.tensors);
    json.key("elements").value(use.elements).key("bytes").value(use.bytes).close('}');
  }
  json.close(']');
}

void tensors_json(JsonText& json, const ModelInfo& info) {
  json.key("tensors").open('[');
  for (const llmos::TensorSummary& tensor : info.tensors) {
    json.open('{').key("name").value(tensor.name).key("type").value(tensor.type);
    json.key("shape").open('[');
    for (const uint64_t size : tensor.shape) json.value(size);
    json.close(']').key("bytes").value(tensor.bytes).close('}');
  }
  json.close(']');
}

std::string info_json(const ModelInfo& info, const Result<ModelPlan>& plan) {
  JsonText json;
  json.open('{').key("path").value(info.path).key("format").value(info.format);
  json.key("architecture").value(info.architecture).key("name").value(info.name);
  json.key("runnable").value(info.runnable);
  if (!info.runnable) json.key("reason").value(info.reason);
  for (const Size& size : sizes(info)) json.key(size.name).value(size.value);
  types_json(json, info);
  if (plan.ok()) {
    json.key("plan").open('{');
    for (const Size& size : sizes(*plan)) json.key(size.name).value(size.value);
    json.close('}');
  }
  json.key("metadata").open('{');
  for (const auto& [key, value] : info.metadata) json.key(key).value(value);
  json.close('}');
  tensors_json(json, info);
  return json.close('}').str() + '\n';
}

std::string line(const std::string& name, const std::string& value) {
  std::string text = "  " + name;
  text.resize(std::max(text.size() + 1, size_t{24}), ' ');
  return text + value + '\n';
}

std::string title(const ModelInfo& info) {
  std::string text = info.path + ": " + info.architecture + ", " + info.format;
  if (!info.name.empty()) text += ", \"" + info.name + "\"";
  return text + '\n' + (info.runnable ? "" : "  cannot be run: " + info.reason + '\n');
}

std::string plan_text(const ModelPlan& plan) {
  std::string text = "memory for " + std::to_string(plan.context) + " tokens\n";
  text += line("weights, mapped", bytes_text(plan.weights_mapped));
  text += line("weights, copied", bytes_text(plan.weights_copied) + " (" +
                                      bytes_text(plan.weights_repacked) + " repacked)");
  text += line("keys and values", bytes_text(plan.kv_bytes) + " (" +
                                      bytes_text(plan.kv_bytes_per_token) + " a token)");
  text += line("workspace", bytes_text(plan.workspace));
  return text + line("total", bytes_text(plan.total));
}

std::string tensors_text(const ModelInfo& info) {
  std::string text = "tensors\n";
  for (const llmos::TensorSummary& tensor : info.tensors) {
    std::string shape;
    for (const uint64_t size : tensor.shape) {
      shape += (shape.empty() ? "[" : ", ") + std::to_string(size);
    }
    text += line(tensor.name, tensor.type + ' ' + shape + ']');
  }
  return text;
}

std::string info_text(const ModelInfo& info, const Result<ModelPlan>& plan, bool tensors) {
  std::string text = title(info);
  for (const Size& size : sizes(info)) {
    if (size.value != 0) text += line(size.name, std::to_string(size.value));
  }
  text += "types\n";
  for (const llmos::TensorTypeUse& use : info.types) {
    text += line(use.type, std::to_string(use.tensors) + " tensors, " + bytes_text(use.bytes));
  }
  if (plan.ok()) text += plan_text(*plan);
  text += "metadata\n";
  for (const auto& [key, value] : info.metadata) text += line(key, value);
  return tensors ? text + tensors_text(info) : text;
}

Status run(const Arguments& arguments) {
  const std::string& path = arguments.place(0);
  const llmos::ModelOptions options = model_options(arguments);
  Result<ModelInfo> info = llmos::inspect(path);
  if (!info.ok()) return info.status();
  // A model that cannot be run can still be looked at.
  const Result<ModelPlan> plan = llmos::plan(path, options);
  if (info->runnable && !plan.ok()) return plan.status();
  return write_stdout(arguments.has("--json") ? info_json(*info, plan)
                                              : info_text(*info, plan, arguments.has("--tensors")));
}

}  // namespace

const Command kInspect{"inspect", "what a model file holds", usage, run};

}  // namespace cli
