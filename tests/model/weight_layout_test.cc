// SPDX-License-Identifier: Apache-2.0
#include "model/weight_layout.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "model/architecture.h"

namespace llmos::test {
namespace {

const std::string kModels = std::string(LLMOS_SOURCE_DIR) + "/tests/golden/models/";

// Every golden directory and file that is a model.
std::vector<std::string> golden_paths() {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(kModels)) {
    for (const char* name : {"model.gguf", "model-00001-of-00002.gguf", "hf"}) {
      if (std::filesystem::exists(entry.path() / name)) paths.push_back(entry.path() / name);
    }
  }
  return paths;
}

struct Laid {
  Checkpoint checkpoint;
  ModelFile file;
  ModelWeights parts;
  WeightLayout layout;

  explicit Laid(const std::string& path)
      : checkpoint(Checkpoint::open(path).value()),
        file(read_model(checkpoint).value()),
        layout(WeightLayout::create(checkpoint, file, parts).value()) {}
};

TEST(WeightLayout, CopiesFollowOneAnotherOnCacheLinesAndFillTheBuffer) {
  const std::vector<std::string> paths = golden_paths();
  ASSERT_GE(paths.size(), 50u);
  for (const std::string& path : paths) {
    SCOPED_TRACE(path);
    const Laid laid(path);
    uint64_t end = 0, mapped = 0;
    for (const WeightItem& item : laid.layout.items) {
      if (item.mapped) {
        mapped += item.bytes();
        continue;
      }
      EXPECT_EQ(item.offset % WeightLayout::kAlignment, 0u);
      EXPECT_EQ(item.offset, (end + WeightLayout::kAlignment - 1) / WeightLayout::kAlignment *
                                 WeightLayout::kAlignment);
      end = item.offset + item.bytes();
    }
    EXPECT_EQ(mapped, laid.layout.bytes_mapped);
    EXPECT_GE(laid.layout.bytes_copied, end);
    EXPECT_LT(laid.layout.bytes_copied, end + WeightLayout::kAlignment);
  }
}

// What is mapped lies inside its tensor, to the last row of the last matrix.
TEST(WeightLayout, ViewsStayInTheirTensors) {
  for (const std::string& path : golden_paths()) {
    SCOPED_TRACE(path);
    const Laid laid(path);
    for (const WeightItem& item : laid.layout.items) {
      if (!item.mapped) continue;
      const TensorView first = laid.checkpoint.view(*item.tensors.front()).value();
      const TensorView last = laid.checkpoint.view(*item.tensors.back()).value();
      const std::byte* const end =
          item.mapped + (item.matrices - 1) * item.matrix_bytes + item.rows * item.row_bytes;
      EXPECT_GE(item.mapped, first.data) << item.source->name;
      EXPECT_LE(end, last.data + item.tensors.back()->bytes) << item.source->name;
    }
  }
}

TEST(WeightLayout, EveryItemHasOnePlaceToGo) {
  for (const std::string& path : golden_paths()) {
    const Laid laid(path);
    std::set<const void*> places;
    for (const WeightItem& item : laid.layout.items) {
      EXPECT_NE(item.matrix == nullptr, item.vector == nullptr) << path;
      const void* const place = item.matrix ? static_cast<const void*>(item.matrix)
                                            : static_cast<const void*>(item.vector);
      EXPECT_TRUE(places.insert(place).second) << path << ' ' << item.source->name;
      EXPECT_TRUE(item.matrix || item.dtype == DType::kF32) << "vectors are f32";
    }
  }
}

// Plain GGUF files are mapped but for their vectors.
TEST(WeightLayout, MatricesOfGgufFilesAreMapped) {
  for (const char* name : {"llama2", "qwen2_q4_0", "mixtral", "gemma2", "llama_wide_q4_k_m"}) {
    const Laid laid(kModels + name + "/model.gguf");
    for (const WeightItem& item : laid.layout.items) {
      EXPECT_EQ(item.mapped != nullptr, item.matrix != nullptr) << name << ' ' << item.source->name;
    }
  }
}

}  // namespace
}  // namespace llmos::test
