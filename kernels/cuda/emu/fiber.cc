// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/emu/fiber.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>

#include "base/check.h"
#include "base/os_memory.h"

#if defined(__SANITIZE_ADDRESS__)
  #define LLMOS_FIBER_ASAN 1
#elif defined(__has_feature)
  #if __has_feature(address_sanitizer)
    #define LLMOS_FIBER_ASAN 1
  #endif
#endif
#if !defined(LLMOS_FIBER_ASAN)
  #define LLMOS_FIBER_ASAN 0
#endif
#if LLMOS_FIBER_ASAN
  #include <sanitizer/asan_interface.h>
  #include <sanitizer/common_interface_defs.h>
#endif

#if defined(__x86_64__)
// Saves what a call keeps, changes stacks, takes back what the other side saved.
extern "C" void llmos_fiber_switch(void** save, void* to);
asm(R"(
.text
.hidden llmos_fiber_switch
.globl llmos_fiber_switch
.type llmos_fiber_switch, @function
llmos_fiber_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size llmos_fiber_switch, .-llmos_fiber_switch
// A fiber's first return leads here: its Fiber is in rbx.
.hidden llmos_fiber_start
.globl llmos_fiber_start
.type llmos_fiber_start, @function
llmos_fiber_start:
  movq %rbx, %rdi
  call llmos_fiber_main
  hlt
.size llmos_fiber_start, .-llmos_fiber_start
)");
extern "C" void llmos_fiber_start();
#endif

namespace llmos::kernels::emu {

#if LLMOS_FIBER_ASAN
namespace {
// The frames that a fiber never returns from, those of its first calls and of leave(), stay
// poisoned at the top of its stack: as much is cleared before the stack is used again. An abandoned
// fiber leaves more: who abandons one gives the stacks up.
constexpr size_t kLeftBytes = size_t{16} << 10;
}  // namespace
#endif

FiberStacks::FiberStacks(unsigned count) : count_(count) {
  const size_t each = kBytes + os::page_bytes();
  void* const memory = mmap(nullptr, each * count, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  LLMOS_CHECK(memory != MAP_FAILED) << "no memory for the stacks of " << count << " CUDA threads";
  memory_ = static_cast<std::byte*>(memory);
  for (unsigned i = 0; i < count; ++i) mprotect(memory_ + i * each, os::page_bytes(), PROT_NONE);
}

FiberStacks::~FiberStacks() {
#if LLMOS_FIBER_ASAN
  ASAN_UNPOISON_MEMORY_REGION(memory_, (kBytes + os::page_bytes()) * count_);
#endif
  munmap(memory_, (kBytes + os::page_bytes()) * count_);
}

std::byte* FiberStacks::bottom(unsigned index) const noexcept {
  return memory_ + index * (kBytes + os::page_bytes()) + os::page_bytes();
}

// What every fiber calls first.
void fiber_entry(Fiber* fiber) {
#if LLMOS_FIBER_ASAN
  __sanitizer_finish_switch_fiber(nullptr, &fiber->scheduler_bottom_, &fiber->scheduler_bytes_);
#endif
  fiber->function_(fiber->argument_);
  std::abort();
}

#if defined(__x86_64__)

extern "C" __attribute__((used, visibility("hidden"))) void llmos_fiber_main(Fiber* fiber) {
  fiber_entry(fiber);
}

void Fiber::begin(std::byte* stack, void (*function)(void*), void* argument) {
  function_ = function;
  argument_ = argument;
  stack_ = stack;
  #if LLMOS_FIBER_ASAN
  ASAN_UNPOISON_MEMORY_REGION(stack + FiberStacks::kBytes - kLeftBytes, kLeftBytes);
  #endif
  // As llmos_fiber_switch leaves a stack: six registers, and where to return to. The call in
  // llmos_fiber_start then finds the stack aligned to 16 bytes.
  void** top = reinterpret_cast<void**>(stack + FiberStacks::kBytes) - 2;
  *--top = reinterpret_cast<void*>(&llmos_fiber_start);
  *--top = nullptr;  // rbp
  *--top = this;     // rbx
  for (int i = 0; i < 4; ++i) *--top = nullptr;
  self_ = top;
}

#else

namespace {
// makecontext passes ints only: a pointer comes in two halves.
void context_main(unsigned high, unsigned low) {
  fiber_entry(reinterpret_cast<Fiber*>(uintptr_t{high} << 32 | low));
}
}  // namespace

void Fiber::begin(std::byte* stack, void (*function)(void*), void* argument) {
  function_ = function;
  argument_ = argument;
  stack_ = stack;
  getcontext(&self_);
  self_.uc_stack.ss_sp = stack;
  self_.uc_stack.ss_size = FiberStacks::kBytes;
  self_.uc_link = nullptr;
  const uintptr_t self = reinterpret_cast<uintptr_t>(this);
  makecontext(&self_, reinterpret_cast<void (*)()>(context_main), 2, unsigned(self >> 32),
              unsigned(self));
}

#endif

void Fiber::resume() {
#if LLMOS_FIBER_ASAN
  __sanitizer_start_switch_fiber(&scheduler_fake_, stack_, FiberStacks::kBytes);
#endif
#if defined(__x86_64__)
  llmos_fiber_switch(&scheduler_, self_);
#else
  swapcontext(&scheduler_, &self_);
#endif
#if LLMOS_FIBER_ASAN
  __sanitizer_finish_switch_fiber(scheduler_fake_, nullptr, nullptr);
#endif
}

void Fiber::leave(bool last) {
#if LLMOS_FIBER_ASAN
  __sanitizer_start_switch_fiber(last ? nullptr : &self_fake_, scheduler_bottom_, scheduler_bytes_);
#else
  static_cast<void>(last);
#endif
#if defined(__x86_64__)
  llmos_fiber_switch(&self_, scheduler_);
#else
  swapcontext(&self_, &scheduler_);
#endif
#if LLMOS_FIBER_ASAN
  __sanitizer_finish_switch_fiber(self_fake_, &scheduler_bottom_, &scheduler_bytes_);
#endif
}

}  // namespace llmos::kernels::emu
