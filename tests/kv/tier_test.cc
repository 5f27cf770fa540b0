// SPDX-License-Identifier: Apache-2.0
#include "kv/tier.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <vector>

#include "base/rng.h"
#include "faulty_file.h"
#include "support/temp_dir.h"
#include "support/test_seed.h"

namespace llmos {
namespace {

using Block = std::vector<std::byte>;
constexpr size_t kBytes = 1000;

struct Disk {
  std::shared_ptr<test::FileContent> content = std::make_shared<test::FileContent>();
  std::unique_ptr<FileTier> tier =
      FileTier::create(std::make_unique<test::FaultyFile>(content),
                       {.block_bytes = kBytes, .bytes_max = 4 * FileTier::kAlignment})
          .value();
};

Block block_of(int fill) { return Block(kBytes, std::byte(fill)); }

Code read_code(FileTier& tier, TierSlot slot) {
  Block block(kBytes);
  return tier.read(slot, block).code();
}

TEST(FileTier, GivesBackWhatWasWritten) {
  Disk disk;
  EXPECT_EQ(disk.tier->slots(), 4u);
  ASSERT_TRUE(disk.tier->write(3, block_of(7)).ok());
  ASSERT_TRUE(disk.tier->write(3, block_of(8)).ok());
  Block block(kBytes);
  ASSERT_TRUE(disk.tier->read(3, block).ok());
  EXPECT_EQ(block, block_of(8));
  EXPECT_EQ(read_code(*disk.tier, 0), Code::kCorrupt) << "nothing was written there";
}

TEST(FileTier, NeedsRoomForABlock) {
  const auto file = std::make_shared<test::FileContent>();
  EXPECT_EQ(FileTier::create(std::make_unique<test::FaultyFile>(file),
                             {.block_bytes = 5000, .bytes_max = 8000})
                .status()
                .code(),
            Code::kInvalid);
}

TEST(FileTier, EveryFlippedBitIsFound) {
  Disk disk;
  ASSERT_TRUE(disk.tier->write(1, block_of(7)).ok());
  for (size_t i = 0; i < kBytes + FileTier::kHeaderBytes; ++i) {
    std::byte& byte = disk.content->bytes[FileTier::kAlignment + i];
    byte ^= std::byte(1 << i % 8);
    ASSERT_EQ(read_code(*disk.tier, 1), Code::kCorrupt) << "byte " << i;
    byte ^= std::byte(1 << i % 8);
  }
  EXPECT_EQ(read_code(*disk.tier, 1), Code::kOk);
}

TEST(FileTier, AShortFileIsCorrupt) {
  Disk disk;
  ASSERT_TRUE(disk.tier->write(0, block_of(7)).ok());
  for (const size_t size : {kBytes + FileTier::kHeaderBytes - 1, kBytes, size_t{1}, size_t{0}}) {
    disk.content->bytes.resize(size);
    EXPECT_EQ(read_code(*disk.tier, 0), Code::kCorrupt) << size;
  }
}

// What a write of another slot, or an earlier one of this slot, left behind is no block.
TEST(FileTier, OldAndMisplacedRecordsAreNotTaken) {
  Disk disk;
  ASSERT_TRUE(disk.tier->write(0, block_of(1)).ok());
  const auto old = disk.content->bytes;
  ASSERT_TRUE(disk.tier->write(0, block_of(2)).ok());
  std::copy(old.begin(), old.end(), disk.content->bytes.begin());
  EXPECT_EQ(read_code(*disk.tier, 0), Code::kCorrupt) << "an earlier write";
  ASSERT_TRUE(disk.tier->write(1, block_of(3)).ok());
  ASSERT_TRUE(disk.tier->write(0, block_of(3)).ok());
  auto& bytes = disk.content->bytes;
  std::copy_n(bytes.begin() + FileTier::kAlignment, kBytes + FileTier::kHeaderBytes, bytes.begin());
  EXPECT_EQ(read_code(*disk.tier, 0), Code::kCorrupt) << "another slot's";
}

TEST(FileTier, AFailedWriteLeavesNothingThatIsTaken) {
  for (const int64_t writes : {0, 1}) {
    Disk disk;
    ASSERT_TRUE(disk.tier->write(0, block_of(1)).ok());
    disk.content->writes_left = writes;
    EXPECT_EQ(disk.tier->write(0, block_of(2)).code(), Code::kInternal);
    EXPECT_EQ(read_code(*disk.tier, 0), Code::kCorrupt);
    disk.content->writes_left = 2;
    EXPECT_TRUE(disk.tier->write(0, block_of(3)).ok()) << "the tier stays usable";
    EXPECT_EQ(read_code(*disk.tier, 0), Code::kOk);
  }
}

TEST(FileTier, AFullDiskIsAStatus) {
  Disk disk;
  disk.content->bytes_max = FileTier::kAlignment + 10;
  EXPECT_TRUE(disk.tier->write(0, block_of(1)).ok());
  EXPECT_EQ(disk.tier->write(1, block_of(1)).code(), Code::kExhausted);
  EXPECT_EQ(read_code(*disk.tier, 1), Code::kCorrupt);
}

TEST(FileTier, AFileOfTheSystem) {
  const test::TempDir dir;
  auto file = create_swap_file(dir.path());
  ASSERT_TRUE(file.ok()) << file.status().to_string();
  EXPECT_TRUE(std::filesystem::is_empty(dir.path())) << "no crash can leave it behind";
  auto tier = FileTier::create(*std::move(file), {.block_bytes = kBytes, .bytes_max = 1 << 20});
  ASSERT_TRUE((*tier)->write(7, block_of(9)).ok());
  EXPECT_EQ(read_code(**tier, 7), Code::kOk);
  EXPECT_EQ(read_code(**tier, 8), Code::kCorrupt);
  EXPECT_FALSE(create_swap_file("/nonexistent/directory").ok());
}

// Random writes, reads and damage against a map of what each slot should hold.
TEST(FileTier, AgreesWithANaiveModel) {
  Rng rng(test::seed("file tier"));
  Disk disk;
  std::map<TierSlot, Block> held;
  for (int i = 0; i < 3000; ++i) {
    const auto slot = TierSlot(rng.below(4));
    const uint64_t action = rng.below(10);
    if (action < 4) {
      const Block block = block_of(int(rng.below(256)));
      disk.content->writes_left = rng.bernoulli(0.2) ? int64_t(rng.below(2)) : INT64_MAX;
      held.erase(slot);
      if (disk.tier->write(slot, block).ok()) held[slot] = block;
    } else if (action < 9) {
      Block block(kBytes);
      const Status status = disk.tier->read(slot, block);
      ASSERT_EQ(status.ok(), held.count(slot) == 1) << status.to_string();
      if (status.ok()) {
        ASSERT_EQ(block, held[slot]);
      }
    } else if (!disk.content->bytes.empty()) {
      const size_t at = rng.below(disk.content->bytes.size());
      disk.content->bytes[at] ^= std::byte(1 + rng.below(255));
      if (at % FileTier::kAlignment < kBytes + FileTier::kHeaderBytes) {
        held.erase(TierSlot(at / FileTier::kAlignment));
      }
    }
  }
}

}  // namespace
}  // namespace llmos
