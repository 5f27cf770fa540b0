// SPDX-License-Identifier: Apache-2.0
#include "format/gguf_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "format/checkpoint.h"
#include "format/gguf_bytes.h"
#include "support/temp_dir.h"
#include "support/throwing_fatal.h"

namespace llmos {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::byte> pattern(size_t bytes, int seed) {
  std::vector<std::byte> out(bytes);
  for (size_t i = 0; i < bytes; ++i) out[i] = std::byte(uint8_t(i * 7 + size_t(seed)));
  return out;
}

// Against bytes put together by hand.
TEST(GgufWriter, HeaderIsTheFormatsOwn) {
  GgufOutline outline;
  outline.set("a", "text");
  outline.set("b", uint16_t{7});
  outline.set_array("c", std::vector<float>{1.5f, 2.5f});
  outline.set_array("d", std::vector<std::string>{"x", ""});
  outline.set("e", true);
  ASSERT_TRUE(outline.add_tensor("t", DType::kF16, {2, 3}).ok());
  ASSERT_TRUE(outline.add_tensor("u", DType::kQ8_0, {64}).ok());
  test::GgufBytes bytes(2, 5);
  bytes.key("a", 8).string("text").key("b", 2).number(uint16_t{7});
  bytes.array("c", 6, 2).number(1.5f).number(2.5f).array("d", 8, 2).string("x").string("");
  bytes.key("e", 7).number(uint8_t{1});
  bytes.tensor("t", {3, 2}, 1, 0).tensor("u", {64}, 8, 32).pad();
  EXPECT_EQ(outline.header(), bytes.str());
  EXPECT_EQ(outline.data_bytes(), 32u + 96);  // 12 and 68 bytes, padded
}

TEST(GgufWriter, SetReplacesInPlaceAndRemoveForgets) {
  GgufOutline outline;
  outline.set("a", uint32_t{1});
  outline.set("b", uint32_t{2});
  outline.set("c", uint32_t{3});
  outline.set("a", "one");
  outline.remove("b");
  outline.remove("none");
  outline.set("c", uint8_t{4});
  test::GgufBytes bytes(0, 2);
  bytes.key("a", 8).string("one").key("c", 0).number(uint8_t{4}).pad();
  EXPECT_EQ(outline.header(), bytes.str());
}

TEST(GgufWriter, RefusesTensorsThatNoFileCanHold) {
  GgufOutline outline;
  EXPECT_THAT(outline.add_tensor("t", DType::kF8E4M3, {4}).message(),
              HasSubstr("tensor t [4]: expected a type of GGUF, found F8_E4M3"));
  EXPECT_THAT(outline.add_tensor("t", DType::kQ4_K, {2, 128}).message(),
              HasSubstr("whole blocks of 256"));
  EXPECT_EQ(outline.add_tensor("t", DType::kF32, {0}).code(), Code::kInvalid);
  EXPECT_EQ(outline.add_tensor("", DType::kF32, {1}).code(), Code::kInvalid);
  EXPECT_EQ(outline.add_tensor("t", DType::kI8, {uint64_t{1} << 63}).code(), Code::kInvalid);
  EXPECT_TRUE(outline.add_tensor("t", DType::kF32, {1}).ok());
  EXPECT_EQ(outline.add_tensor("t", DType::kF32, {1}).code(), Code::kInvalid);
  EXPECT_EQ(outline.add_tensor("u", DType::kI8, {INT64_MAX - 33}).code(), Code::kInvalid);
  EXPECT_EQ(outline.tensors().size(), 1u);
}

TEST(GgufWriter, RefusesAnAlignmentThatReadersRefuse) {
  const test::ThrowingFatal throwing;
  EXPECT_THROW(GgufOutline(4), test::FatalError);
  EXPECT_THROW(GgufOutline(48), test::FatalError);
  EXPECT_THROW(GgufOutline(kGgufAlignmentMax * 2), test::FatalError);
}

TEST(GgufWriter, WrittenInAnyPiecesReadsBack) {
  const test::TempDir dir;
  for (const size_t piece : {1u, 5u, 12u, 13u, 64u, 1000u}) {
    for (const uint64_t alignment : {8u, 32u, 4096u}) {
      GgufOutline outline(alignment);
      outline.set("general.architecture", "none");
      ASSERT_TRUE(outline.add_tensor("t", DType::kF16, {2, 3}).ok());
      ASSERT_TRUE(outline.add_tensor("u", DType::kQ8_0, {3, 64}).ok());
      ASSERT_TRUE(outline.add_tensor("v", DType::kF32, {1, 2, 2, 4}).ok());
      std::vector<std::byte> all;
      for (const TensorInfo& info : outline.tensors()) {
        const auto data = pattern(info.bytes, int(all.size()));
        all.insert(all.end(), data.begin(), data.end());
      }
      const std::string path = dir / "model.gguf";
      Result<GgufWriter> writer = GgufWriter::create(path, outline);
      ASSERT_TRUE(writer.ok()) << writer.status().to_string();
      for (size_t at = 0; at < all.size(); at += piece) {
        const auto part = std::span(all).subspan(at, std::min(piece, all.size() - at));
        ASSERT_TRUE(writer->write(part).ok());
      }
      EXPECT_EQ(dir.entry_count(), piece == 1 && alignment == 8 ? 1u : 2u);  // the temporary
      ASSERT_TRUE(writer->finish().ok());

      const Result<Checkpoint> read = Checkpoint::open(path);
      ASSERT_TRUE(read.ok()) << read.status().to_string();
      ASSERT_EQ(read->tensors().size(), 3u);
      std::vector<std::byte> found;
      for (const TensorInfo& info : read->tensors()) {
        EXPECT_EQ(info.offset % alignment, 0u);
        const Result<TensorView> view = read->view(info);
        ASSERT_TRUE(view.ok());
        found.insert(found.end(), view->data, view->data + view->bytes());
      }
      EXPECT_EQ(found, all);
      EXPECT_EQ(read->find("v")->shape, (Shape{1, 2, 2, 4}));
      EXPECT_EQ(std::filesystem::file_size(path), outline.header().size() + outline.data_bytes());
    }
  }
}

TEST(GgufWriter, CopiesKeysOfAnotherFile) {
  const test::TempDir dir;
  GgufOutline first(64);
  first.set("s", "text");
  first.set("n", -7.25);
  first.set_array("a", std::vector<int16_t>{-1, 2});
  first.set_array("w", std::vector<std::string>{"", "\xff", "word"});
  const Result<WeightFile> file = WeightFile::map(dir.write("a.gguf", first.header()));
  ASSERT_TRUE(file.ok());
  const Result<GgufHeader> header = read_gguf(*file);
  ASSERT_TRUE(header.ok()) << header.status().to_string();
  GgufOutline second(64);
  for (const GgufEntry& entry : header->metadata.entries()) second.set(entry);
  EXPECT_EQ(second.header(), first.header());
  GgufOutline third;  // keeps its own alignment
  for (const GgufEntry& entry : header->metadata.entries()) third.set(entry);
  EXPECT_THAT(third.header(), ::testing::Not(HasSubstr("general.alignment")));
}

TEST(GgufWriter, NothingAppearsUnlessAllIsWritten) {
  const test::TempDir dir;
  const std::string path = dir / "model.gguf";
  GgufOutline outline;
  ASSERT_TRUE(outline.add_tensor("t", DType::kF32, {4}).ok());
  {
    Result<GgufWriter> writer = GgufWriter::create(path, outline);
    ASSERT_TRUE(writer.ok());
    ASSERT_TRUE(writer->write(pattern(15, 0)).ok());
    const Status status = writer->finish();
    EXPECT_EQ(status.code(), Code::kInvalid);
    EXPECT_THAT(status.message(), HasSubstr("found 15 of the 16 bytes of t"));
  }
  EXPECT_EQ(dir.entry_count(), 0u);
  {
    Result<GgufWriter> writer = GgufWriter::create(path, outline);
    ASSERT_TRUE(writer.ok());
    const Status status = writer->write(pattern(17, 0));
    EXPECT_EQ(status.code(), Code::kInvalid);
    EXPECT_THAT(status.message(), HasSubstr("found 1 bytes more"));
  }
  EXPECT_EQ(dir.entry_count(), 0u);
  EXPECT_EQ(GgufWriter::create(dir / "none/model.gguf", outline).status().code(), Code::kNotFound);
}

}  // namespace
}  // namespace llmos
