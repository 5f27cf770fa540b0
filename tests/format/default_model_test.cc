// SPDX-License-Identifier: Apache-2.0
#include "format/default_model.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>

#include "base/os_file.h"
#include "format/checkpoint.h"
#include "format/memory_source.h"
#include "llmos/tokenizer.h"
#include "support/temp_dir.h"

namespace llmos {
namespace {

namespace fs = std::filesystem;

const std::string kModelFile = LLMOS_SOURCE_DIR "/examples/models/tale.gguf";

TEST(DefaultModel, OtherPathsStayAsTheyAre) {
  for (const std::string path : {"", "./default", "default.gguf", "/models/default"}) {
    const Result<ModelPlace> place = find_model(path, nullptr);
    ASSERT_TRUE(place.ok());
    EXPECT_EQ(place->path, path);
    EXPECT_EQ(place->source, nullptr);
  }
}

TEST(DefaultModel, ASourceMayHaveAFileOfThatName) {
  test::MemorySource source;
  const Result<ModelPlace> place = find_model("default", &source);
  ASSERT_TRUE(place.ok());
  EXPECT_EQ(place->path, "default");
  EXPECT_EQ(place->source, &source);
}

TEST(DefaultModel, TheBytesOfTheFileAreInTheLibrary) {
  const auto bytes = embedded_model();
  if (bytes.empty()) GTEST_SKIP() << "built with LLMOS_DEFAULT_MODEL=INSTALL or OFF";
  EXPECT_EQ(reinterpret_cast<uintptr_t>(bytes.data()) % 64, 0u);
  const Result<os::MappedFile> file = os::MappedFile::open(kModelFile);
  ASSERT_TRUE(file.ok()) << file.status().to_string();
  ASSERT_EQ(bytes.size(), file->bytes().size());
  EXPECT_EQ(std::memcmp(bytes.data(), file->bytes().data(), bytes.size()), 0);
}

TEST(DefaultModel, TheSourceHasNothingElse) {
  if (embedded_model().empty()) GTEST_SKIP() << "built with LLMOS_DEFAULT_MODEL=INSTALL or OFF";
  const Result<ModelPlace> place = find_model("default", nullptr);
  ASSERT_TRUE(place.ok() && place->source);
  EXPECT_EQ(place->source->size("config.json").status().code(), Code::kNotFound);
  std::byte first[4];
  ASSERT_TRUE(place->source->read(place->path, 0, first).ok());
  EXPECT_EQ(std::memcmp(first, "GGUF", 4), 0);
}

TEST(DefaultModel, OpensLikeItsFile) {
  const Result<Checkpoint> named = Checkpoint::open("default");
  if (named.status().code() == Code::kNotFound) GTEST_SKIP() << named.status().message();
  ASSERT_TRUE(named.ok()) << named.status().to_string();
  EXPECT_EQ(named->path(), "default");
  const Result<Checkpoint> file = Checkpoint::open(kModelFile);
  ASSERT_TRUE(file.ok()) << file.status().to_string();
  ASSERT_EQ(named->tensors().size(), file->tensors().size());
  for (const TensorInfo& tensor : named->tensors()) EXPECT_TRUE(named->view(tensor).ok());
}

TEST(DefaultModel, HasATokenizer) {
  const Result<Tokenizer> tokenizer = Tokenizer::open("default");
  if (tokenizer.status().code() == Code::kNotFound) GTEST_SKIP() << tokenizer.status().message();
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status().to_string();
  const std::string text = "Once there was a brave otter, 42 miles away.";
  EXPECT_EQ(tokenizer->decode(tokenizer->encode(text)).value(), text);
}

TEST(DefaultModel, AnInstalledFileIsFoundFromBinAndLib) {
  const test::TempDir dir;
  const fs::path prefix = fs::path(dir / "prefix");
  const auto find = [&](const char* program) {
    return find_shared_file((prefix / program).string(), "m.gguf");
  };
  EXPECT_EQ(find("bin/llmos"), "");
  fs::create_directories(prefix / "share/llmos/m.gguf");  // no file
  EXPECT_EQ(find("bin/llmos"), "");
  fs::remove(prefix / "share/llmos/m.gguf");
  const std::string file = dir.write("prefix/share/llmos/m.gguf", "GGUF");
  EXPECT_EQ(find("bin/llmos"), file);
  EXPECT_EQ(find("lib/x86_64-linux-gnu/libllmos.so"), file);
  EXPECT_EQ(find("lib/a/b/libllmos.so"), "");
  EXPECT_EQ(find_shared_file("", "m.gguf"), "");
  EXPECT_EQ(find_shared_file("/llmos", "m.gguf"), "");
}

}  // namespace
}  // namespace llmos
