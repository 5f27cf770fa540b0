// SPDX-License-Identifier: Apache-2.0
#include "kv/tier.h"

#include <array>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/text.h"
#include "kv/checksum.h"

namespace llmos {
namespace {

class OsBlockFile final : public BlockFile {
 public:
  explicit OsBlockFile(os::File file) : file_(std::move(file)) {}
  Status read_at(uint64_t offset, std::span<std::byte> into) override {
    return file_.read_at(offset, into);
  }
  Status write_at(uint64_t offset, std::span<const std::byte> from) override {
    return file_.write_at(offset, from);
  }
  const std::string& path() const override { return file_.path(); }

 private:
  os::File file_;
};

// As it lies in the file.
struct RecordHeader {
  std::array<char, 8> magic;
  uint64_t slot;
  uint64_t write;  // number of the write
  uint64_t block_bytes;
  uint64_t block_sum;
  uint64_t reserved[2];
  uint64_t header_sum;  // of all before it
};
static_assert(sizeof(RecordHeader) == FileTier::kHeaderBytes);
constexpr std::array<char, 8> kMagic = {'L', 'L', 'M', 'O', 'S', 'K', 'V', '1'};

uint64_t sum_of(const RecordHeader& header) {
  return checksum64(std::as_bytes(std::span(&header, 1)).first(offsetof(RecordHeader, header_sum)));
}

}  // namespace

Result<std::unique_ptr<BlockFile>> create_swap_file(const std::string& directory) {
  Result<os::File> file = os::File::scratch(directory);
  if (!file) return file.status();
  return std::unique_ptr<BlockFile>(std::make_unique<OsBlockFile>(*std::move(file)));
}

Result<std::unique_ptr<FileTier>> FileTier::create(std::unique_ptr<BlockFile> file,
                                                   const FileTierOptions& options) {
  LLMOS_CHECK(options.block_bytes > 0 && options.block_bytes <= uint64_t{1} << 40)
      << options.block_bytes << " bytes in a block";
  const uint64_t record = kHeaderBytes + options.block_bytes;
  const uint64_t stride = (record + kAlignment - 1) / kAlignment * kAlignment;
  const uint64_t slots = std::min<uint64_t>(options.bytes_max / stride, kSlotsMax);
  if (slots == 0) {
    return Status(Code::kInvalid,
                  (Text() << file->path() << ": expected room for a block of " << bytes_text(stride)
                          << ", found " << bytes_text(options.bytes_max) << "; raise the limit")
                      .str());
  }
  return std::unique_ptr<FileTier>(
      new FileTier(std::move(file), options.block_bytes, uint32_t(slots)));
}

FileTier::FileTier(std::unique_ptr<BlockFile> file, size_t block_bytes, uint32_t slots)
    : file_(std::move(file)),
      block_bytes_(block_bytes),
      stride_((kHeaderBytes + block_bytes + kAlignment - 1) / kAlignment * kAlignment),
      writes_(slots, 0) {}

Status FileTier::write(TierSlot slot, std::span<const std::byte> block) {
  LLMOS_CHECK(slot < writes_.size() && block.size() == block_bytes_) << "slot " << slot;
  writes_[slot] = 0;  // until both parts are there
  if (Status s = file_->write_at(offset(slot), block); !s.ok()) return s;
  RecordHeader header{.magic = kMagic,
                      .slot = slot,
                      .write = ++write_count_,
                      .block_bytes = block_bytes_,
                      .block_sum = checksum64(block, write_count_),
                      .reserved = {},
                      .header_sum = 0};
  header.header_sum = sum_of(header);
  const auto bytes = std::as_bytes(std::span(&header, 1));
  if (Status s = file_->write_at(offset(slot) + block_bytes_, bytes); !s.ok()) return s;
  writes_[slot] = write_count_;
  return Status();
}

Status FileTier::read(TierSlot slot, std::span<std::byte> block) {
  LLMOS_CHECK(slot < writes_.size() && block.size() == block_bytes_) << "slot " << slot;
  const auto corrupt = [&](const char* what) {
    return Status(Code::kCorrupt, (Text() << file_->path() << ": block in slot " << slot << ": "
                                          << what << "; it is computed again")
                                      .str());
  };
  if (writes_[slot] == 0) return corrupt("nothing was written");
  // In the order of the file: backwards the system would not read ahead.
  if (Status s = file_->read_at(offset(slot), block); !s.ok()) return s;
  RecordHeader header;
  const auto bytes = std::as_writable_bytes(std::span(&header, 1));
  if (Status s = file_->read_at(offset(slot) + block_bytes_, bytes); !s.ok()) return s;
  if (header.magic != kMagic || header.header_sum != sum_of(header)) return corrupt("no header");
  if (header.slot != slot || header.write != writes_[slot] || header.block_bytes != block_bytes_) {
    return corrupt("another block's header");
  }
  if (checksum64(block, header.write) != header.block_sum) return corrupt("its checksum differs");
  return Status();
}

}  // namespace llmos
