// SPDX-License-Identifier: Apache-2.0
// A program that knows LLMOS only through its public headers. Ends with 0 when everything answered
// as documented.
#include <llmos/extend.h>
#include <llmos/memory.h>
#include <llmos/queue.h>
#include <llmos/status.h>
#include <llmos/version.h>

#include <cstdio>
#include <string>
#include <thread>
#include <vector>

namespace {

bool expect(bool ok, const char* what) {
  if (!ok) std::fprintf(stderr, "expected %s\n", what);
  return ok;
}

llmos::Result<int> half(int value) {
  if (value % 2 != 0) return llmos::Status(llmos::Code::kInvalid, "odd");
  return value / 2;
}

// From another thread, so that the pool's thread-local state works across the library's border.
bool memory_works() {
  auto pool = llmos::Pool::create({.bytes_max = 16 << 20});
  if (!pool.ok()) return false;
  void* block = nullptr;
  std::thread([&] { block = (*pool)->allocate(1000); }).join();
  if (!block || !(*pool)->owns(block)) return false;
  (*pool)->deallocate(block);
  {
    std::vector<int, llmos::PoolAllocator<int>> numbers(1000, 7, llmos::PoolAllocator<int>(**pool));
    if (numbers.back() != 7) return false;
  }
  return (*pool)->stats().live_bytes == 0;
}

bool queue_works() {
  llmos::MpscQueue<int> queue(4);
  std::thread producer([&] {
    for (int i = 1; i <= 100; ++i) queue.push(int(i));
    queue.close();
  });
  int sum = 0;
  while (const auto value = queue.pop()) sum += *value;
  producer.join();
  return sum == 5050;
}

}  // namespace

int main() {
  bool ok =
      expect(std::string(llmos::version()) == LLMOS_EXPECTED_VERSION, "the library's version");
  ok &= expect(std::string(LLMOS_VERSION) == LLMOS_EXPECTED_VERSION, "the headers' version");
  ok &= expect(half(4).value() == 2, "a value");
  ok &= expect(half(3).status().to_string() == "invalid: odd", "a status");
  ok &= expect(memory_works(), "a pool that hands out and takes back");
  ok &= expect(queue_works(), "a queue that loses nothing");
  llmos::set_log_sink(nullptr);
  std::printf("llmos %s\n", llmos::version());
  return ok ? 0 : 1;
}
