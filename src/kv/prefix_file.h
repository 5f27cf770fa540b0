// SPDX-License-Identifier: Apache-2.0
// The prefix cache in a file: saved when an engine closes, loaded when one opens, if the host asks
// for it.
//
//   Status saved = save_prefixes(tree, digest, path);
//   Result<PrefixesLoaded> loaded = load_prefixes(tree, digest, path);   // into an empty tree
//
// Key      Blocks fit only the model, and the way of computing it, that made them: the digest (of
//          weights, kernel set, and what else changes a bit of them; the engine's to choose) and
//          the block layout must be the file's. Another file is kNotFound: no error, no use.
// Format   Little-endian. Header: magic, version, digest, layout, number of domains and nodes,
//          checksum. Domains: length and name of each; their checksum. Nodes, parents before
//          children: domain, parent (a number of an earlier node of the file, or none), tokens, the
//          keys and values (a block as it lies in memory), a checksum of all that.
// Crash    Written beside the old file and put in its place at the end: one of the two is there,
//          whole.
// Hostile  The file is not trusted. Anything that does not fit ends the loading with kCorrupt; what
//          was loaded before that is right by its checksum and stays. A forged file can put wrong
//          keys and values into the cache: keep it where only the engine's user can write, or leave
//          this off.
// Threads  the engine's; both calls block for the file.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "kv/prefix_tree.h"
#include "llmos/status.h"

namespace llmos {

using ModelDigest = std::array<std::byte, 32>;

struct PrefixesLoaded {
  uint32_t domains = 0;
  uint32_t blocks = 0;
  uint32_t blocks_left_out = 0;  // no room in the pool
};

// Whole blocks only; tails are left out. Leased ones are saved too. run_copies() must have been
// called. Failure: the file's (kExhausted: disk full); the old file then stays.
Status save_prefixes(const PrefixTree& tree, const ModelDigest& digest, const std::string& path);

// Into the free blocks of the tree's pool. kNotFound: no such file, or one of another model, layout
// or version; kCorrupt: see above; kExhausted: more domains than the tree takes.
Result<PrefixesLoaded> load_prefixes(PrefixTree& tree, const ModelDigest& digest,
                                     const std::string& path);

// A file's bytes, as load_prefixes reads them; for tests and fuzzing, and files in other places.
class PrefixSource {
 public:
  virtual ~PrefixSource() = default;
  virtual Status read(
      std::span<std::byte> into) = 0;  // the next bytes, exactly; kCorrupt at the end
};
Result<PrefixesLoaded> load_prefixes(PrefixTree& tree, const ModelDigest& digest,
                                     PrefixSource& source);

}  // namespace llmos
