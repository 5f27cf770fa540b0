// SPDX-License-Identifier: Apache-2.0
// Tier: where blocks are kept that are in nobody's way there. FileTier keeps them in a file.
//
// On a CPU engine host memory is the device's memory: keeping a block in a further copy of it would
// free nothing. So the only tier of a CPU engine is a file.
//
// Words   A *slot* holds one block. Slots are handed out by the Swapper, not by the tier.
// Threads One thread per tier at a time: the swapper's.
// Failure A status; the tier stays usable. kCorrupt: what was read is not what was written there,
//         and must not be used. kExhausted: the disk is full.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/os_file.h"
#include "llmos/status.h"

namespace llmos {

using TierSlot = uint32_t;

class Tier {
 public:
  virtual ~Tier() = default;
  virtual uint32_t slots() const = 0;
  virtual size_t block_bytes() const = 0;
  // block.size() == block_bytes().
  virtual Status write(TierSlot slot, std::span<const std::byte> block) = 0;
  virtual Status read(TierSlot slot, std::span<std::byte> block) = 0;
};

// What a FileTier needs of a file: os::File, or in tests one that fails.
class BlockFile {
 public:
  virtual ~BlockFile() = default;
  virtual Status read_at(uint64_t offset, std::span<std::byte> into) = 0;
  virtual Status write_at(uint64_t offset, std::span<const std::byte> from) = 0;
  virtual const std::string& path() const = 0;
};

// In this directory, without a name there: no crash leaves it behind, and nobody else opens it.
Result<std::unique_ptr<BlockFile>> create_swap_file(const std::string& directory);

struct FileTierOptions {
  size_t block_bytes = 0;
  uint64_t bytes_max = 0;  // of the file
};

// File  One record per slot, at a multiple of kAlignment: the block, then a header of kHeaderBytes
//       (magic, slot, number of the write, bytes,
//       checksum of the block, checksum of the header).
//       The block is written before its header: a write that was torn leaves a header
//       that does not fit its block. Each write has a new number, which the tier remembers, so
//       what an earlier write, or an earlier run, left in a slot is never taken for the latest.
class FileTier final : public Tier {
 public:
  static constexpr size_t kHeaderBytes = 64;
  static constexpr size_t kAlignment = 4096;
  // What is beyond is not used: 16 million blocks are more than any memory's work, and what is kept
  // of each here, 12 bytes with the swapper's, stays bounded.
  static constexpr uint32_t kSlotsMax = 1u << 24;

  // kInvalid: no block fits into bytes_max.
  static Result<std::unique_ptr<FileTier>> create(std::unique_ptr<BlockFile> file,
                                                  const FileTierOptions& options);

  uint32_t slots() const override { return uint32_t(writes_.size()); }
  size_t block_bytes() const override { return block_bytes_; }
  Status write(TierSlot slot, std::span<const std::byte> block) override;
  Status read(TierSlot slot, std::span<std::byte> block) override;

 private:
  FileTier(std::unique_ptr<BlockFile> file, size_t block_bytes, uint32_t slots);
  uint64_t offset(TierSlot slot) const { return uint64_t(slot) * stride_; }

  std::unique_ptr<BlockFile> file_;
  size_t block_bytes_;
  uint64_t stride_;
  std::vector<uint64_t> writes_;  // [slots]: number of the write that the slot holds; 0: none
  uint64_t write_count_ = 0;
};

}  // namespace llmos
