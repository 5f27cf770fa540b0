// SPDX-License-Identifier: Apache-2.0
// What one render makes and what it may spend.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/jinja/failure.h"
#include "text/jinja/value.h"

namespace llmos::jinja {

struct HeapLimits {
  uint64_t steps_max;
  size_t bytes_max;
  int depth_max;
};

// Owns every object and string of one render until its end: nothing is freed before, so that values
// need no counts and no order of destruction. The bound on bytes is therefore one on all that was
// ever made. One thread. Failure: kExhausted.
class Heap {
 public:
  explicit Heap(const HeapLimits& limits) : limits_(limits) {}
  Heap(const Heap&) = delete;
  Heap& operator=(const Heap&) = delete;

  // Work of `count` steps. A step is a node of the template, an item walked or kBytesPerStep bytes
  // of text looked at.
  void step(uint64_t count = 1) {
    if (count > limits_.steps_max - steps_) fail_steps();
    steps_ += count;
  }
  void scan(size_t bytes) { step(bytes / kBytesPerStep); }
  // Memory that is about to be taken.
  void charge(size_t bytes) {
    if (bytes > limits_.bytes_max - bytes_) fail_bytes();
    bytes_ += bytes;
  }

  Value string(std::string text, bool markup = false);
  std::string_view keep(std::string text);
  Value list(std::vector<Value> items) { return Value::list(make_list(std::move(items))); }
  Value tuple(std::vector<Value> items) { return Value::tuple(make_list(std::move(items))); }
  // Of equal keys the first keeps its place and the last its value. Failure: a key that cannot be
  // one (kInvalid).
  Value dict(std::vector<Dict::Entry> entries);

  template <class T, class... Args>
  T* make(Args&&... args) {
    charge(sizeof(T) + kObjectOverhead);
    auto made = std::make_unique<T>(std::forward<Args>(args)...);
    T* const object = made.get();
    objects_.push_back(std::move(made));
    return object;
  }

  uint64_t steps() const { return steps_; }

 private:
  friend class Depth;
  static constexpr size_t kBytesPerStep = 64;  // what a memcmp does in the time of a step, or less
  static constexpr size_t kObjectOverhead = 32;  // the allocator's and our pointer to it

  const List* make_list(std::vector<Value> items);
  [[noreturn]] void fail_steps() const;
  [[noreturn]] void fail_bytes() const;
  [[noreturn]] void fail_depth() const;

  const HeapLimits limits_;
  uint64_t steps_ = 0;
  size_t bytes_ = 0;
  int depth_ = 0;
  std::vector<std::unique_ptr<Object>> objects_;
  std::deque<std::string> texts_;
};

// One level of C++ recursion, whoever recurses: evaluation, macros, printing and comparing nested
// values. So the bound on all of them together bounds the stack.
class Depth {
 public:
  explicit Depth(Heap& heap) : heap_(heap) {
    if (heap.depth_ >= heap.limits_.depth_max) heap.fail_depth();
    ++heap.depth_;
  }
  ~Depth() { --heap_.depth_; }
  Depth(const Depth&) = delete;
  Depth& operator=(const Depth&) = delete;

 private:
  Heap& heap_;
};

}  // namespace llmos::jinja
