// SPDX-License-Identifier: Apache-2.0
// Published models with the texts that a plain C implementation generates from them. They lie
// beside the project where it is developed, and nowhere else.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <numeric>

#include "base/json_cursor.h"
#include "base/os_file.h"
#include "format/memory_source.h"
#include "format/quantise.h"
#include "llmos/tokenizer.h"
#include "model/gguf_image.h"
#include "model/model_runner.h"
#include "support/temp_dir.h"

namespace llmos::test {
namespace {

const std::string kData = std::string(LLMOS_SOURCE_DIR) + "/../shared/data/models/";

#define LLMOS_NEED(path) \
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no " << (path)

std::vector<TokenId> ids_of(const JsonCursor& cursor) {
  std::vector<TokenId> ids;
  for (const Json& item : cursor.items().value()) ids.push_back(TokenId(*item.if_int64()));
  return ids;
}

// At most this far from the reference's logits, which are printed with five decimals.
constexpr double kLogitTolerance = 1e-3;

Json golden_of(const std::string& folder) {
  return parse_json(os::read_file(kData + folder + "/golden.json", 1 << 24).value()).value();
}

// The largest distance from the reference's five best logits of the first steps.
double worst_logit(const JsonCursor& golden_case, ModelRunner& runner) {
  const std::vector<TokenId> prompt = ids_of(golden_case["prompt_ids"]);
  std::vector<TokenId> all = prompt;
  for (const TokenId id : ids_of(golden_case["greedy_ids"])) all.push_back(id);
  const std::vector<float> logits = runner.logits(all);
  const JsonCursor steps = golden_case["top5_first16"];
  double worst = 0;
  const size_t count = std::min(steps.items().value().size(), all.size() - prompt.size());
  for (size_t i = 0; i < count; ++i) {
    for (size_t k = 0; k < 5; ++k) {
      const auto id = size_t(steps[i][k][0].integer().value());
      const double found = logits[(prompt.size() - 1 + i) * runner.vocabulary() + id];
      worst = std::max(worst, std::abs(found - steps[i][k][1].number().value()));
    }
  }
  return worst;
}

// How many of the reference's greedy tokens, all cases together, the model says as well.
double agreement(const JsonCursor& cases, ModelRunner& runner, bool exact) {
  size_t same = 0, total = 0;
  for (size_t i = 0; i < cases.items().value().size(); ++i) {
    const std::vector<TokenId> prompt = ids_of(cases[i]["prompt_ids"]);
    const std::vector<TokenId> greedy = ids_of(cases[i]["greedy_ids"]);
    const double gap = cases[i]["min_top1_top2_gap"].number().value();
    if (exact && gap > 2 * kLogitTolerance) {
      EXPECT_EQ(runner.greedy(prompt, greedy.size()), greedy);
    }
    std::vector<TokenId> all = prompt;
    all.insert(all.end(), greedy.begin(), greedy.end());
    const std::vector<float> logits = runner.logits(all);
    for (size_t g = 0; g < greedy.size(); ++g, ++total) {
      const size_t row = (prompt.size() - 1 + g) * runner.vocabulary();
      same += best_token(std::span(logits).subspan(row, runner.vocabulary())) == greedy[g];
    }
  }
  return double(same) / double(total);
}

// Mean negative log-likelihood of each token after the first, given those before it.
double mean_nll(ModelRunner& runner, std::span<const TokenId> ids) {
  const std::vector<float> logits = runner.logits(ids);
  double sum = 0;
  for (size_t i = 0; i + 1 < ids.size(); ++i) {
    const auto row = std::span(logits).subspan(i * runner.vocabulary(), runner.vocabulary());
    const double largest = row[size_t(best_token(row))];
    double total = 0;
    for (const float x : row) total += std::exp(x - largest);
    sum += std::log(total) + largest - row[size_t(ids[i + 1])];
  }
  return sum / double(ids.size() - 1);
}

void expect_golden(const std::string& folder, const std::string& file) {
  const std::string path = kData + folder + "/" + file;
  LLMOS_NEED(path);
  auto runner = ModelRunner::open(path);
  ASSERT_TRUE(runner.ok()) << runner.status().to_string();
  const Json json = golden_of(folder);
  const JsonCursor cases = JsonCursor(json, "golden")["cases"];
  for (size_t i = 0; i < cases.items().value().size(); ++i)
    EXPECT_LE(worst_logit(cases[i], **runner), kLogitTolerance) << "case " << i;
  EXPECT_GE(agreement(cases, **runner, true), 0.999);
}

TEST(RealWeights, Stories260kSaysItsGoldenTexts) {
  expect_golden("stories260K", "stories260K-f32.gguf");
}

TEST(RealWeights, BabyllamaSaysItsGoldenTexts) {
  expect_golden("babyllama-tok105", "babyllama105-f32.gguf");
}

// Types of less precision say nearly the same.
TEST(RealWeights, NarrowTypesStayClose) {
  struct Narrow {
    const char* folder;
    const char* file;
    double agreement;
  };
  for (const Narrow& n : {Narrow{"stories260K", "stories260K-F16.gguf", 0.99},
                          Narrow{"babyllama-tok105", "babyllama105-Q8_0.gguf", 0.98},
                          Narrow{"babyllama-tok105", "babyllama105-Q4_0.gguf", 0.85}}) {
    const std::string path = kData + n.folder + "/" + n.file;
    LLMOS_NEED(path);
    auto runner = ModelRunner::open(path);
    ASSERT_TRUE(runner.ok()) << runner.status().to_string();
    const Json json = golden_of(n.folder);
    EXPECT_GE(agreement(JsonCursor(json, "golden")["cases"], **runner, false), n.agreement)
        << n.file;
  }
}

TEST(RealWeights, LikelihoodsOfTheSampleAgree) {
  struct Sample {
    const char* folder;
    const char* file;
    const char* tokenizer;
  };
  for (const Sample& s : {Sample{"stories260K", "stories260K-f32.gguf", "stories260K-f32.gguf"},
                          Sample{"babyllama-tok105", "babyllama105-f32.gguf", "tok105.model"}}) {
    const std::string folder = kData + s.folder + "/";
    LLMOS_NEED(folder + s.file);
    auto runner = ModelRunner::open(folder + s.file);
    ASSERT_TRUE(runner.ok()) << runner.status().to_string();
    const Result<Tokenizer> tokenizer = Tokenizer::open(folder + s.tokenizer);
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.status().to_string();
    const Json json = golden_of(s.folder);
    const JsonCursor nll = JsonCursor(json, "golden")["nll"];
    std::vector<TokenId> ids =
        tokenizer->encode(os::read_file(folder + "text-sample.txt", 1 << 20).value());
    EXPECT_EQ(ids.size(), nll["tokens_total"].natural().value()) << s.folder;
    ids.resize(std::min<size_t>(ids.size(), nll["scored"].natural().value() + 1));
    EXPECT_NEAR(mean_nll(**runner, ids), nll["mean_nll"].number().value(), 1e-4) << s.folder;
  }
}

// What our quantiser makes of the f32 file predicts the sample no worse than the files beside it.
TEST(RealWeights, OurQuantisedFilesAreNoWorse) {
  const std::string folder = kData + "babyllama-tok105/";
  LLMOS_NEED(folder + "babyllama105-f32.gguf");
  std::vector<TokenId> ids =
      Tokenizer::open(folder + "tok105.model")
          .value()
          .encode(os::read_file(folder + "text-sample.txt", 1 << 20).value());
  const TempDir dir;
  const auto nll_of = [&](const std::string& path) {
    auto runner = ModelRunner::open(path).value();
    constexpr size_t kChunk = 256;  // the model's context
    double sum = 0;
    size_t chunks = 0;
    for (size_t i = 0; i + kChunk <= ids.size(); i += kChunk, ++chunks)
      sum += mean_nll(*runner, std::span(ids).subspan(i, kChunk));
    return sum / double(chunks);
  };
  ASSERT_GE(ids.size(), 256u);
  const double exact = nll_of(folder + "babyllama105-f32.gguf");
  for (const auto& [name, dtype] :
       {std::pair{"Q8_0", DType::kQ8_0}, std::pair{"Q4_0", DType::kQ4_0}}) {
    const std::string ours = dir / (std::string(name) + ".gguf");
    const auto made =
        quantise_gguf(folder + "babyllama105-f32.gguf", ours, {.dtype = dtype, .threads = 1});
    ASSERT_TRUE(made.ok()) << made.status().to_string();
    const double theirs = nll_of(folder + "babyllama105-" + name + ".gguf");
    const double found = nll_of(ours);
    RecordProperty(std::string(name) + "_f32", std::to_string(exact));
    RecordProperty(std::string(name) + "_theirs", std::to_string(theirs));
    RecordProperty(std::string(name) + "_ours", std::to_string(found));
    // A sample's likelihood moves a little either way by any rounding, so that the file beside it
    // may be luckier than f32 itself: nobody need be better than that, and 1e-3 is no difference.
    EXPECT_LE(found, std::max(theirs, exact) + 1e-3) << name << " of f32 " << exact;
  }
}

TEST(RealWeights, Llama2TinyRandomRuns) {
  const std::string path = kData + "llama2-tiny-random/llama-2-tiny-random.gguf";
  LLMOS_NEED(path);
  auto runner = ModelRunner::open(path, {.batch_tokens = 8});
  ASSERT_TRUE(runner.ok()) << runner.status().to_string();
  EXPECT_EQ((*runner)->model().config().head_dim, 4u);
  const std::vector<TokenId> ids{1, 15043, 3186};
  const std::vector<float> logits = (*runner)->logits(ids, 8);
  ASSERT_EQ(logits.size(), 3u * 32000);
  for (const float x : logits) ASSERT_TRUE(std::isfinite(x));
  EXPECT_EQ((*runner)->logits(ids, 1), logits);
}

std::string base64_decode(std::string_view text) {
  std::string bytes;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const auto value =
        std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
            .find(c);
    if (value == std::string_view::npos) break;
    bits = bits << 6 | uint32_t(value);
    if ((count += 6) >= 8) bytes += char(bits >> (count -= 8));
  }
  return bytes;
}

std::vector<float> floats_of(const JsonCursor& tensor) {
  const std::string bytes = base64_decode(tensor["data"].string().value());
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

// A published gpt2-like model as a GGUF file.
GgufImage nano_image(const JsonCursor& model) {
  GgufImage image;
  image.keys.set("general.architecture", "gpt2");
  image.keys.set("gpt2.block_count", uint32_t{3});
  image.keys.set("gpt2.embedding_length", uint32_t{48});
  image.keys.set("gpt2.attention.head_count", uint32_t{3});
  image.keys.set("gpt2.feed_forward_length", uint32_t{192});
  image.keys.set("gpt2.context_length", uint32_t{11});
  image.keys.set("gpt2.attention.layer_norm_epsilon", 1e-5f);
  const auto add = [&](const std::string& name, const std::string& from) {
    const JsonCursor tensor = model[from];
    std::vector<uint64_t> sizes;
    for (const TokenId size : ids_of(tensor["shape"])) sizes.push_back(uint64_t(size));
    image.add(name, DType::kF32, Shape(std::span<const uint64_t>(sizes)),
              base64_decode(tensor["data"].string().value()));
  };
  add("token_embd.weight", "transformer.wte.weight");
  add("position_embd.weight", "transformer.wpe.weight");
  add("output.weight", "lm_head.weight");
  for (const std::string kind : {".weight", ".bias"}) {
    add("output_norm" + kind, "transformer.ln_f" + kind);
    for (int i = 0; i < 3; ++i) {
      const std::string to = "blk." + std::to_string(i) + ".";
      const std::string from = "transformer.h." + std::to_string(i) + ".";
      add(to + "attn_norm" + kind, from + "ln_1" + kind);
      add(to + "attn_qkv" + kind, from + "attn.c_attn" + kind);
      add(to + "attn_output" + kind, from + "attn.c_proj" + kind);
      add(to + "ffn_norm" + kind, from + "ln_2" + kind);
      add(to + "ffn_up" + kind, from + "mlp.c_fc" + kind);
      add(to + "ffn_down" + kind, from + "mlp.c_proj" + kind);
    }
  }
  return image;
}

TEST(RealWeights, GptNanoHasItsGoldenActivations) {
  const std::string folder = kData + "gpt-nano-sort/";
  LLMOS_NEED(folder);
  const Json model =
      parse_json(os::read_file(folder + "gpt-nano-sort-model.json", 1 << 24).value()).value();
  const Json partials =
      parse_json(os::read_file(folder + "gpt-nano-sort-t0-partials.json", 1 << 24).value()).value();
  const JsonCursor golden(partials, "partials");
  MemorySource source(MemorySource::Mode::kInMemory);
  source.add("nano.gguf", nano_image(JsonCursor(model, "model")).bytes());
  auto runner = ModelRunner::open("nano.gguf", {.source = &source});
  ASSERT_TRUE(runner.ok()) << runner.status().to_string();
  const std::vector<float> ids = floats_of(golden["idx"]);           // [3, 11]
  const std::vector<float> expected = floats_of(golden["lm_head"]);  // [3, 11, 3]
  ASSERT_EQ(ids.size(), 33u);
  ASSERT_EQ(expected.size(), 99u);
  for (size_t s = 0; s < 3; ++s) {
    std::vector<TokenId> sequence;
    for (size_t i = 0; i < 11; ++i) sequence.push_back(TokenId(ids[s * 11 + i]));
    const std::vector<float> found = (*runner)->logits(sequence);
    for (size_t i = 0; i < 33; ++i) EXPECT_NEAR(found[i], expected[s * 33 + i], 1e-3);
  }
}

}  // namespace
}  // namespace llmos::test
