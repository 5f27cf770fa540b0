// SPDX-License-Identifier: Apache-2.0
#include "model/golden_model.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <tuple>

#include "base/json_cursor.h"
#include "base/os_file.h"
#include "format/checkpoint.h"

namespace llmos::test {
namespace {

const std::string kModels = std::string(LLMOS_SOURCE_DIR) + "/tests/golden/models/";

std::vector<TokenId> ids_of(const JsonCursor& cursor) {
  std::vector<TokenId> ids;
  for (const Json& item : cursor.items().value()) ids.push_back(TokenId(*item.if_int64()));
  return ids;
}

GoldenCase read_case(const std::string& folder, size_t vocabulary, const JsonCursor& json) {
  GoldenCase result;
  result.name = json["name"].string().value();
  result.prompt = ids_of(json["prompt_ids"]);
  result.greedy = ids_of(json["greedy_ids"]);
  result.all = result.prompt;
  result.all.insert(result.all.end(), result.greedy.begin(), result.greedy.end());
  result.gap_min = json["greedy_gap_min"].number().value();
  result.context = uint32_t(json["context"].integer().value());
  for (const TokenId position : ids_of(json["positions"]))
    result.positions.push_back(size_t(position));
  const std::string bytes =
      os::read_file(folder + std::string(json["logits_file"].string().value()), 1 << 24).value();
  result.logits.resize(result.positions.size() * vocabulary);
  std::memcpy(result.logits.data(), bytes.data() + size_t(json["logits_offset"].integer().value()),
              result.logits.size() * sizeof(float));
  return result;
}

}  // namespace

Golden::Golden(const std::string& name) : folder_(kModels + name + "/") {
  json_ = parse_json(os::read_file(folder_ + "golden.json", 1 << 20).value()).value();
  const JsonCursor root(json_, "golden");
  vocabulary = size_t(root["vocab_size"].integer().value());
  tolerance = root["tolerance"].number().value();
  const size_t count = root["cases"].items().value().size();
  for (size_t i = 0; i < count; ++i)
    cases.push_back(read_case(folder_, vocabulary, root["cases"][i]));
}

std::string Golden::path(std::string_view kind) const {
  const std::string file(JsonCursor(json_, "golden")["files"][kind].string_or("").value());
  return file.empty() ? file : folder_ + file;
}

double Golden::largest_difference(const GoldenCase& c, std::span<const float> logits) const {
  double largest = 0;
  for (size_t i = 0; i < c.positions.size(); ++i) {
    for (size_t v = 0; v < vocabulary; ++v) {
      const double expected = c.logits[i * vocabulary + v];
      const double found = logits[c.positions[i] * vocabulary + v];
      // Written so that NaN counts as a difference.
      if (!(std::abs(found - expected) <= largest)) largest = std::abs(found - expected);
    }
  }
  return largest;
}

std::vector<GoldenVariant> golden_variants() {
  std::vector<GoldenVariant> result;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(kModels, ignored)) {
    if (!std::filesystem::exists(entry.path() / "golden.json")) continue;
    const std::string name = entry.path().filename();
    for (const char* kind : {"gguf", "hf"}) {
      if (!Golden(name).path(kind).empty()) result.push_back({name, kind});
    }
  }
  std::sort(result.begin(), result.end(), [](const GoldenVariant& a, const GoldenVariant& b) {
    return std::tie(a.model, a.kind) < std::tie(b.model, b.kind);
  });
  return result;
}

std::vector<GoldenVariant> packed_golden_variants() {
  std::vector<GoldenVariant> result = golden_variants();
  std::erase_if(result, [](const GoldenVariant& variant) {
    const Checkpoint checkpoint =
        Checkpoint::open(Golden(variant.model).path(variant.kind)).value();
    return std::none_of(
        checkpoint.tensors().begin(), checkpoint.tensors().end(), [](const TensorInfo& info) {
          return is_quantized(info.dtype) || info.dtype == DType::kU8;  // MXFP4 of gpt-oss
        });
  });
  return result;
}

}  // namespace llmos::test
