// SPDX-License-Identifier: Apache-2.0
#include "format/hf_directory.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <new>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/json_cursor.h"
#include "base/text.h"
#include "format/safetensors.h"

namespace llmos {
namespace {

constexpr size_t kShownBytesMax = 96;  // of a name in a message
constexpr const char* kConfigFile = "config.json";
constexpr const char* kGenerationFile = "generation_config.json";
constexpr const char* kWeightsFile = "model.safetensors";
constexpr const char* kIndexFile = "model.safetensors.index.json";
constexpr std::string_view kShardSuffix = ".safetensors";

Status no_weights(const WeightDirectory& directory) {
  return Status(Code::kNotFound,
                (Text() << directory.path() << ": expected " << kWeightsFile << " or " << kIndexFile
                        << ", found neither; weights in other files (pytorch_model.bin) are not "
                           "read: convert them to safetensors")
                    .str());
}

// A plain name of a file in the same directory.
bool is_shard_name(std::string_view name) {
  return name.size() > kShardSuffix.size() && name.ends_with(kShardSuffix) &&
         name.find('/') == name.npos && name.find('\\') == name.npos &&
         name.find('\0') == name.npos;
}

// Which tensors the index promises in a shard.
using ShardMap = std::map<std::string_view, std::vector<std::string_view>>;

Result<ShardMap> shards_of(const JsonCursor& index) {
  const JsonCursor map = index["weight_map"];
  const Result<std::span<const JsonMember>> members = map.members();
  if (!members.ok()) return members.status();
  ShardMap shards;
  for (const JsonMember& member : *members) {
    const JsonCursor place(member.value, map.path() + '.' + printable(member.key, kShownBytesMax));
    const Result<std::string_view> shard = place.string();
    if (!shard.ok()) return shard.status();
    if (!is_shard_name(*shard)) {
      return place.error("the name of a .safetensors file in the same directory");
    }
    shards[*shard].push_back(member.key);
    if (shards.size() > kShardsMax) {
      return Status(Code::kExhausted, (Text() << map.path() << ": expected at most " << kShardsMax
                                              << " different files, found more")
                                          .str());
    }
  }
  if (shards.empty()) return map.error("the tensors of a model");
  return shards;
}

Status add_file(HfModel& model, WeightFile file) {
  Result<std::vector<TensorInfo>> tensors = read_safetensors(file);
  if (!tensors.ok()) return tensors.status();
  for (TensorInfo& info : *tensors) info.file = uint32_t(model.files.size());
  std::move(tensors->begin(), tensors->end(), std::back_inserter(model.tensors));
  model.files.push_back(std::move(file));
  return Status();
}

// Every tensor is where the index says.
Status check_index(const HfModel& model, const ShardMap& shards) {
  std::unordered_map<std::string_view, uint32_t> found;
  for (const TensorInfo& info : model.tensors) found.emplace(info.name, info.file);
  uint32_t file = 0;
  for (const auto& [shard, names] : shards) {
    for (const std::string_view name : names) {
      const auto place = found.find(name);
      if (place != found.end() && place->second == file) continue;
      return Status(Code::kCorrupt, (Text() << model.files[file].name() << ": expected tensor "
                                            << printable(name, kShownBytesMax)
                                            << ", which the index says is here, found none")
                                        .str());
    }
    ++file;
  }
  return Status();
}

Status add_shards(HfModel& model, const WeightDirectory& directory) {
  const Result<Json> index = read_json_object(directory, kIndexFile, {});
  if (!index.ok()) {
    return index.status().code() == Code::kNotFound ? no_weights(directory) : index.status();
  }
  const Result<ShardMap> shards = shards_of(JsonCursor(*index, directory.path_of(kIndexFile)));
  if (!shards.ok()) {
    const bool exhausted = shards.status().code() == Code::kExhausted;
    return Status(exhausted ? Code::kExhausted : Code::kCorrupt, shards.status().message());
  }
  for (const auto& [shard, names] : *shards) {
    Result<WeightFile> file = directory.open(std::string(shard));
    if (!file.ok()) return file.status();
    if (Status status = add_file(model, *std::move(file)); !status.ok()) return status;
  }
  return check_index(model, *shards);
}

Result<HfModel> open_model(const WeightDirectory& directory) {
  HfModel model;
  const JsonLimits limits{.bytes_max = kConfigBytesMax};
  Result<Json> config = read_json_object(directory, kConfigFile, limits);
  if (!config.ok()) return config.status();
  model.config = *std::move(config);
  Result<Json> generation = read_json_object(directory, kGenerationFile, limits);
  if (generation.ok()) {
    model.generation_config = *std::move(generation);
  } else if (generation.status().code() != Code::kNotFound) {
    return generation.status();
  }
  // One file wins over an index beside it, as in transformers.
  Result<WeightFile> single = directory.open(kWeightsFile);
  Status status = single.status();
  if (single.ok()) {
    status = add_file(model, *std::move(single));
  } else if (status.code() == Code::kNotFound) {
    status = add_shards(model, directory);
  }
  if (!status.ok()) return status;
  return model;
}

}  // namespace

Result<Json> read_json_object(const WeightDirectory& directory, const std::string& name,
                              const JsonLimits& limits) {
  const Result<std::string> text = directory.read(name, limits.bytes_max);
  if (!text.ok()) return text.status();
  Result<Json> json = parse_json(*text, limits);
  const std::string path = directory.path_of(name);
  if (!json.ok()) return Status(json.status().code(), path + ": " + json.status().message());
  const auto members = JsonCursor(*json, path).members();
  if (!members.ok()) return Status(Code::kCorrupt, members.status().message());
  return json;
}

Result<HfModel> open_hf_directory(const WeightDirectory& directory) {
  try {
    return open_model(directory);
  } catch (const std::bad_alloc&) {
    return Status(Code::kExhausted, directory.path() + ": out of memory");
  }
}

}  // namespace llmos
