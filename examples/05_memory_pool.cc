// SPDX-License-Identifier: Apache-2.0
// A memory pool of your own: a hard byte cap, out of memory as a value, containers on top, and an
// arena for what dies together. No engine is needed.
#include <llmos/memory.h>

#include <cstdio>
#include <cstring>
#include <memory_resource>
#include <string>
#include <vector>

namespace {

constexpr uint64_t kMiB = 1 << 20;

// The cap counts every byte that the pool takes from the system, its own records too.
int fill(llmos::Pool& pool) {
  std::vector<void*> blocks;
  while (void* block = pool.allocate(kMiB)) {  // nullptr, not an exception, when the cap is reached
    std::memset(block, 1, kMiB);
    blocks.push_back(block);
  }
  for (void* block : blocks) pool.deallocate(block);  // from any thread
  return int(blocks.size());
}

// Containers take a pool through PoolAllocator, or through std::pmr.
void use_containers(llmos::Pool& pool) {
  std::vector<float, llmos::PoolAllocator<float>> logits(32'000, 0.0f,
                                                         llmos::PoolAllocator<float>(pool));
  std::pmr::string text("a string of the pool, long enough to need memory", pool.resource());
  std::printf("containers   %zu logits and %zu characters live in the pool\n", logits.size(),
              text.size());
}

struct Node {
  int value;
  Node* next;
};

// One reset instead of a million frees: an arena forgets everything at once.
void use_arena(llmos::Pool& pool) {
  llmos::Arena arena(pool);
  const llmos::Arena::Scope scope(arena);  // rewinds at the end of the block
  Node* list = nullptr;
  for (int i = 0; i < 1000; ++i) list = arena.make<Node>(Node{i, list});
  std::printf("arena        1000 nodes in %zu bytes, the last is %d\n", arena.used_bytes(),
              list ? list->value : -1);
}

}  // namespace

int main() {
  auto created = llmos::Pool::create({.bytes_max = 64 * kMiB, .name = "example"});
  if (!created.ok()) {
    std::fprintf(stderr, "%s\n", created.status().to_string().c_str());
    return 1;
  }
  llmos::Pool& pool = **created;

  std::printf("cap          %d blocks of 1 MiB fit into 64 MiB\n", fill(pool));
  use_containers(pool);
  use_arena(pool);

  const llmos::PoolStats before = pool.stats();
  const size_t returned = pool.trim();  // everything that is not in use goes back to the system
  std::printf("trim         %.1f MiB were resident, %.1f MiB went back\n",
              double(before.resident_bytes) / kMiB, double(returned) / kMiB);
  return pool.stats().live_bytes == 0 ? 0 : 1;
}
