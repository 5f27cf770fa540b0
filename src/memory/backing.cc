// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include "base/os_memory.h"
#include "memory/size_class.h"

namespace llmos {

Backing::~Backing() = default;

namespace memory {
namespace {

os::HugePages to_os(HugePages huge_pages) {
  switch (huge_pages) {
    case HugePages::kAuto:
      return os::HugePages::kAdvise;
    case HugePages::kExplicit:
      return os::HugePages::kExplicit;
    case HugePages::kNone:
      break;
  }
  return os::HugePages::kNone;
}

class MmapBacking : public Backing {
 public:
  explicit MmapBacking(HugePages huge_pages) : huge_(to_os(huge_pages)), records_(nullptr) {
    if (huge_ == os::HugePages::kExplicit) records_ = make_mmap_backing(HugePages::kNone);
  }

  std::byte* reserve(size_t bytes, size_t alignment) override {
    if (huge_ == os::HugePages::kExplicit) bytes = round_to_huge(bytes);
    auto address = os::reserve(bytes, alignment, huge_);
    return address.ok() ? *address : nullptr;
  }
  void release(std::byte* address, size_t bytes) override {
    if (huge_ == os::HugePages::kExplicit) bytes = round_to_huge(bytes);
    os::release(address, bytes);
  }
  bool commit(std::byte* address, size_t bytes) override {
    return os::commit(address, bytes, huge_);
  }
  void decommit(std::byte* address, size_t bytes) override {
    if (huge_ != os::HugePages::kExplicit) os::decommit(address, bytes);
  }
  // Explicit huge pages come in units of 2 MiB, too coarse for records.
  Backing& metadata() override { return records_ ? *records_ : *this; }
  bool sparse() const override { return huge_ != os::HugePages::kExplicit; }

 private:
  static size_t round_to_huge(size_t bytes) { return (bytes + kHugeBytes - 1) & ~(kHugeBytes - 1); }

  const os::HugePages huge_;
  std::unique_ptr<Backing> records_;
};

class HeapBacking : public Backing {
 public:
  std::byte* reserve(size_t bytes, size_t alignment) override {
    return static_cast<std::byte*>(
        std::aligned_alloc(alignment, (bytes + alignment - 1) & ~(alignment - 1)));
  }
  void release(std::byte* address, size_t) override { std::free(address); }
  bool commit(std::byte*, size_t) override { return true; }
  void decommit(std::byte*, size_t) override {}
  Backing& metadata() override { return *records_; }
  bool sparse() const override { return false; }

 private:
  // Records must start zeroed and are sparse; both come from mmap for free.
  std::unique_ptr<Backing> records_ = make_mmap_backing(HugePages::kNone);
};

}  // namespace
}  // namespace memory

std::unique_ptr<Backing> make_mmap_backing(HugePages huge_pages) {
  return std::make_unique<memory::MmapBacking>(huge_pages);
}

std::unique_ptr<Backing> make_heap_backing() { return std::make_unique<memory::HeapBacking>(); }

}  // namespace llmos
