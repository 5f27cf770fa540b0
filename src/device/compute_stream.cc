// SPDX-License-Identifier: Apache-2.0
#include "device/compute_stream.h"

#include "base/check.h"

namespace llmos {

ComputeStream::ComputeStream(WorkerPool* pool, size_t capacity)
    : pool_(pool && pool->size() > 1 ? pool : nullptr),
      capacity_(capacity),
      entries_(std::make_unique_for_overwrite<Entry[]>(capacity)) {
  LLMOS_CHECK(capacity > 0) << "a stream holds at least one launch";
}

ComputeStream::Entry& ComputeStream::next(bool after_barrier) {
  if (count_ == capacity_) finish();
  Entry& entry = entries_[count_++];
  entry.after_barrier = after_barrier;
  return entry;
}

void ComputeStream::run_member(int rank, int size) {
  const kernels::Launch launch{.rank = rank, .size = size};
  for (size_t i = 0; i < count_; ++i) {
    const Entry& entry = entries_[i];
    if (i > 0 && entry.after_barrier && pool_) pool_->barrier(rank);
    entry.call(entry, launch);
  }
}

void ComputeStream::finish() {
  if (count_ == 0) return;
  if (pool_) {
    pool_->run([this](int rank, int size) { run_member(rank, size); });
  } else {
    run_member(0, 1);
  }
  count_ = 0;
}

}  // namespace llmos
