// SPDX-License-Identifier: Apache-2.0
#include "format/weight_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "format/memory_source.h"
#include "support/temp_dir.h"

namespace llmos {
namespace {

using ::testing::HasSubstr;
using Mode = test::MemorySource::Mode;

void expect_content(const WeightFile& file, std::string_view content) {
  EXPECT_EQ(file.size(), content.size());
  for (uint64_t offset = 0; offset <= content.size(); ++offset) {
    for (uint64_t size = 0; size <= content.size() - offset; ++size) {
      std::string into(size, '\0');
      ASSERT_TRUE(file.read(offset, std::as_writable_bytes(std::span(into))).ok());
      ASSERT_EQ(into, content.substr(offset, size));
      const auto view = file.view(offset, size);
      ASSERT_EQ(view.ok(), file.in_memory());
      if (view.ok()) {
        ASSERT_EQ(std::string(reinterpret_cast<const char*>(view->data()), view->size()), into);
      }
    }
  }
  std::byte byte;
  for (const uint64_t offset : {uint64_t{content.size()}, uint64_t{1} << 40, UINT64_MAX}) {
    EXPECT_EQ(file.read(offset, {&byte, 1}).code(), Code::kCorrupt);
    EXPECT_EQ(file.view(offset, 1).status().code(), Code::kCorrupt);
  }
  EXPECT_EQ(file.view(1, UINT64_MAX).status().code(), Code::kCorrupt);
  file.advise(os::Access::kWillNeed, 0, UINT64_MAX);
}

TEST(WeightFile, MappedShownOrRead) {
  const std::string content = "the bytes of a file";
  const test::TempDir dir;
  const Result<WeightFile> mapped = WeightFile::map(dir.write("a", content));
  ASSERT_TRUE(mapped.ok());
  EXPECT_TRUE(mapped->in_memory());
  expect_content(*mapped, content);
  for (const Mode mode : {Mode::kInMemory, Mode::kRead}) {
    test::MemorySource source(mode);
    source.add("a", content);
    const Result<WeightFile> file = WeightFile::of_source(source, "a");
    ASSERT_TRUE(file.ok());
    EXPECT_EQ(file->in_memory(), mode == Mode::kInMemory);
    expect_content(*file, content);
  }
}

TEST(WeightFile, EmptyFiles) {
  const test::TempDir dir;
  const Result<WeightFile> mapped = WeightFile::map(dir.write("a", ""));
  ASSERT_TRUE(mapped.ok());
  EXPECT_EQ(mapped->size(), 0u);
  EXPECT_TRUE(mapped->view(0, 0).ok());
  EXPECT_TRUE(mapped->read(0, {}).ok());
}

TEST(WeightFile, MovesWithItsMapping) {
  const test::TempDir dir;
  Result<WeightFile> mapped = WeightFile::map(dir.write("a", "content"));
  ASSERT_TRUE(mapped.ok());
  const WeightFile moved = *std::move(mapped);
  expect_content(moved, "content");
}

// A source whose memory is not what it promised.
class OddSource : public WeightSource {
 public:
  OddSource(uint64_t size, std::span<const std::byte> memory) : size_(size), memory_(memory) {}
  Result<uint64_t> size(const std::string&) override { return size_; }
  Status read(const std::string&, uint64_t, std::span<std::byte>) override { return Status(); }
  std::span<const std::byte> in_memory(const std::string&) override { return memory_; }

 private:
  uint64_t size_;
  std::span<const std::byte> memory_;
};

TEST(WeightFile, RefusesMemoryThatBreaksTheContract) {
  alignas(64) const std::byte memory[128]{};
  OddSource shorter(128, std::span(memory).first(64));
  const Status status = WeightFile::of_source(shorter, "a").status();
  EXPECT_EQ(status.code(), Code::kInvalid);
  EXPECT_THAT(status.message(), HasSubstr("expected the 128 bytes of size(), found 64"));
  OddSource unaligned(64, std::span(memory).subspan(8, 64));
  EXPECT_THAT(WeightFile::of_source(unaligned, "a").status().message(), HasSubstr("aligned to 64"));
  OddSource right(128, memory);
  EXPECT_TRUE(WeightFile::of_source(right, "a").ok());
}

TEST(WeightDirectory, PathsAndWholeFiles) {
  const test::TempDir dir;
  dir.write("a/b.txt", "content");
  for (const std::string& path : {dir / "a", dir / "a/"}) {
    const WeightDirectory directory(path);
    EXPECT_EQ(directory.path_of("b.txt"), dir / "a/b.txt");
    EXPECT_EQ(*directory.read("b.txt", 7), "content");
    EXPECT_EQ(directory.read("b.txt", 6).status().code(), Code::kExhausted);
    EXPECT_EQ(directory.read("c.txt", 6).status().code(), Code::kNotFound);
    EXPECT_EQ(directory.open("b.txt")->size(), 7u);
  }
  test::MemorySource source;
  source.add("a/b.txt", "content");
  source.add("top", "t");
  const WeightDirectory directory("a", &source);
  EXPECT_EQ(*directory.read("b.txt", 7), "content");
  EXPECT_EQ(directory.read("b.txt", 6).status().code(), Code::kExhausted);
  EXPECT_EQ(directory.read("c.txt", 6).status().code(), Code::kNotFound);
  EXPECT_EQ(*WeightDirectory("", &source).read("top", 1), "t");
}

// The size is the source's word: it may be anything.
TEST(WeightDirectory, SizesBeyondMemoryAreRefused) {
  OddSource source(uint64_t{1} << 63, {});
  const WeightDirectory directory("", &source);
  EXPECT_EQ(directory.read("a", size_t{1} << 30).status().code(), Code::kExhausted);
  EXPECT_EQ(directory.read("a", SIZE_MAX).status().code(), Code::kExhausted);
}

TEST(WeightDirectory, SplitsPaths) {
  const WeightPath deep = split_path("a/b/c.gguf");
  EXPECT_EQ(deep.directory.path(), "a/b/");
  EXPECT_EQ(deep.name, "c.gguf");
  EXPECT_EQ(deep.directory.path_of(deep.name), "a/b/c.gguf");
  const WeightPath flat = split_path("c.gguf");
  EXPECT_EQ(flat.directory.path_of(flat.name), "c.gguf");
  const WeightPath root = split_path("/c.gguf");
  EXPECT_EQ(root.directory.path_of(root.name), "/c.gguf");
}

}  // namespace
}  // namespace llmos
