// SPDX-License-Identifier: Apache-2.0
#include "api/model_info.h"

#include <algorithm>
#include <new>

#include "api/load_plan.h"
#include "base/text.h"
#include "model/architecture.h"

namespace llmos {
namespace {

// Elements of an array that are shown.
constexpr size_t kItemsShown = 8;
// Bytes of a value that are shown: a chat template has some thousand.
constexpr size_t kValueBytesShown = 200;

std::string cut(std::string text) {
  if (text.size() <= kValueBytesShown) return text;
  size_t end = 0;  // whole characters only
  while (true) {
    const size_t character = std::max<size_t>(utf8_character_bytes(text.substr(end, 4)), 1);
    if (end + character > kValueBytesShown) break;
    end += character;
  }
  const size_t bytes = text.size();
  text.resize(end);
  return (Text() << text << "... (" << bytes << " bytes)").str();
}

std::string value_text(const Json& value) {
  const std::string* text = value.if_string();
  return cut(text ? *text : value.dump());
}

std::string entry_text(const GgufEntry& entry) {
  const Json value = gguf_value_json(entry, kItemsShown);
  if (!entry.is_array() || entry.count <= kItemsShown) return value_text(value);
  return (Text() << '[' << entry.count << ' ' << gguf_type_name(entry.element)
                 << " values: " << cut(value.dump()) << ", ...]")
      .str();
}

void add_metadata(ModelInfo& info, const Checkpoint& checkpoint) {
  for (const GgufEntry& entry : checkpoint.metadata().entries()) {
    info.metadata.emplace_back(std::string(entry.key), entry_text(entry));
  }
  for (const JsonMember& member : checkpoint.config().members()) {
    info.metadata.emplace_back(member.key, value_text(member.value));
  }
}

void add_tensors(ModelInfo& info, const Checkpoint& checkpoint) {
  for (const TensorInfo& tensor : checkpoint.tensors()) {
    const auto sizes = tensor.shape.sizes();
    const uint64_t elements = tensor.shape.elements().value_or(0);
    const std::string type(dtype_name(tensor.dtype));
    info.tensors.push_back({tensor.name, type, {sizes.begin(), sizes.end()}, tensor.bytes});
    info.parameters += elements;
    info.bytes += tensor.bytes;
    add_type_use(info.types, type, elements, tensor.bytes);
  }
  sort_type_uses(info.types);
}

// What the file calls itself, also where this build does not know it.
void add_names(ModelInfo& info, const Checkpoint& checkpoint) {
  if (checkpoint.kind() == CheckpointKind::kGguf) {
    info.format = "gguf";
    info.architecture = checkpoint.metadata().string_or("general.architecture", "").value_or("");
    info.name = checkpoint.metadata().string_or("general.name", "").value_or("");
    return;
  }
  info.format = "safetensors";
  const auto text = [&](const char* key) {
    const Json* value = checkpoint.config().find(key);
    return value && value->if_string() ? *value->if_string() : std::string();
  };
  info.architecture = text("model_type");
  info.name = text("_name_or_path");
}

void add_config(ModelInfo& info, const ModelConfig& config) {
  info.layers = config.layer_count();
  info.dim = config.dim;
  info.heads = config.heads;
  info.kv_heads = config.kv_heads;
  info.head_dim = config.head_dim;
  info.ffn_dim = config.has_dense_layer() ? config.ffn_dim : config.experts.dim;
  info.experts = config.experts.count;
  info.experts_used = config.experts.chosen;
  info.vocabulary = config.vocabulary;
  info.context = config.context;
}

}  // namespace

void add_type_use(std::vector<TensorTypeUse>& uses, std::string_view type, uint64_t elements,
                  uint64_t bytes) {
  auto use = std::find_if(uses.begin(), uses.end(),
                          [&](const TensorTypeUse& known) { return known.type == type; });
  if (use == uses.end()) use = uses.insert(uses.end(), {.type = std::string(type)});
  use->tensors += 1;
  use->elements += elements;
  use->bytes += bytes;
}

void sort_type_uses(std::vector<TensorTypeUse>& uses) {
  std::stable_sort(uses.begin(), uses.end(), [](const TensorTypeUse& a, const TensorTypeUse& b) {
    return a.bytes > b.bytes;
  });
}

ModelInfo make_model_info(const Checkpoint& checkpoint, const Result<ModelFile>& file) {
  ModelInfo info{.path = checkpoint.path()};
  add_names(info, checkpoint);
  add_tensors(info, checkpoint);
  add_metadata(info, checkpoint);
  info.runnable = file.ok();
  if (file.ok()) {
    add_config(info, file->config);
  } else {
    info.reason = file.status().message();
  }
  return info;
}

Result<ModelInfo> inspect(const std::string& path, WeightSource* source) try {
  Result<Checkpoint> checkpoint = Checkpoint::open(path, {.source = source});
  if (!checkpoint.ok()) return checkpoint.status();
  return make_model_info(*checkpoint, read_model(*checkpoint));
} catch (const std::bad_alloc&) {
  return out_of_memory(path);
}

}  // namespace llmos
