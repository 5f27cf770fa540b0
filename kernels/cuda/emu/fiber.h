// SPDX-License-Identifier: Apache-2.0
// Fiber: a stack and the place where its function stopped. The emulator gives one to every CUDA
// thread, because a kernel may stop at a barrier anywhere inside a loop.
//
// Why not ucontext: swapcontext saves the signal mask by two system calls. Measured: 740 ns
// for a round trip, against 32 ns for the switch below (on a busy machine), and a test makes
// millions of them. On other processors than x86-64 ucontext is what there is.
//
// Threads  a fiber is run by the OS thread that runs its block, from its begin to its end.
// Sanitizers  AddressSanitizer is told of every switch; so use-after-return and overflows inside a
//             kernel are found as in ordinary code.
#pragma once

#include <cstddef>

#if !defined(__x86_64__)
  #include <ucontext.h>
#endif

namespace llmos::kernels::emu {

// The stacks of the fibers of one block: one mapping, with a page that traps below each stack.
class FiberStacks {
 public:
  // A kernel's frames are small; under AddressSanitizer they are several times larger.
  static constexpr size_t kBytes = size_t{256} << 10;

  explicit FiberStacks(unsigned count);
  ~FiberStacks();
  FiberStacks(const FiberStacks&) = delete;
  FiberStacks& operator=(const FiberStacks&) = delete;

  unsigned count() const noexcept { return count_; }
  std::byte* bottom(unsigned index) const noexcept;  // of kBytes usable bytes

 private:
  unsigned count_;
  std::byte* memory_;
};

class Fiber {
 public:
  // Makes the fiber ready to call `function(argument)` on the stack. The function must not return:
  // its last act is leave(). A fiber may be begun again after that, or abandoned.
  void begin(std::byte* stack, void (*function)(void*), void* argument);

  // From the scheduler: runs the fiber until it stops.
  void resume();
  // From the fiber: back to the scheduler. `last`: it will not be resumed.
  void leave(bool last);

 private:
  friend void fiber_entry(Fiber*);

  void (*function_)(void*) = nullptr;
  void* argument_ = nullptr;
  std::byte* stack_ = nullptr;
#if defined(__x86_64__)
  void* self_ = nullptr;       // the stack pointer where the fiber stopped
  void* scheduler_ = nullptr;  // and where its scheduler did
#else
  ucontext_t self_;
  ucontext_t scheduler_;
#endif
  void* self_fake_ = nullptr;  // AddressSanitizer's, of the two sides
  void* scheduler_fake_ = nullptr;
  const void* scheduler_bottom_ = nullptr;
  size_t scheduler_bytes_ = 0;
};

}  // namespace llmos::kernels::emu
