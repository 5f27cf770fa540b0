// SPDX-License-Identifier: Apache-2.0
// The facade of tests/format/quantise_test.cc: names of types, and what the report says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/golden_model.h"
#include "support/temp_dir.h"

namespace llmos {
namespace {

using ::testing::HasSubstr;

const std::string kFrom = test::golden_path("llama2/model.gguf");

TEST(Quantize, WritesAFileThatRunsAndReportsWhatIsInIt) {
  for (const char* type : {"q8_0", "Q4_0", "iq4_nl"}) {
    const test::TempDir dir;
    const std::string to = dir / "out.gguf";
    const QuantizeReport report = quantize(kFrom, to, {.type = type, .threads = 1}).value();
    const ModelInfo info = inspect(to).value();
    EXPECT_EQ(report.bytes_in, inspect(kFrom)->bytes);
    EXPECT_EQ(report.bytes_out, info.bytes);
    ASSERT_EQ(report.types.size(), info.types.size());
    for (size_t i = 0; i < info.types.size(); ++i) {
      EXPECT_EQ(report.types[i].type, info.types[i].type);
      EXPECT_EQ(report.types[i].bytes, info.types[i].bytes);
      EXPECT_EQ(report.types[i].tensors, info.types[i].tensors);
    }
    Model model = Model::open(to, {.threads = 1}).value();
    EXPECT_EQ(model.generate(test::kPrompt, {.sampling = {.temperature = 0}, .tokens_max = 1})
                  ->tokens.size(),
              1u);
  }
}

// Rows of 48 and 88 are no whole blocks of 32: the report says what became of them.
TEST(Quantize, NotesTensorsThatGotAnotherType) {
  const test::TempDir dir;
  const QuantizeReport report =
      quantize(kFrom, dir / "out.gguf", {.type = "q4_k", .threads = 1}).value();
  EXPECT_FALSE(report.notes.empty());
}

TEST(Quantize, WrongArgumentsAreNamedAndLeaveNoFile) {
  const test::TempDir dir;
  const auto status = [&](const std::string& from, const QuantizeOptions& options) {
    return quantize(from, dir / "out.gguf", options).status();
  };
  EXPECT_THAT(status(kFrom, {.type = "q9"}).message(), HasSubstr("found \"q9\""));
  EXPECT_EQ(status(kFrom, {}).code(), Code::kInvalid);
  EXPECT_FALSE(status(kFrom, {.type = "f32"}).ok());
  EXPECT_EQ(status("/nowhere.gguf", {.type = "q8_0"}).code(), Code::kNotFound);
  EXPECT_EQ(status(test::golden_path("llama2/hf"), {.type = "q8_0"}).code(), Code::kUnsupported);
  EXPECT_LT(status(kFrom, {.type = std::string(5000, 'q')}).message().size(), 300u);
  EXPECT_EQ(status(kFrom, {.type = "q8_0", .threads = UINT32_MAX}).code(), Code::kInvalid);
  EXPECT_EQ(dir.entry_count(), 0u);
}

class Refusal : public LoadProgress {
 public:
  bool advance(const Progress&) override { return false; }
};

TEST(Quantize, CanBeEnded) {
  const test::TempDir dir;
  Refusal refusal;
  EXPECT_EQ(quantize(kFrom, dir / "out.gguf", {.type = "q8_0", .threads = 1, .progress = &refusal})
                .status()
                .code(),
            Code::kCancelled);
  EXPECT_EQ(dir.entry_count(), 0u);
}

}  // namespace
}  // namespace llmos
