// SPDX-License-Identifier: Apache-2.0
#include "format/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "format/gguf_bytes.h"
#include "format/gguf_writer.h"
#include "format/memory_source.h"
#include "format/safetensors_bytes.h"
#include "support/temp_dir.h"

namespace llmos {
namespace {

using ::testing::HasSubstr;
using Mode = test::MemorySource::Mode;

// One key and the tensors t, 3 x 4 in F32, and u, 2 x 32 in Q8_0.
std::string small_gguf() {
  test::GgufBytes bytes(2, 1);
  bytes.key("general.architecture", 8).string("llama");
  bytes.tensor("t", {4, 3}, 0, 0).tensor("u", {32, 2}, 8, 64).pad();
  return bytes.data(48, 'a').pad().data(68, 'b').str();
}

std::string small_safetensors() {
  std::string header = R"({"t":{"dtype":"F32","shape":[3,4],"data_offsets":[0,48]},)"
                       R"("u":{"dtype":"U8","shape":[7],"data_offsets":[48,55]}})";
  header.append((8 - header.size() % 8) % 8, ' ');  // as every newer writer does
  return test::safetensors_bytes(header, std::string(48, 'a') + std::string(7, 'b'));
}

void expect_tensor(const Checkpoint& checkpoint, std::string_view name, char fill, bool viewable) {
  const TensorInfo* info = checkpoint.find(name);
  ASSERT_TRUE(info) << name;
  std::string bytes(info->bytes, '\0');
  ASSERT_TRUE(checkpoint.read(*info, 0, std::as_writable_bytes(std::span(bytes))).ok());
  EXPECT_EQ(bytes, std::string(info->bytes, fill));
  const Result<TensorView> view = checkpoint.view(*info);
  ASSERT_EQ(view.ok(), viewable) << view.status().to_string();
  if (!viewable) return;
  EXPECT_EQ(view->dtype, info->dtype);
  EXPECT_EQ(view->shape, info->shape);
  EXPECT_EQ(std::memcmp(view->data, bytes.data(), bytes.size()), 0);
  checkpoint.will_need(*info);
  checkpoint.dont_need(*info);
}

TEST(Checkpoint, GgufFile) {
  const test::TempDir dir;
  const std::string path = dir.write("m.gguf", small_gguf());
  const Result<Checkpoint> checkpoint = Checkpoint::open(path);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status().to_string();
  EXPECT_EQ(checkpoint->kind(), CheckpointKind::kGguf);
  EXPECT_EQ(checkpoint->path(), path);
  EXPECT_EQ(checkpoint->directory().path_of("x"), dir / "x");
  ASSERT_EQ(checkpoint->files().size(), 1u);
  EXPECT_EQ(checkpoint->files()[0], path);
  EXPECT_EQ(*checkpoint->metadata().string("general.architecture"), "llama");
  EXPECT_TRUE(checkpoint->config().is_null());
  EXPECT_EQ(checkpoint->find("t")->shape, (Shape{3, 4}));
  EXPECT_EQ(checkpoint->find("none"), nullptr);
  expect_tensor(*checkpoint, "t", 'a', true);
  expect_tensor(*checkpoint, "u", 'b', true);
}

TEST(Checkpoint, HuggingFaceDirectory) {
  const test::TempDir dir;
  dir.write("config.json", R"({"model_type":"llama"})");
  dir.write("model.safetensors", small_safetensors());
  for (const std::string& path : {dir.path(), dir.path() + "/"}) {
    const Result<Checkpoint> checkpoint = Checkpoint::open(path);
    ASSERT_TRUE(checkpoint.ok()) << checkpoint.status().to_string();
    EXPECT_EQ(checkpoint->kind(), CheckpointKind::kHuggingFace);
    EXPECT_EQ(checkpoint->directory().path_of("x"), dir / "x");
    EXPECT_EQ(*checkpoint->config().find("model_type")->if_string(), "llama");
    EXPECT_TRUE(checkpoint->generation_config().is_null());
    EXPECT_TRUE(checkpoint->metadata().entries().empty());
    expect_tensor(*checkpoint, "t", 'a', true);
    expect_tensor(*checkpoint, "u", 'b', true);
  }
}

TEST(Checkpoint, FromASource) {
  for (const Mode mode : {Mode::kRead, Mode::kInMemory}) {
    test::MemorySource source(mode);
    source.add("models/m.gguf", small_gguf());
    source.add("hf/config.json", "{}");
    source.add("hf/model.safetensors", small_safetensors());
    source.add("config.json", "{}");
    source.add("model.safetensors", small_safetensors());
    source.add("sha256-0123", small_gguf());
    for (const char* path : {"models/m.gguf", "hf", "hf/", "", "sha256-0123"}) {
      const Result<Checkpoint> checkpoint = Checkpoint::open(path, {.source = &source});
      ASSERT_TRUE(checkpoint.ok()) << path << ' ' << checkpoint.status().to_string();
      expect_tensor(*checkpoint, "t", 'a', mode == Mode::kInMemory);
      expect_tensor(*checkpoint, "u", 'b', mode == Mode::kInMemory);
    }
    EXPECT_EQ(Checkpoint::open("none.gguf", {.source = &source}).status().code(), Code::kNotFound);
    EXPECT_EQ(Checkpoint::open("none", {.source = &source}).status().code(), Code::kNotFound);
  }
}

// Whichever call fails, the answer is the source's own status.
TEST(Checkpoint, SourceThatFailsAtAnyCall) {
  for (const char* path : {"m.gguf", ""}) {
    for (int call = 0;; ++call) {
      ASSERT_LT(call, 100);
      test::MemorySource source;
      source.add("m.gguf", small_gguf());
      source.add("config.json", "{}");
      source.add("model.safetensors.index.json", R"({"weight_map":{"t":"s.safetensors"}})");
      source.add("s.safetensors", small_safetensors());
      source.fail_at(call);
      const Result<Checkpoint> checkpoint = Checkpoint::open(path, {.source = &source});
      if (source.calls() <= call) {
        EXPECT_TRUE(checkpoint.ok()) << checkpoint.status().to_string();
        break;
      }
      // Without ".gguf" call 0 only asks whether the path is a file.
      if (call == 0 && *path == 0) continue;
      EXPECT_EQ(checkpoint.status().code(), Code::kDenied) << path << call;
      EXPECT_THAT(checkpoint.status().message(), HasSubstr("the source is gone"));
    }
  }
}

TEST(Checkpoint, ReadsPartsAndNothingBeyond) {
  const test::TempDir dir;
  const Result<Checkpoint> checkpoint = Checkpoint::open(dir.write("m.gguf", small_gguf()));
  ASSERT_TRUE(checkpoint.ok());
  const TensorInfo& info = *checkpoint->find("t");
  std::vector<std::byte> bytes(8);
  EXPECT_TRUE(checkpoint->read(info, 40, bytes).ok());
  EXPECT_EQ(checkpoint->read(info, 41, bytes).code(), Code::kInvalid);
  EXPECT_EQ(checkpoint->read(info, UINT64_MAX, bytes).code(), Code::kInvalid);
  EXPECT_TRUE(checkpoint->read(info, 48, {}).ok());
}

// Early safetensors files have headers of any length.
TEST(Checkpoint, MisalignedTensorsAreReadAndNotViewed) {
  const test::TempDir dir;
  dir.write("config.json", "{}");
  for (const size_t spaces : {0u, 1u, 2u, 3u}) {
    std::string header = R"({"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
    header.append((8 - header.size() % 8) % 8 + spaces, ' ');
    dir.write("model.safetensors", test::safetensors_bytes(header, "abcdefgh"));
    const Result<Checkpoint> checkpoint = Checkpoint::open(dir.path());
    ASSERT_TRUE(checkpoint.ok()) << checkpoint.status().to_string();
    const TensorInfo& info = *checkpoint->find("t");
    std::string bytes(8, '\0');
    EXPECT_TRUE(checkpoint->read(info, 0, std::as_writable_bytes(std::span(bytes))).ok());
    EXPECT_EQ(bytes, "abcdefgh");
    EXPECT_EQ(checkpoint->view(info).ok(), spaces == 0);
    if (spaces == 0) continue;
    EXPECT_EQ(checkpoint->view(info).status().code(), Code::kUnsupported);
    EXPECT_THAT(checkpoint->view(info).status().message(), HasSubstr("read the bytes instead"));
  }
}

TEST(Checkpoint, CopiesShareTheMapping) {
  const test::TempDir dir;
  std::optional<Checkpoint> copy;
  TensorView view;
  {
    const Result<Checkpoint> checkpoint = Checkpoint::open(dir.write("m.gguf", small_gguf()));
    ASSERT_TRUE(checkpoint.ok());
    copy = *checkpoint;
    view = *checkpoint->view(*checkpoint->find("t"));
  }
  std::filesystem::remove(dir / "m.gguf");
  EXPECT_EQ(view.data[47], std::byte('a'));
  EXPECT_EQ(copy->view(*copy->find("t"))->data, view.data);
}

TEST(Checkpoint, SaysWhatToOpen) {
  const test::TempDir dir;
  EXPECT_EQ(Checkpoint::open(dir / "none.gguf").status().code(), Code::kNotFound);
  const Status part = Checkpoint::open(dir.write("model.safetensors", "x")).status();
  EXPECT_EQ(part.code(), Code::kInvalid);
  EXPECT_THAT(part.message(), HasSubstr("open the directory that holds config.json"));
  EXPECT_THAT(Checkpoint::open(dir.write("a.bin", "0123456789")).status().message(),
              HasSubstr("this is no GGUF file"));
  EXPECT_THAT(Checkpoint::open(dir.path()).status().message(), HasSubstr("config.json"));
}

TEST(Checkpoint, TensorsOfTheSameNameInTwoShards) {
  const test::TempDir dir;
  dir.write("config.json", "{}");
  dir.write("a.safetensors", small_safetensors());
  dir.write("b.safetensors", small_safetensors());
  dir.write("model.safetensors.index.json",
            R"({"weight_map":{"t":"a.safetensors","u":"b.safetensors"}})");
  const Status status = Checkpoint::open(dir.path()).status();
  EXPECT_EQ(status.code(), Code::kCorrupt);
}

// More than this machine's memory: the file is mapped and only what is read comes in.
TEST(Checkpoint, FileLargerThanMemory) {
  constexpr uint64_t kBytes = uint64_t{64} << 30;
  const test::TempDir dir;
  GgufOutline outline;
  ASSERT_TRUE(outline.add_tensor("huge", DType::kF16, {1u << 15, 1u << 20}).ok());
  ASSERT_TRUE(outline.add_tensor("last", DType::kF32, {8}).ok());
  ASSERT_GT(outline.data_bytes(), kBytes);
  const std::string path = dir.write("m.gguf", outline.header());
  const uint64_t data = outline.header().size();
  const uint64_t bytes = data + outline.data_bytes();
  if (truncate(path.c_str(), off_t(bytes)) != 0) GTEST_SKIP() << "no sparse files of 64 GiB here";
  {
    Result<os::File> file = os::File::open(path, os::OpenMode::kUpdate);
    ASSERT_TRUE(file.ok());
    const std::vector<float> values{1, 2, 3, 4, 5, 6, 7, 8};
    ASSERT_TRUE(
        file->write_at(data + outline.tensors()[1].offset, std::as_bytes(std::span(values))).ok());
  }
  const Result<Checkpoint> checkpoint = Checkpoint::open(path);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status().to_string();
  const Result<TensorView> last = checkpoint->view(*checkpoint->find("last"));
  ASSERT_TRUE(last.ok());
  EXPECT_EQ(last->f32()[7], 8.0f);
  const Result<TensorView> huge = checkpoint->view(*checkpoint->find("huge"));
  ASSERT_TRUE(huge.ok());
  EXPECT_EQ(huge->bytes(), kBytes);
  EXPECT_EQ(huge->row(12345)[77], std::byte{0});
  checkpoint->dont_need(*checkpoint->find("huge"));
}

}  // namespace
}  // namespace llmos
