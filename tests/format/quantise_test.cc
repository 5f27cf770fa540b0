// SPDX-License-Identifier: Apache-2.0
#include "format/quantise.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <vector>

#include "base/rng.h"
#include "base/rng_distributions.h"
#include "format/checkpoint.h"
#include "format/gguf_writer.h"
#include "format/shared_data.h"
#include "support/temp_dir.h"
#include "support/test_seed.h"
#include "tensor/quant.h"
#include "tensor/quant_encode.h"

namespace llmos {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

using Values = std::vector<float>;

struct Tensor {
  std::string name;
  DType dtype;
  Shape shape;
  Values values;
};

std::vector<std::byte> encoded(DType dtype, const Values& values) {
  std::vector<std::byte> bytes(row_bytes(dtype, values.size()).value());
  quantize_row(dtype, values.data(), nullptr, bytes.data(), values.size());
  return bytes;
}

Tensor random_tensor(Rng& rng, const std::string& name, DType dtype, const Shape& shape) {
  Tensor tensor{name, dtype, shape, Values(shape.elements().value())};
  for (float& value : tensor.values) value = float(0.1 * normal(rng));
  return tensor;
}

std::string write_model(const test::TempDir& dir, const std::vector<Tensor>& tensors,
                        GgufOutline outline = GgufOutline()) {
  const std::string path = dir / "from.gguf";
  outline.set("general.architecture", "llama");
  outline.set("general.file_type", uint32_t{0});
  outline.set("llama.block_count", uint32_t{1});
  for (const Tensor& tensor : tensors) {
    EXPECT_TRUE(outline.add_tensor(tensor.name, tensor.dtype, tensor.shape).ok());
  }
  auto writer = GgufWriter::create(path, std::move(outline)).value();
  for (const Tensor& tensor : tensors) {
    EXPECT_TRUE(writer.write(encoded(tensor.dtype, tensor.values)).ok());
  }
  EXPECT_TRUE(writer.finish().ok());
  return path;
}

std::vector<std::byte> raw_bytes(const Checkpoint& checkpoint, const std::string& name) {
  const TensorInfo* info = checkpoint.find(name);
  if (!info) return {};
  std::vector<std::byte> bytes(info->bytes);
  EXPECT_TRUE(checkpoint.read(*info, 0, bytes).ok());
  return bytes;
}

Values values_of(const Checkpoint& checkpoint, const TensorInfo& info) {
  Values values(info.shape.elements().value());
  dequantize_row(info.dtype, raw_bytes(checkpoint, info.name).data(), values.data(), values.size());
  return values;
}

TEST(Quantise, WritesWhatTheEncodersMake) {
  Rng rng(test::seed("quantise"));
  const test::TempDir dir;
  // 520 x 256 is more than two segments of 65536, the last one a part.
  const std::vector<Tensor> tensors = {
      random_tensor(rng, "token_embd.weight", DType::kF16, {520, 256}),
      random_tensor(rng, "blk.0.attn_norm.weight", DType::kF32, {256}),
      random_tensor(rng, "blk.0.attn_q.weight", DType::kBF16, {256, 256}),
      random_tensor(rng, "blk.0.attn_k.weight", DType::kF32, {32, 96}),
      random_tensor(rng, "blk.0.attn_v.weight", DType::kF32, {32, 90}),
      random_tensor(rng, "output.weight", DType::kF32, {64, 256}),
  };
  const std::string from = write_model(dir, tensors);
  for (const DType wanted : {DType::kQ8_0, DType::kQ4_0, DType::kQ4_K, DType::kQ5_K, DType::kQ6_K,
                             DType::kIQ4_NL, DType::kMXFP4}) {
    const std::string to = dir / "to.gguf";
    const auto result = quantise_gguf(from, to, {.dtype = wanted, .threads = 2});
    ASSERT_TRUE(result.ok()) << result.status().to_string();
    const Checkpoint made = Checkpoint::open(to).value();
    ASSERT_EQ(made.tensors().size(), tensors.size());
    EXPECT_EQ(made.find("token_embd.weight")->dtype, wanted);
    EXPECT_EQ(made.find("blk.0.attn_norm.weight")->dtype, DType::kF32);
    uint64_t bytes = 0;
    for (size_t i = 0; i < tensors.size(); ++i) {
      const TensorInfo& info = made.tensors()[i];
      EXPECT_EQ(info.name, tensors[i].name);
      EXPECT_EQ(info.shape, tensors[i].shape);
      Values source(tensors[i].values.size());  // as the file rounded them
      dequantize_row(tensors[i].dtype, encoded(tensors[i].dtype, tensors[i].values).data(),
                     source.data(), source.size());
      EXPECT_EQ(raw_bytes(made, info.name), encoded(info.dtype, source)) << info.name;
      bytes += info.bytes;
    }
    EXPECT_EQ(result->bytes_out, bytes);
    EXPECT_EQ(result->bytes_in, 520u * 512 + 1024 + 256 * 512 + 32 * 96 * 4 + 32 * 90 * 4 + 65536);
    EXPECT_EQ(*made.metadata().string("general.architecture"), "llama");
    EXPECT_EQ(*made.metadata().integer("general.quantization_version"), 2);
    EXPECT_NE(*made.metadata().integer("general.file_type"), 0);
  }
  EXPECT_EQ(dir.entry_count(), 2u);
}

TEST(Quantise, ReportsWhatItMadeInstead) {
  Rng rng(test::seed("quantise notes"));
  const test::TempDir dir;
  const std::string from =
      write_model(dir, {random_tensor(rng, "blk.0.attn_q.weight", DType::kF32, {8, 96}),
                        random_tensor(rng, "blk.1.attn_q.weight", DType::kF32, {8, 96}),
                        random_tensor(rng, "blk.0.attn_k.weight", DType::kF32, {8, 256}),
                        random_tensor(rng, "output.weight", DType::kF32, {64, 256})});
  const auto result = quantise_gguf(from, dir / "to.gguf", {.dtype = DType::kQ4_K});
  ASSERT_TRUE(result.ok());
  EXPECT_THAT(result->notes,
              ElementsAre("blk.0.attn_q.weight and 1 more: Q5_0: rows of 96 are no whole blocks of "
                          "Q4_K (256)",
                          "output.weight: Q6_K: it makes the logits"));
  ASSERT_EQ(result->types.size(), 3u);
  EXPECT_EQ(result->types[0].dtype, DType::kQ6_K);
  EXPECT_EQ(result->types[1].dtype, DType::kQ4_K);
  EXPECT_EQ(result->types[2].dtype, DType::kQ5_0);
  EXPECT_EQ(result->types[2].tensors, 2u);
  EXPECT_EQ(result->types[2].elements, 2u * 8 * 96);
  EXPECT_EQ(result->types[2].bytes, 2u * 8 * 3 * 22);
}

// Larger than a window, so that memory is reused and progress is heard in between.
class Listener : public LoadProgress {
 public:
  explicit Listener(int calls_max) : calls_max_(calls_max) {}
  bool advance(const Progress& progress) override {
    EXPECT_GE(progress.bytes_done, last.bytes_done);
    EXPECT_LE(progress.bytes_done, progress.bytes_total);
    last = progress;
    return ++calls < calls_max_;
  }
  Progress last;
  int calls = 0;

 private:
  int calls_max_;
};

TEST(Quantise, ProgressIsHeardAndMayStopIt) {
  const test::TempDir dir;
  const Tensor large{"blk.0.ffn_up.weight",
                     DType::kF16,
                     {4100, 1024},
                     Values(4100 * 1024, 0.5f)};  // just above a window of 4 M elements
  const Tensor small{"blk.0.attn_q.weight", DType::kF16, {32, 32}, Values(1024, -1.0f)};
  const std::string from = write_model(dir, {large, small}), to = dir / "to.gguf";
  Listener all(1000);
  ASSERT_TRUE(quantise_gguf(from, to, {.progress = &all}).ok());
  EXPECT_EQ(all.calls, 3);
  EXPECT_EQ(all.last.bytes_done, all.last.bytes_total);
  EXPECT_EQ(all.last.bytes_total, (4100u * 1024 + 1024) * 2);
  EXPECT_EQ(all.last.tensors_done, 2u);
  EXPECT_EQ(all.last.tensors_total, 2u);
  const Checkpoint made = Checkpoint::open(to).value();
  for (const float value : values_of(made, *made.find("blk.0.ffn_up.weight"))) {
    ASSERT_NEAR(value, 0.5f, 1e-3f);
  }
  std::filesystem::remove(to);
  for (int calls = 1; calls <= 3; ++calls) {
    Listener some(calls);
    const auto stopped = quantise_gguf(from, to, {.progress = &some});
    EXPECT_EQ(stopped.status().code(), Code::kCancelled);
    EXPECT_EQ(dir.entry_count(), 1u) << "nothing stays behind";
  }
}

TEST(Quantise, RefusesWhatItCannotDo) {
  Rng rng(test::seed("quantise refusals"));
  const test::TempDir dir;
  const std::string to = dir / "to.gguf";
  const std::string from =
      write_model(dir, {random_tensor(rng, "blk.0.attn_q.weight", DType::kF16, {8, 256})});
  EXPECT_EQ(quantise_gguf(dir / "none.gguf", to, {}).status().code(), Code::kNotFound);
  EXPECT_EQ(quantise_gguf(from, to, {.dtype = DType::kQ4_1}).status().code(), Code::kUnsupported);
  EXPECT_EQ(quantise_gguf(from, from, {}).status().code(), Code::kInvalid);
  const std::string self = std::filesystem::path(dir.path()).filename().string();
  EXPECT_EQ(quantise_gguf(from, dir / ("../" + self + "/from.gguf"), {}).status().code(),
            Code::kInvalid);
  EXPECT_EQ(quantise_gguf(from, dir / "no/such/directory.gguf", {}).status().code(),
            Code::kNotFound);
  dir.write("broken.gguf", "GGUX, not a model");
  EXPECT_EQ(quantise_gguf(dir / "broken.gguf", to, {}).status().code(), Code::kCorrupt);
  EXPECT_FALSE(std::filesystem::exists(to));
}

TEST(Quantise, QuantisesAgainOnlyWhenAsked) {
  Rng rng(test::seed("requantise"));
  const test::TempDir dir;
  const std::string to = dir / "to.gguf";
  const Tensor tensor = random_tensor(rng, "blk.0.attn_q.weight", DType::kQ8_0, {8, 256});
  const std::string from = write_model(dir, {tensor});
  const auto refused = quantise_gguf(from, to, {.dtype = DType::kQ4_0});
  EXPECT_EQ(refused.status().code(), Code::kUnsupported);
  EXPECT_THAT(refused.status().message(), HasSubstr("blk.0.attn_q.weight: expected F32, F16 or "
                                                    "BF16, found Q8_0"));
  ASSERT_TRUE(quantise_gguf(from, to, {.dtype = DType::kQ4_0, .requantise = true}).ok());
  EXPECT_EQ(Checkpoint::open(to)->find("blk.0.attn_q.weight")->dtype, DType::kQ4_0);
  // In the type that it has, a copy loses nothing.
  ASSERT_TRUE(quantise_gguf(from, to, {.dtype = DType::kQ8_0}).ok());
  EXPECT_EQ(raw_bytes(Checkpoint::open(to).value(), "blk.0.attn_q.weight"),
            encoded(DType::kQ8_0, tensor.values));
}

TEST(Quantise, WeightsMustBeFinite) {
  Rng rng(test::seed("not finite"));
  const test::TempDir dir;
  for (const float bad : {std::numeric_limits<float>::infinity(), std::nanf("")}) {
    Tensor tensor = random_tensor(rng, "blk.0.attn_q.weight", DType::kF32, {1024, 256});
    tensor.values[200'000] = bad;
    const auto result = quantise_gguf(write_model(dir, {tensor}), dir / "to.gguf", {});
    EXPECT_EQ(result.status().code(), Code::kCorrupt);
    EXPECT_THAT(result.status().message(), HasSubstr("blk.0.attn_q.weight"));
    EXPECT_EQ(dir.entry_count(), 1u);
  }
  Tensor large = random_tensor(rng, "blk.0.attn_q.weight", DType::kF32, {8, 90});
  large.values[5] = 1e6f;
  const auto result = quantise_gguf(write_model(dir, {large}), dir / "to.gguf", {});
  EXPECT_EQ(result.status().code(), Code::kUnsupported);
  EXPECT_THAT(result.status().message(), HasSubstr("F16"));
}

TEST(Quantise, MetadataOfASplitAreLeftOut) {
  Rng rng(test::seed("metadata"));
  const test::TempDir dir;
  GgufOutline outline(64);
  outline.set("split.no", uint16_t{0});
  outline.set("split.count", uint16_t{1});
  outline.set("split.tensors.count", int32_t{1});
  outline.set_array("tokenizer.ggml.scores", std::vector<float>{1, 2, 3});
  const std::string from = write_model(
      dir, {random_tensor(rng, "blk.0.attn_q.weight", DType::kF32, {8, 256})}, std::move(outline));
  ASSERT_TRUE(quantise_gguf(from, dir / "to.gguf", {}).ok());
  const Checkpoint made = Checkpoint::open(dir / "to.gguf").value();
  EXPECT_FALSE(made.metadata().has("split.count"));
  EXPECT_FALSE(made.metadata().has("general.alignment"));
  EXPECT_EQ(made.metadata().numbers("tokenizer.ggml.scores")->to_vector(),
            (std::vector<double>{1, 2, 3}));
}

double squared_error(const Checkpoint& model, const Checkpoint& original) {
  double sum = 0;
  for (const TensorInfo& info : original.tensors()) {
    const TensorInfo* other = model.find(info.name);
    EXPECT_TRUE(other) << info.name;
    if (!other) continue;
    const Values a = values_of(original, info), b = values_of(model, *other);
    for (size_t i = 0; i < a.size(); ++i) sum += std::pow(double(a[i]) - b[i], 2);
  }
  return sum;
}

// Beside a small model lie the files that llama.cpp made of it.
TEST(Quantise, RealModelIsNoWorseThanTheFilesBesideIt) {
  const std::string base = test::shared_data("models/babyllama-tok105/babyllama105-");
  if (!std::filesystem::exists(base + "f32.gguf")) GTEST_SKIP() << base << "f32.gguf is not there";
  const test::TempDir dir;
  const Checkpoint original = Checkpoint::open(base + "f32.gguf").value();
  for (const DType wanted : {DType::kQ8_0, DType::kQ4_0}) {
    const std::string name = std::string(dtype_name(wanted)), to = dir / (name + ".gguf");
    ASSERT_TRUE(quantise_gguf(base + "f32.gguf", to, {.dtype = wanted}).ok());
    const Checkpoint ours = Checkpoint::open(to).value();
    const Checkpoint theirs = Checkpoint::open(base + name + ".gguf").value();
    for (const TensorInfo& info : theirs.tensors()) {
      EXPECT_EQ(ours.find(info.name)->dtype, info.dtype) << name << ' ' << info.name;
    }
    const double ratio = std::sqrt(squared_error(ours, original) / squared_error(theirs, original));
    std::cout << name << ": root-mean-square error " << ratio << " of llama.cpp's\n";
    EXPECT_LT(ratio, 1.0);
  }
}

}  // namespace
}  // namespace llmos
