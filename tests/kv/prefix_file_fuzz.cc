// SPDX-License-Identifier: Apache-2.0
// Any bytes as a prefix cache file: a status or a sound tree.
#include <cstddef>
#include <cstdint>

#include "blocks.h"
#include "prefix_source.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  llmos::test::Blocks blocks(8);
  llmos::PrefixTree tree(blocks.pool, {.domains_max = 4, .secret = 1});
  llmos::test::MemorySource source(std::as_bytes(std::span(data, size)));
  (void)llmos::load_prefixes(tree, llmos::ModelDigest{}, source).ok();
  tree.check_integrity();
  blocks.pool.check_integrity();
  return 0;
}
