// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/emu/block.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <map>
#include <mutex>
#include <thread>

#include "base/check.h"
#include "base/text.h"

namespace llmos::kernels::emu {
namespace {

// All ones is a NaN of every format in use: f32, f16, bf16, e4m3.
constexpr int kPoison = 0xff;

// A spinning thread looks so often before it is a fault: about ten seconds of yields.
constexpr uint64_t kSpinsMax = 20'000'000;

thread_local Block* current_block = nullptr;

// An engine on the emulator makes thousands of launches: stacks are kept from one to the next.
std::unique_ptr<FiberStacks>& kept_stacks() {
  thread_local std::unique_ptr<FiberStacks> kept;
  return kept;
}

FiberStacks& stacks_for(unsigned threads) {
  std::unique_ptr<FiberStacks>& kept = kept_stacks();
  if (!kept || kept->count() < threads) {
    kept.reset();
    kept = std::make_unique<FiberStacks>(threads);
  }
  return *kept;
}

std::unique_ptr<std::byte[]> poisoned(size_t bytes) {
  std::unique_ptr<std::byte[]> memory(new std::byte[bytes]);
  std::memset(memory.get(), kPoison, bytes);
  return memory;
}

}  // namespace

Block& Block::current() { return *current_block; }

Block::Block(Dim grid, Dim block, size_t dynamic_bytes, uint64_t seed)
    : grid_(grid),
      block_(block),
      dynamic_bytes_(dynamic_bytes),
      seed_(seed),
      random_(0),
      stacks_(stacks_for(block.count())),
      threads_(block.count()),
      ready_((block.count() + kWarp - 1) / kWarp),
      meeting_(ready_.size()),
      slots_(ready_.size()) {
  LLMOS_CHECK(block.count() > 0 && block.count() <= kBlockThreadsMax)
      << "a block has 1 to 1024 threads, not " << block.count();
}

uint64_t Block::draw() {  // xorshift64*
  random_ ^= random_ >> 12;
  random_ ^= random_ << 25;
  random_ ^= random_ >> 27;
  return random_ * 0x2545f4914f6cdd1dull;
}

void Block::thread_main(void* block) {
  Block& self = *static_cast<Block*>(block);
  (*self.kernel_)();
  Thread& thread = self.threads_[self.running_];
  thread.state = State::kEnded;
  --self.alive_;
  self.try_barriers();
  thread.fiber.leave(/*last=*/true);
}

std::string Block::run(Dim index, const std::function<void()>& kernel) {
  Block* const outer = current_block;
  current_block = this;
  index_ = index;
  kernel_ = &kernel;
  alive_ = block_.count();
  random_ =
      (seed_ + 1) * 0x9e3779b97f4a7c15ull ^ (index.x + 7919ull * index.y + 104729ull * index.z);
  barriers_ = {};
  shared_.clear();
  dynamic_ = dynamic_bytes_ > 0 ? poisoned(dynamic_bytes_) : nullptr;
  std::fill(ready_.begin(), ready_.end(), 0u);
  std::fill(meeting_.begin(), meeting_.end(), 0u);
  for (unsigned i = 0; i < block_.count(); ++i) {
    Thread& thread = threads_[i];
    thread.index = Dim(i % block_.x, i / block_.x % block_.y, i / (block_.x * block_.y));
    thread.group = 0;
    thread.copies.clear();
    thread.fiber.begin(stacks_.bottom(i), thread_main, this);
    set_ready(i);
  }
  running_ = 0;
  while (fault_.empty() && pick()) threads_[running_].fiber.resume();
  if (fault_.empty() && alive_ > 0) fault_ = "the block waits for ever: " + where_all_wait();
  current_block = outer;
  if (fault_.empty()) return fault_;
  return (Text() << fault_ << " [block " << index_.x << ',' << index_.y << ',' << index_.z << ']')
      .str();
}

// Chooses the next thread; false when none can run.
bool Block::pick() {
  const unsigned warps = unsigned(ready_.size());
  unsigned warp = running_ / kWarp;
  if (seed_ == 0) {
    if (ready_[warp] == 0) warp = 0;
  } else if (ready_[warp] == 0 || draw() % 8 == 0) {
    warp = unsigned(draw() % warps);
  }
  for (unsigned i = 0; i < warps && ready_[warp] == 0; ++i) warp = (warp + 1) % warps;
  const uint32_t lanes = ready_[warp];
  if (lanes == 0) return false;
  const int turn = seed_ == 0 ? 0 : int(draw() >> 59);
  const unsigned lane =
      (unsigned(std::countr_zero(std::rotr(lanes, turn))) + unsigned(turn)) % kWarp;
  running_ = warp * kWarp + lane;
  ready_[warp] &= ~(1u << lane);
  return true;
}

void Block::set_ready(unsigned thread) {
  threads_[thread].state = State::kReady;
  ready_[thread / kWarp] |= 1u << thread % kWarp;
}

void Block::wait(State state) {
  Thread& thread = threads_[running_];
  thread.state = state;
  thread.fiber.leave(/*last=*/false);
}

void Block::barrier(unsigned id, unsigned thread_count, Site site) {
  Thread& thread = threads_[running_];
  Barrier& barrier = barriers_[id];
  thread.barrier = id;
  thread.site = site;
  for (const Thread& other : threads_) {
    if (&other == &thread || other.state != State::kBarrier || other.barrier != id) continue;
    if (other.site == site) break;  // and so do the rest, each compared when it came
    return fault("a barrier is reached at two places: thread " +
                 std::to_string(&other - threads_.data()) + " at line " +
                 std::to_string(other.site.line) + ", thread " + std::to_string(running_) +
                 " at line " + std::to_string(site.line) + " of " + site.file);
  }
  ++barrier.arrived;
  barrier.expected = thread_count;
  thread.state = State::kBarrier;
  try_barriers();
  if (thread.state == State::kBarrier) wait(State::kBarrier);
  // The last to come is ready already: it goes on, and is not picked twice.
  ready_[running_ / kWarp] &= ~(1u << lane());
}

void Block::try_barriers() {
  for (unsigned id = 0; id < kNamedBarriers; ++id) {
    const Barrier& barrier = barriers_[id];
    if (barrier.arrived == 0) continue;
    if (barrier.arrived >= (barrier.expected == 0 ? alive_ : barrier.expected)) release_barrier(id);
  }
}

void Block::release_barrier(unsigned id) {
  barriers_[id].arrived = 0;
  for (unsigned i = 0; i < threads_.size(); ++i) {
    if (threads_[i].state == State::kBarrier && threads_[i].barrier == id) set_ready(i);
  }
}

void Block::exchange(unsigned mask, const char* kind, WarpWork work) {
  const unsigned first = running_ / kWarp * kWarp;
  const unsigned in_warp = std::min(kWarp, unsigned(threads_.size()) - first);
  if (in_warp < kWarp) mask &= (1u << in_warp) - 1;  // a warp that the block does not fill
  Thread& thread = threads_[running_];
  if ((mask >> lane() & 1) == 0)
    return fault(std::string("a lane is not in its own mask: ") + kind);
  thread.mask = mask;
  thread.kind = kind;
  thread.state = State::kExchange;
  uint32_t& meeting = meeting_[first / kWarp];
  meeting |= 1u << lane();
  if ((meeting & mask) != mask) return wait(State::kExchange);
  for (unsigned rest = mask; rest != 0; rest &= rest - 1) {
    const Thread& other = threads_[first + unsigned(std::countr_zero(rest))];
    if (other.mask == mask && std::strcmp(other.kind, kind) == 0) continue;
    return fault(std::string("lanes of one warp meet in different exchanges: ") + other.kind +
                 " and " + kind);
  }
  meeting &= ~mask;
  work(slots_[first / kWarp], mask);
  for (unsigned rest = mask; rest != 0; rest &= rest - 1) {
    set_ready(first + unsigned(std::countr_zero(rest)));
  }
  // This one is ready too. It goes on at once, or, for other seeds, when it is its turn.
  if (seed_ != 0) return wait(State::kReady);
  ready_[running_ / kWarp] &= ~(1u << lane());
}

std::byte* Block::static_shared(const void* key, size_t bytes) {
  for (const Shared& one : shared_) {
    if (one.key == key) return one.bytes.get();
  }
  shared_.push_back({key, poisoned(bytes)});
  return shared_.back().bytes.get();
}

void Block::copy_async(void* to, const void* from, size_t bytes, size_t zeros) {
  Thread& thread = threads_[running_];
  const bool now = seed_ != 0 && draw() % 2 == 0;
  if (now) {
    if (bytes > 0) std::memcpy(to, from, bytes);
    std::memset(static_cast<std::byte*>(to) + bytes, 0, zeros);
    return;
  }
  thread.copies.push_back({to, from, bytes, zeros, thread.group});
}

void Block::copy_commit() { ++threads_[running_].group; }

void Block::copy_wait(unsigned groups_left) {
  Thread& thread = threads_[running_];
  auto keep = thread.copies.begin();
  for (const PendingCopy& copy : thread.copies) {
    if (copy.group + groups_left >= thread.group) {
      *keep++ = copy;
      continue;
    }
    if (copy.bytes > 0) std::memcpy(copy.to, copy.from, copy.bytes);
    std::memset(static_cast<std::byte*>(copy.to) + copy.bytes, 0, copy.zeros);
  }
  thread.copies.erase(keep, thread.copies.end());
}

void Block::spin() {
  if (++spins_ > kSpinsMax) return fault("a thread spins for a flag that nobody sets");
  std::this_thread::yield();
  // Threads of this block may be what it waits for.
  set_ready(running_);
  wait(State::kReady);
}

void Block::fault(std::string text) {
  fault_ = std::move(text);
  // The launch ends: the fibers are abandoned where they stand. A kernel owns nothing that would
  // have to be given back, and the text was moved out of the callers' frames.
  threads_[running_].fiber.leave(/*last=*/true);
}

std::string Block::where_all_wait() const {
  std::map<std::string, unsigned> places;
  for (const Thread& thread : threads_) {
    if (thread.state == State::kEnded) {
      ++places["ended"];
    } else if (thread.state == State::kBarrier) {
      ++places["at barrier " + std::to_string(thread.barrier) + ", line " +
               std::to_string(thread.site.line) + " of " + thread.site.file];
    } else {
      ++places[std::string("in ") + thread.kind];
    }
  }
  std::string text;
  for (const auto& [place, count] : places) {
    text += (text.empty() ? "" : "; ") + std::to_string(count) + " threads " + place;
  }
  return text;
}

Order& order() {
  static Order the_order;
  return the_order;
}

namespace {

// The fault of the first block that has one.
std::string run_grid(Dim grid, Dim block, size_t dynamic_bytes,
                     const std::function<void()>& kernel) {
  const unsigned blocks = grid.count();
  const uint64_t seed = order().seed;
  std::atomic<unsigned> next{0};
  std::mutex mutex;
  std::string fault;
  const auto work = [&] {
    Block runner(grid, block, dynamic_bytes, seed);
    for (unsigned i; (i = next.fetch_add(1)) < blocks;) {
      std::string text =
          runner.run(Dim(i % grid.x, i / grid.x % grid.y, i / (grid.x * grid.y)), kernel);
      if (text.empty()) continue;
      kept_stacks().reset();  // abandoned fibers stand on them
      const std::lock_guard lock(mutex);
      if (fault.empty()) fault = std::move(text);
      next = blocks;
      return;
    }
  };
  std::vector<std::thread> helpers;
  for (unsigned i = 1; i < std::min(blocks, order().os_threads); ++i) helpers.emplace_back(work);
  work();
  for (std::thread& helper : helpers) helper.join();
  return fault;
}

}  // namespace

void launch(Dim grid, Dim block, size_t dynamic_bytes, const std::function<void()>& kernel) {
  const std::string fault = run_grid(grid, block, dynamic_bytes, kernel);
  if (fault.empty()) return;
  if (order().on_fault) return order().on_fault(fault);
  LLMOS_CHECK(false) << "emulated GPU: " << fault;
}

}  // namespace llmos::kernels::emu
