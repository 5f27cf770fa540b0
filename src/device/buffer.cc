// SPDX-License-Identifier: Apache-2.0
#include "device/buffer.h"

#include <limits>

#include "base/os_memory.h"
#include "base/text.h"

namespace llmos {

size_t Buffer::bytes_taken(size_t bytes) noexcept {
  const size_t page = os::page_bytes();
  return (bytes + page - 1) / page * page;
}

Result<Buffer> Buffer::create(ByteBudget& budget, size_t bytes) {
  Buffer buffer;
  if (bytes == 0) return buffer;
  const size_t page = os::page_bytes();
  if (bytes > std::numeric_limits<size_t>::max() - page) {
    return Status(Code::kInvalid,
                  (Text() << "buffer: " << bytes << " bytes are more than an address says").str());
  }
  const size_t taken = bytes_taken(bytes);
  if (!budget.take(taken)) {
    return Status(Code::kExhausted,
                  (Text() << "device memory: a buffer of " << bytes_text(taken)
                          << " does not fit: " << bytes_text(budget.used()) << " of "
                          << bytes_text(budget.max()) << " are used. Raise the cap or need less.")
                      .str());
  }
  const bool huge = taken >= os::kHugePageBytes && os::huge_pages_available();
  Result<std::byte*> address = os::reserve(taken, huge ? os::kHugePageBytes : page);
  if (address &&
      !os::commit(*address, taken, huge ? os::HugePages::kAdvise : os::HugePages::kNone)) {
    os::release(*address, taken);
    address = Status(Code::kExhausted, (Text() << "device memory: the system refused "
                                               << bytes_text(taken) << ". Close other programs.")
                                           .str());
  }
  if (!address) {
    budget.give(taken);
    return address.status();
  }
  buffer.budget_ = &budget;
  buffer.data_ = *address;
  buffer.bytes_ = bytes;
  buffer.taken_ = taken;
  return buffer;
}

void Buffer::reset() noexcept {
  if (data_ == nullptr) return;
  os::release(data_, taken_);
  budget_->give(taken_);
  budget_ = nullptr;
  data_ = nullptr;
  bytes_ = taken_ = 0;
}

}  // namespace llmos
