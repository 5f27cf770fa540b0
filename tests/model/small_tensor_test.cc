// SPDX-License-Identifier: Apache-2.0
#include "model/small_tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tuple>

#include "format/memory_source.h"
#include "model/gguf_image.h"
#include "tensor/half.h"

namespace llmos::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <class T>
std::string bytes_of(const std::vector<T>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

class SmallTensor : public testing::Test {
 protected:
  SmallTensor() {
    GgufImage image;
    image.add("f32", DType::kF32, {3}, bytes_of<float>({1, -2, 0.5}));
    image.add("f16", DType::kF16, {3, 1}, bytes_of<uint16_t>({f32_to_f16(1), f32_to_f16(-2), 0}));
    image.add("i32", DType::kI32, {3});
    source_.add("m.gguf", image.bytes());
  }
  Result<std::vector<float>> read(const std::string& name, uint64_t size) {
    return read_small_tensor(Checkpoint::open("m.gguf", {.source = &source_}).value(), name, size);
  }
  MemorySource source_;
};

TEST_F(SmallTensor, IsReadAsFloatsWhateverItsTypeAndDimensions) {
  EXPECT_THAT(read("f32", 3).value(), ElementsAre(1, -2, 0.5));
  EXPECT_THAT(read("f16", 3).value(), ElementsAre(1, -2, 0));
}

TEST_F(SmallTensor, ThatIsNotAsExpectedIsCorrupt) {
  for (const auto& [name, size, found] :
       {std::tuple{"none", 3, "found nothing"}, std::tuple{"f32", 4, "found F32 [3]"},
        std::tuple{"f32", 0, "found F32 [3]"}, std::tuple{"i32", 3, "found I32 [3]"}}) {
    const Status status = read(name, uint64_t(size)).status();
    EXPECT_EQ(status.code(), Code::kCorrupt) << name;
    EXPECT_THAT(status.message(), HasSubstr(found));
  }
}

TEST_F(SmallTensor, ASourceThatFailsIsAnError) {
  const Checkpoint checkpoint = Checkpoint::open("m.gguf", {.source = &source_}).value();
  source_.fail_at(source_.calls());
  EXPECT_EQ(read_small_tensor(checkpoint, "f32", 3).status().code(), Code::kDenied);
}

}  // namespace
}  // namespace llmos::test
