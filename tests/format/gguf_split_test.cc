// SPDX-License-Identifier: Apache-2.0
#include "format/gguf_split.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "format/checkpoint.h"
#include "format/gguf_bytes.h"
#include "support/temp_dir.h"

namespace llmos {
namespace {

using ::testing::HasSubstr;

// File `index` of a split with one tensor, keys as the tool that splits writes them.
std::string split_file(uint16_t index, uint16_t count, int32_t tensors, std::string_view tensor) {
  test::GgufBytes bytes(1, 3);
  bytes.key("split.no", 2).number(index).key("split.count", 2).number(count);
  bytes.key("split.tensors.count", 5).number(tensors);
  return bytes.tensor(tensor, {4}, 0, 0).pad().data(16).pad().str();
}

TEST(GgufSplit, Names) {
  EXPECT_EQ(gguf_split_name("a/m-00001-of-00003.gguf", 1, 3), "a/m-00002-of-00003.gguf");
  EXPECT_EQ(gguf_split_name("m-00003-of-00003.gguf", 0, 3), "m-00001-of-00003.gguf");
  EXPECT_EQ(gguf_split_name("-00001-of-00012.gguf", 11, 12), "-00012-of-00012.gguf");
  EXPECT_EQ(gguf_split_name("m-00001-of-00004.gguf", 0, 3), "");
  EXPECT_EQ(gguf_split_name("m-00004-of-00003.gguf", 0, 3), "");
  EXPECT_EQ(gguf_split_name("m-00000-of-00003.gguf", 0, 3), "");
  EXPECT_EQ(gguf_split_name("m.gguf", 0, 3), "");
  EXPECT_EQ(gguf_split_name("", 0, 3), "");
}

class SplitFiles : public ::testing::Test {
 protected:
  static std::string name(int index) { return gguf_split_name(kFirst, index, 3); }
  void SetUp() override {
    for (int i = 0; i < 3; ++i)
      write(i, split_file(uint16_t(i), 3, 3, std::string(1, char('a' + i))));
  }
  void write(int index, std::string_view content) { dir_.write(name(index), content); }
  void expect_refused(Code code, std::string_view message) {
    const Status status = Checkpoint::open(dir_ / kFirst).status();
    EXPECT_EQ(status.code(), code) << status.to_string();
    EXPECT_THAT(status.message(), HasSubstr(std::string(message)));
  }

  static constexpr const char* kFirst = "m-00001-of-00003.gguf";
  test::TempDir dir_;
};

TEST_F(SplitFiles, OpenAsOne) {
  const Result<Checkpoint> checkpoint = Checkpoint::open(dir_ / kFirst);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status().to_string();
  ASSERT_EQ(checkpoint->files().size(), 3u);
  EXPECT_EQ(checkpoint->files()[2], dir_ / "m-00003-of-00003.gguf");
  ASSERT_EQ(checkpoint->tensors().size(), 3u);
  EXPECT_EQ(checkpoint->find("c")->file, 2u);
  EXPECT_TRUE(checkpoint->view(*checkpoint->find("c")).ok());
}

TEST_F(SplitFiles, AnyOtherSaysWhichIsFirst) {
  const Status status = Checkpoint::open(dir_ / "m-00002-of-00003.gguf").status();
  EXPECT_EQ(status.code(), Code::kInvalid);
  EXPECT_EQ(status.message(), dir_ / "m-00002-of-00003.gguf is file 2 of a split of 3; open the "
                                     "first, " +
                                  dir_.path() + "/m-00001-of-00003.gguf");
}

TEST_F(SplitFiles, RenamedFilesSayWhatTheyNeed) {
  const std::string path = dir_.write("renamed.gguf", split_file(0, 3, 3, "a"));
  const Status status = Checkpoint::open(path).status();
  EXPECT_EQ(status.code(), Code::kInvalid);
  EXPECT_THAT(status.message(), HasSubstr("expected a name that ends in \"-00001-of-00003.gguf\""));
}

TEST_F(SplitFiles, RefusesWhatDoesNotBelongTogether) {
  std::filesystem::remove(dir_ / name(2));
  expect_refused(Code::kNotFound, "m-00003-of-00003.gguf");
  write(2, split_file(1, 3, 3, "c"));
  expect_refused(Code::kCorrupt, "expected file 3 of a split of 3, found file 2 of 3");
  write(2, split_file(2, 4, 3, "c"));
  expect_refused(Code::kCorrupt, "expected file 3 of a split of 3, found file 3 of 4");
  write(2, test::GgufBytes(0, 0).str());
  expect_refused(Code::kCorrupt, "expected file 3 of a split of 3, found file 1 of 1");
  write(2, split_file(2, 3, 3, "a"));
  expect_refused(Code::kCorrupt, "expected every tensor once, found a in ");
  write(2, split_file(2, 3, 3, "c"));
  write(0, split_file(0, 3, 4, "a"));
  expect_refused(Code::kCorrupt, "expected 4 tensors in all files of the split, found 3");
  write(0, split_file(3, 3, 3, "a"));
  expect_refused(Code::kInvalid, "split.no: expected an integer from 0 to 2, found 3");
  write(0, split_file(0, 65535, 3, "a"));
  expect_refused(Code::kInvalid, "split.count: expected an integer from 0 to 1024, found 65535");
  write(0, split_file(0, 3, -1, "a"));
  expect_refused(Code::kInvalid, "split.tensors.count: expected an integer from 0");
}

TEST_F(SplitFiles, ASplitOfOneIsAFile) {
  EXPECT_TRUE(Checkpoint::open(dir_.write("one.gguf", split_file(0, 1, 1, "a"))).ok());
}

}  // namespace
}  // namespace llmos
