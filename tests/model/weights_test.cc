// SPDX-License-Identifier: Apache-2.0
#include "model/weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/os_file.h"
#include "format/memory_source.h"
#include "model/gguf_image.h"
#include "model/hf_image.h"
#include "model/model_runner.h"
#include "support/temp_dir.h"

namespace llmos::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

const std::string kModels = std::string(LLMOS_SOURCE_DIR) + "/tests/golden/models/";
const std::string kLlama = kModels + "llama2/model.gguf";
const std::vector<TokenId> kIds{1, 24, 92, 5, 26, 31, 15, 48};

Status load_status(const GgufImage& image) {
  MemorySource source(MemorySource::Mode::kInMemory);
  source.add("model.gguf", image.bytes());
  return ModelRunner::open("model.gguf", {.source = &source}).status();
}

TEST(Weights, AMissingTensorIsNamed) {
  GgufImage image(kLlama);
  image.remove("blk.1.attn_k.weight");
  const Status status = load_status(image);
  EXPECT_EQ(status.code(), Code::kCorrupt);
  EXPECT_THAT(status.message(), AllOf(HasSubstr("model.gguf: tensor blk.1.attn_k.weight: expected"),
                                      HasSubstr("found no such tensor")));
}

TEST(Weights, AWrongShapeIsShownWithTheRightOne) {
  GgufImage image(kLlama);
  image.replace("blk.0.ffn_up.weight", DType::kF32, {3, 5});
  EXPECT_THAT(load_status(image).message(),
              AllOf(HasSubstr("tensor blk.0.ffn_up.weight: expected shape ["),
                    HasSubstr("found F32 [3, 5]")));
  GgufImage norm(kLlama);
  norm.replace("output_norm.weight", DType::kF32, {7});
  EXPECT_THAT(load_status(norm).message(), HasSubstr("found F32 [7]"));
}

TEST(Weights, ATypeThatIsNoNumberIsRefused) {
  const Checkpoint checkpoint = Checkpoint::open(kLlama).value();
  for (const char* name : {"blk.0.attn_norm.weight", "blk.0.attn_q.weight"}) {
    GgufImage image(kLlama);
    image.replace(name, DType::kI32, checkpoint.find(name)->shape);
    const Status status = load_status(image);
    EXPECT_EQ(status.code(), Code::kUnsupported);
    EXPECT_THAT(status.message(), HasSubstr("expected a floating-point type, found I32"));
  }
}

TEST(Weights, ExpertsOfOneStackHaveOneType) {
  MemorySource source(MemorySource::Mode::kInMemory);
  GgufImage image(kModels + "mixtral/model.gguf");
  const Checkpoint checkpoint = Checkpoint::open(kModels + "mixtral/model.gguf").value();
  const TensorInfo up = *checkpoint.find("blk.0.ffn_up_exps.weight");
  for (const char* part : {"gate", "up", "down"}) {
    const std::string name = std::string("blk.0.ffn_") + part;
    const Shape shape = checkpoint.find(name + "_exps.weight")->shape;
    image.remove(name + "_exps.weight");
    for (uint64_t e = 0; e < shape[0]; ++e) {
      image.add(name + "." + std::to_string(e) + ".weight", e == 1 ? DType::kF16 : DType::kF32,
                {shape[1], shape[2]});
    }
  }
  EXPECT_THAT(load_status(image).message(), HasSubstr("expected type F32 like"));
}

// Matrices of a source without memory are copied; the model computes the same.
TEST(Weights, CopiesAreAsGoodAsViews) {
  for (const std::string name :
       {"llama2", "gemma2", "phi3", "gptneox", "gpt2", "mixtral", "gpt_oss"}) {
    const std::string file = os::read_file(kModels + name + "/model.gguf", 1 << 24).value();
    std::vector<float> logits[2];
    for (const bool copied : {false, true}) {
      MemorySource source(copied ? MemorySource::Mode::kRead : MemorySource::Mode::kInMemory);
      source.add("model.gguf", file);
      auto runner = ModelRunner::open("model.gguf", {.source = &source});
      ASSERT_TRUE(runner.ok()) << runner.status().to_string();
      const WeightBytes& bytes = (*runner)->model().weights().bytes();
      EXPECT_EQ(bytes.mapped == 0, copied);
      logits[copied] = (*runner)->logits(kIds);
    }
    EXPECT_EQ(logits[0], logits[1]) << name;
  }
}

// Moves every tensor of a safetensors file by one byte: a space more in its header.
std::string misaligned(std::string file) {
  uint64_t header;
  std::memcpy(&header, file.data(), sizeof header);
  file.insert(sizeof header + header, " ");
  ++header;
  std::memcpy(file.data(), &header, sizeof header);
  return file;
}

// A file whose tensors lie at odd places (safetensors allows it) is copied where kernels need more.
TEST(Weights, MisalignedMatricesAreCopied) {
  for (const std::string name : {"llama2", "mixtral", "gpt_oss", "gptneox"}) {
    HfImage image(kModels + name + "/hf");
    auto even = ModelRunner::open(kModels + name + "/hf");
    ASSERT_TRUE(even.ok()) << even.status().to_string();
    for (auto& [file, content] : image.files) {
      if (file.ends_with(".safetensors")) content = misaligned(content);
    }
    MemorySource source(MemorySource::Mode::kInMemory);
    image.add_to(source);
    auto odd = ModelRunner::open("hf", {.source = &source});
    ASSERT_TRUE(odd.ok()) << odd.status().to_string();
    EXPECT_EQ((*odd)->model().weights().bytes().mapped, 0u);
    EXPECT_EQ((*odd)->logits(kIds), (*even)->logits(kIds)) << name;
  }
}

class Stopwatch : public LoadProgress {
 public:
  explicit Stopwatch(uint32_t stop_after) : stop_after_(stop_after) {}
  bool advance(const Progress& progress) override {
    EXPECT_EQ(progress.tensors_done, last_.tensors_done + 1);
    EXPECT_GT(progress.bytes_done, last_.bytes_done);
    last_ = progress;
    return last_.tensors_done < stop_after_;
  }
  const Progress& last() const { return last_; }

 private:
  uint32_t stop_after_;
  Progress last_;
};

TEST(Weights, ProgressCountsToTheEndAndCanStop) {
  const Checkpoint checkpoint = Checkpoint::open(kLlama).value();
  const ModelFile file = read_model(checkpoint).value();
  auto device = ComputeDevice::create({.threads = 1}).value();
  Stopwatch all(UINT32_MAX);
  ASSERT_TRUE(Weights::load(checkpoint, file, *device, &all).ok());
  EXPECT_EQ(all.last().tensors_done, all.last().tensors_total);
  EXPECT_EQ(all.last().bytes_done, all.last().bytes_total);
  EXPECT_EQ(all.last().tensors_total, checkpoint.tensors().size());
  Stopwatch some(3);
  EXPECT_EQ(Weights::load(checkpoint, file, *device, &some).status().code(), Code::kCancelled);
  EXPECT_EQ(some.last().tensors_done, 3u);
  EXPECT_EQ(device->bytes_used(), 0u);
}

TEST(Weights, AReadThatFailsEndsLoading) {
  const std::string file = os::read_file(kLlama, 1 << 24).value();
  MemorySource counting;
  counting.add("model.gguf", file);
  ASSERT_TRUE(ModelRunner::open("model.gguf", {.source = &counting}).ok());
  const int calls = counting.calls();
  for (int i = 0; i < calls; ++i) {
    MemorySource source;
    source.add("model.gguf", file);
    source.fail_at(i);
    EXPECT_FALSE(ModelRunner::open("model.gguf", {.source = &source}).ok()) << i;
  }
}

TEST(Weights, MeasuringSaysWhatLoadingTakes) {
  for (const std::string name : {"llama2", "gpt2", "gpt_oss", "mixtral", "gptneox", "phi3"}) {
    for (const std::string kind : {"model.gguf", "hf"}) {
      const Checkpoint checkpoint = Checkpoint::open(kModels + name + "/" + kind).value();
      const ModelFile file = read_model(checkpoint).value();
      const WeightBytes expected = Weights::measure(checkpoint, file).value();
      auto device = ComputeDevice::create({.threads = 1}).value();
      const Weights weights = Weights::load(checkpoint, file, *device).value();
      EXPECT_EQ(weights.bytes().mapped, expected.mapped) << name;
      EXPECT_EQ(weights.bytes().copied, expected.copied) << name;
      EXPECT_EQ(device->bytes_used(), Buffer::bytes_taken(expected.copied)) << name;
    }
  }
}

// Weights are mapped, not read: a model of twice the machine's memory computes.
TEST(Weights, AModelLargerThanMemoryLoads) {
  const uint64_t memory = uint64_t(sysconf(_SC_PHYS_PAGES)) * uint64_t(sysconf(_SC_PAGESIZE));
  constexpr uint64_t kDim = 4096;
  const uint64_t vocabulary = 2 * memory / (kDim * sizeof(float)) + 1;
  if (vocabulary > kVocabularyMax) GTEST_SKIP() << "no model is larger than this machine's memory";
  GgufOutline outline;
  outline.set("general.architecture", "llama");
  outline.set("llama.block_count", uint32_t{1});
  outline.set("llama.embedding_length", uint32_t{kDim});
  outline.set("llama.attention.head_count", uint32_t{32});
  outline.set("llama.attention.head_count_kv", uint32_t{1});
  outline.set("llama.feed_forward_length", uint32_t{64});
  outline.set("llama.context_length", uint32_t{64});
  outline.set("llama.attention.layer_norm_rms_epsilon", 1e-5f);
  const std::pair<const char*, Shape> tensors[] = {
      {"token_embd.weight", {vocabulary, kDim}}, {"output_norm.weight", {kDim}},
      {"blk.0.attn_norm.weight", {kDim}},        {"blk.0.ffn_norm.weight", {kDim}},
      {"blk.0.attn_q.weight", {kDim, kDim}},     {"blk.0.attn_k.weight", {128, kDim}},
      {"blk.0.attn_v.weight", {128, kDim}},      {"blk.0.attn_output.weight", {kDim, kDim}},
      {"blk.0.ffn_gate.weight", {64, kDim}},     {"blk.0.ffn_up.weight", {64, kDim}},
      {"blk.0.ffn_down.weight", {kDim, 64}}};
  for (const auto& [name, shape] : tensors)
    ASSERT_TRUE(outline.add_tensor(name, DType::kF32, shape).ok());
  const TempDir dir;
  std::string header = outline.header();
  const uint64_t bytes = header.size() + outline.data_bytes();
  // The first word's row is not zero, so that something shows.
  header += std::string(kDim * sizeof(float), '?');
  const std::string path = dir.write("huge.gguf", header);
  if (truncate(path.c_str(), off_t(bytes)) != 0)
    GTEST_SKIP() << "no sparse file of " << bytes << " bytes here: " << std::strerror(errno);

  auto runner = ModelRunner::open(path, {.block_tokens = 16, .batch_tokens = 4});
  ASSERT_TRUE(runner.ok()) << runner.status().to_string();
  EXPECT_GT((*runner)->model().weights().bytes().mapped, memory);
  BlockTable table = (*runner)->new_sequence();
  ASSERT_TRUE(table.append(2));
  const std::vector<TokenId> ids{0, TokenId(vocabulary - 1)};
  const kernels::AttentionSpan span{.tokens = 2, .blocks = table.blocks().data()};
  EXPECT_TRUE(
      (*runner)->model().forward({.ids = ids, .spans = {&span, 1}}, (*runner)->cache()).ok());
}

TEST(Weights, CopiesThatDoNotFitTheDeviceAreExhausted) {
  const Checkpoint checkpoint = Checkpoint::open(kModels + "gpt2/hf").value();
  auto device = ComputeDevice::create({.threads = 1, .memory_bytes_max = 4096}).value();
  EXPECT_EQ(Weights::load(checkpoint, read_model(checkpoint).value(), *device).status().code(),
            Code::kExhausted);
}

}  // namespace
}  // namespace llmos::test
