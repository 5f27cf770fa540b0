// SPDX-License-Identifier: Apache-2.0
// Opening models: from files and from a host's source, with progress, and all that can go wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "api/golden_model.h"
#include "base/os_file.h"
#include "format/memory_source.h"

namespace llmos {
namespace {

using test::golden_path;
using test::MemorySource;

const GenerateOptions kEight{.sampling = {.temperature = 0}, .tokens_max = 8};

std::string file_of(const std::string& name) {
  return os::read_file(golden_path(name), 1 << 24).value();
}

void add_folder(MemorySource& source, const std::string& name) {
  for (const auto& entry : std::filesystem::directory_iterator(golden_path(name))) {
    source.add("m/" + entry.path().filename().string(),
               os::read_file(entry.path(), 1 << 24).value());
  }
}

TEST(Model, OfASourceIsTheSameAsOfAFile) {
  for (const auto mode : {MemorySource::Mode::kRead, MemorySource::Mode::kInMemory}) {
    MemorySource source(mode);
    source.add("model.gguf", file_of("llama2/model.gguf"));
    Model model = Model::open("model.gguf", {.threads = 1, .source = &source}).value();
    EXPECT_EQ(model.generate(test::kPrompt, kEight)->tokens, test::kGreedy);
    EXPECT_EQ(model.plan().weights_mapped == 0, mode == MemorySource::Mode::kRead);

    MemorySource folder(mode);
    add_folder(folder, "llama2/hf");
    Model hf = Model::open("m", {.threads = 1, .source = &folder}).value();
    EXPECT_EQ(hf.generate(test::kPrompt, kEight)->tokens, test::kGreedy);
    EXPECT_EQ(hf.info().format, "safetensors");
  }
}

TEST(Model, DefaultNeedsNoPath) {
  Result<Model> model = Model::open("default", {.threads = 1});
  if (model.status().code() == Code::kNotFound) GTEST_SKIP() << model.status().message();
  ASSERT_TRUE(model.ok()) << model.status().to_string();
  EXPECT_EQ(model->info().name, "tale");
  EXPECT_EQ(inspect("default")->parameters, model->info().parameters);
  EXPECT_EQ(plan("default", {.threads = 1})->total, model->plan().total);
  const auto prompt = model->tokenizer().encode("Once there was a");
  EXPECT_EQ(model->generate(prompt, kEight)->tokens.size(), 8u);
}

// A source's tokenizer comes from the source; a directory of the same name is not looked at.
TEST(Model, OfASourceHasTheSourcesTokenizer) {
  MemorySource source;
  add_folder(source, "llama2/hf");
  EXPECT_FALSE(Model::open("m", {.threads = 1, .source = &source})->has_tokenizer());
  const std::string path =
      std::string(LLMOS_SOURCE_DIR) + "/tests/golden/tokenizers/json-bpe-bytes.json";
  source.add("m/tokenizer.json", os::read_file(path, 1 << 24).value());
  const Model model = Model::open("m", {.threads = 1, .source = &source}).value();
  ASSERT_TRUE(model.has_tokenizer());
  EXPECT_EQ(model.tokenizer().encode("Hello there"), Tokenizer::open(path)->encode("Hello there"));
  source.add("m/tokenizer.json", "{");
  EXPECT_FALSE(Model::open("m", {.threads = 1, .source = &source}).ok());
}

// Whichever call into the source fails: the model does not open, and nothing is left behind.
TEST(Model, OfASourceThatFailsHalfWayDoesNotOpen) {
  for (const bool gguf : {true, false}) {
    const auto open = [&](MemorySource& source) {
      if (gguf) {
        source.add("model.gguf", file_of("llama2/model.gguf"));
      } else {
        add_folder(source, "llama2/hf");
      }
      return Model::open(gguf ? "model.gguf" : "m", {.threads = 1, .source = &source}).status();
    };
    MemorySource whole;
    ASSERT_TRUE(open(whole).ok());
    ASSERT_GT(whole.calls(), 10);
    for (int call = 0; call < whole.calls(); ++call) {
      MemorySource source;
      source.fail_at(call);
      const Status status = open(source);
      EXPECT_EQ(status.code(), Code::kDenied) << "call " << call << ": " << status.to_string();
    }
  }
}

// A source that lies about a size: less than there is cuts the file, more is refused by read().
class LyingSource : public MemorySource {
 public:
  explicit LyingSource(int64_t change) : change_(change) {}
  Result<uint64_t> size(const std::string& name) override {
    const Result<uint64_t> size = MemorySource::size(name);
    if (!size.ok()) return size;
    bytes_ = *size;
    return uint64_t(int64_t(*size) + change_);
  }
  Status read(const std::string& name, uint64_t offset, std::span<std::byte> into) override {
    if (offset > bytes_ || into.size() > bytes_ - offset)
      return Status(Code::kCorrupt, "beyond the end");
    return MemorySource::read(name, offset, into);
  }

 private:
  int64_t change_;
  uint64_t bytes_ = 0;
};

TEST(Model, OfASourceWithAWrongSizeDoesNotOpen) {
  const std::string file = file_of("llama2/model.gguf");
  for (const int64_t change :
       {int64_t{-4096}, -int64_t(file.size()), -int64_t(file.size()) + 100, int64_t{1} << 62}) {
    LyingSource source(change);
    source.add("model.gguf", file);
    const Status status = Model::open("model.gguf", {.threads = 1, .source = &source}).status();
    // Bytes behind the last tensor are nobody's business.
    if (change < 0) {
      EXPECT_EQ(status.code(), Code::kCorrupt) << change << status.to_string();
    } else {
      EXPECT_NE(status.code(), Code::kInternal) << status.to_string();
    }
  }
}

class Watcher : public LoadProgress {
 public:
  explicit Watcher(uint32_t stop_after) : stop_after_(stop_after) {}
  bool advance(const Progress& progress) override {
    last = progress;
    ++calls;
    return calls < stop_after_;
  }
  Progress last;
  uint32_t calls = 0;

 private:
  uint32_t stop_after_;
};

TEST(Model, LoadingIsReportedAndCanBeEnded) {
  for (const char* name : {"llama2/model.gguf", "llama2/hf", "gpt_oss/hf"}) {
    Watcher watcher(UINT32_MAX);
    ASSERT_TRUE(Model::open(golden_path(name), {.threads = 1, .progress = &watcher}).ok());
    EXPECT_EQ(watcher.last.tensors_done, watcher.last.tensors_total);
    EXPECT_EQ(watcher.last.bytes_done, watcher.last.bytes_total);
    EXPECT_GT(watcher.last.bytes_total, 0u);
    for (uint32_t stop = 1; stop <= watcher.calls; ++stop) {
      Watcher stopper(stop);
      const Status status =
          Model::open(golden_path(name), {.threads = 1, .progress = &stopper}).status();
      EXPECT_EQ(status.code(), Code::kCancelled) << name << ' ' << stop;
      EXPECT_EQ(stopper.calls, stop);
    }
  }
}

TEST(Model, WrongOptionsAreRefused) {
  const std::string path = golden_path("llama2/model.gguf");
  EXPECT_EQ(Model::open(path, {.threads = 100000}).status().code(), Code::kInvalid);
  EXPECT_EQ(Model::open(path, {.kernels = "abacus"}).status().code(), Code::kInvalid);
  EXPECT_EQ(Model::open(path, {.kv_type = "f7"}).status().code(), Code::kInvalid);
  EXPECT_EQ(Model::open("/nowhere").status().code(), Code::kNotFound);
}

TEST(Model, CanBeMoved) {
  Model first = Model::open(golden_path("llama2/hf"), {.threads = 1}).value();
  Model second = std::move(first);
  EXPECT_EQ(second.generate(test::kPrompt, kEight)->tokens, test::kGreedy);
  EXPECT_FALSE(second.has_tokenizer());
}

}  // namespace
}  // namespace llmos
