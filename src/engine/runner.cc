// SPDX-License-Identifier: Apache-2.0
#include "engine/runner.h"

#include <exception>

#include "base/check.h"

namespace llmos::engine {

Runner::Runner(Executor& executor, const BlockPool& cache, bool overlap)
    : executor_(executor), cache_(cache) {
  if (!overlap) return;
  thread_.emplace([this] {
    while (started_.wait()) {
      run();
      finished_.set();
    }
  });
}

Runner::~Runner() { started_.close(); }

void Runner::start(const Batch& batch) {
  batch_ = batch;
  if (thread_) {
    started_.set();
  } else {
    run();
  }
}

Result<std::span<const float>> Runner::finish() {
  if (thread_) static_cast<void>(finished_.wait());
  LLMOS_CHECK(result_.has_value()) << "finish() without start()";
  Result<std::span<const float>> result = *std::move(result_);
  result_.reset();
  return result;
}

// An executor may be a test's, or a device library's: nothing that it throws may end the engine.
void Runner::run() noexcept {
  try {
    result_.emplace(executor_.run(batch_, cache_));
  } catch (const std::exception& error) {
    result_.emplace(Status(Code::kInternal, std::string("the step failed: ") + error.what()));
  } catch (...) {
    result_.emplace(Status(Code::kInternal, "the step failed with an unknown exception"));
  }
}

}  // namespace llmos::engine
