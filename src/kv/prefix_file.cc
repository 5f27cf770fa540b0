// SPDX-License-Identifier: Apache-2.0
#include "kv/prefix_file.h"

#include <bit>
#include <cstring>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/os_file.h"
#include "base/text.h"
#include "kv/checksum.h"

namespace llmos {
namespace {

static_assert(std::endian::native == std::endian::little, "the format's numbers are copied");

constexpr std::array<char, 8> kMagic = {'L', 'L', 'M', 'O', 'S', 'P', 'F', 'X'};
constexpr uint32_t kVersion = 1;
constexpr uint32_t kNoParent = UINT32_MAX;
// A tenant's name; longer ones are not saved.
constexpr uint32_t kNameBytesMax = 4096;
constexpr uint32_t kDomainsMax = 1 << 20;  // far beyond PrefixTreeOptions::domains_max

struct FileHeader {
  std::array<char, 8> magic;
  uint32_t version;
  uint32_t dtype;
  ModelDigest digest;
  int64_t layers, kv_heads, head_dim, block_tokens;
  uint32_t domains;
  uint32_t nodes;
  uint64_t sum;  // of all before it
};
static_assert(sizeof(FileHeader) == 96);

struct NodeHeader {
  uint32_t domain;
  uint32_t parent;
  uint64_t sum;  // of the two before it, the tokens and the block
};

template <class T>
std::span<const std::byte> bytes_of(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}

FileHeader header_of(const PrefixTree& tree, const ModelDigest& digest) {
  const BlockShape& shape = tree.pool().layout().shape();
  return {.magic = kMagic,
          .version = kVersion,
          .dtype = uint32_t(shape.dtype),
          .digest = digest,
          .layers = shape.layers,
          .kv_heads = shape.kv_heads,
          .head_dim = shape.head_dim,
          .block_tokens = shape.block_tokens,
          .domains = 0,
          .nodes = 0,
          .sum = 0};
}

uint64_t sum_of(const FileHeader& header) {
  return checksum64(bytes_of(header).first(offsetof(FileHeader, sum)));
}

uint64_t sum_of(const NodeHeader& node, std::span<const TokenId> tokens,
                std::span<const std::byte> block) {
  const uint64_t head = checksum64(bytes_of(node).first(offsetof(NodeHeader, sum)));
  return checksum64(block, checksum64(std::as_bytes(tokens), head));
}

Status corrupt(const char* what) {
  return Status(Code::kCorrupt,
                (Text() << "prefix cache file: " << what << "; the rest is computed again").str());
}

// Nodes in the order of the file, with the number of each one's parent.
struct Listed {
  uint32_t id;
  NodeHeader header;
};

class Saver {
 public:
  explicit Saver(const PrefixTree& tree) : tree_(tree) {
    const auto names = tree.domain_names();
    for (DomainId domain = 0; domain < names.size(); ++domain) {
      if (tree.has_domain(domain) && names[domain].size() <= kNameBytesMax) collect(domain);
    }
  }

  Status write(FileHeader header, os::File& file) const {
    header.domains = uint32_t(domains_.size());
    header.nodes = uint32_t(nodes_.size());
    header.sum = sum_of(header);
    if (Status s = file.write(bytes_of(header)); !s.ok()) return s;
    std::string names;
    for (const DomainId domain : domains_) {
      const std::string& name = tree_.domain_names()[domain];
      const auto length = uint32_t(name.size());
      names.append(reinterpret_cast<const char*>(&length), sizeof length).append(name);
    }
    const uint64_t sum = checksum64(std::as_bytes(std::span(names)));
    if (Status s = file.write(names); !s.ok()) return s;
    if (Status s = file.write(bytes_of(sum)); !s.ok()) return s;
    for (const Listed& node : nodes_) {
      if (Status s = write_node(node, file); !s.ok()) return s;
    }
    return Status();
  }

 private:
  void collect(DomainId domain) {
    std::unordered_map<uint32_t, uint32_t> numbers;
    const auto index = uint32_t(domains_.size());
    domains_.push_back(domain);
    tree_.for_each(domain, [&](const PrefixTree::NodeView& view) {
      if (int64_t(view.tokens.size()) < tree_.block_tokens()) return true;
      const auto parent = numbers.find(view.parent);
      numbers[view.id] = uint32_t(nodes_.size());
      const uint32_t number = parent == numbers.end() ? kNoParent : parent->second;
      nodes_.push_back({view.id, {.domain = index, .parent = number, .sum = 0}});
      return true;
    });
  }

  Status write_node(const Listed& node, os::File& file) const {
    const PrefixTree::NodeView view = tree_.view(node.id);
    const std::span<const std::byte> block =
        tree_.pool().bytes(tree_.pool().block_at(view.address));
    NodeHeader header = node.header;
    header.sum = sum_of(header, view.tokens, block);
    if (Status s = file.write(bytes_of(header)); !s.ok()) return s;
    if (Status s = file.write(std::as_bytes(view.tokens)); !s.ok()) return s;
    return file.write(block);
  }

  const PrefixTree& tree_;
  std::vector<DomainId> domains_;
  std::vector<Listed> nodes_;
};

class Loader {
 public:
  Loader(PrefixTree& tree, PrefixSource& source) : tree_(tree), source_(source) {}

  Result<PrefixesLoaded> load(const ModelDigest& digest) {
    FileHeader header;
    if (Status s = source_.read(std::as_writable_bytes(std::span(&header, 1))); !s.ok()) return s;
    if (header.magic != kMagic || header.sum != sum_of(header)) return corrupt("no header");
    FileHeader expected = header_of(tree_, digest);
    expected.domains = header.domains;
    expected.nodes = header.nodes;
    expected.sum = header.sum;
    if (std::memcmp(&expected, &header, sizeof header) != 0) {
      return Status(Code::kNotFound,
                    "prefix cache file: it is of another model, layout or version and is not used");
    }
    if (Status s = read_domains(header.domains); !s.ok()) return s;
    Status status;
    for (uint32_t i = 0; i < header.nodes && status.ok(); ++i) status = read_node();
    tree_.finish_restore(restored_);
    if (!status.ok()) return status;
    return loaded_;
  }

 private:
  Status read_domains(uint32_t count) {
    if (count > kDomainsMax) return corrupt("too many domains");
    std::string names, name;
    for (uint32_t i = 0; i < count; ++i) {
      uint32_t length = 0;
      if (Status s = source_.read(std::as_writable_bytes(std::span(&length, 1))); !s.ok()) return s;
      if (length > kNameBytesMax) return corrupt("a name is too long");
      name.resize(length);
      if (Status s = source_.read(std::as_writable_bytes(std::span(name))); !s.ok()) return s;
      names.append(reinterpret_cast<const char*>(&length), sizeof length).append(name);
      const Result<DomainId> domain = tree_.domain(name);
      if (!domain.ok()) return domain.status();
      domains_.push_back(*domain);
    }
    uint64_t sum = 0;
    if (Status s = source_.read(std::as_writable_bytes(std::span(&sum, 1))); !s.ok()) return s;
    if (sum != checksum64(std::as_bytes(std::span(names)))) return corrupt("names do not fit");
    loaded_.domains = count;
    return Status();
  }

  // The content goes into a block of the pool, or where there is none, nowhere.
  Status read_node() {
    NodeHeader header;
    if (Status s = source_.read(std::as_writable_bytes(std::span(&header, 1))); !s.ok()) return s;
    const auto number = uint32_t(nodes_.size());
    if (header.domain >= domains_.size() ||
        (header.parent != kNoParent && header.parent >= number)) {
      return corrupt("a block has no place");
    }
    tokens_.resize(size_t(tree_.block_tokens()));
    if (Status s = source_.read(std::as_writable_bytes(std::span(tokens_))); !s.ok()) return s;
    BlockPool& pool = tree_.pool();
    const std::optional<BlockId> block = pool.acquire();
    std::span<std::byte> bytes = block ? pool.bytes(*block) : std::span<std::byte>();
    if (!block) {
      spare_.resize(pool.layout().block_bytes());
      bytes = spare_;
    }
    Status status = source_.read(bytes);
    if (status.ok() && header.sum != sum_of(header, tokens_, bytes)) {
      status = corrupt("a block's checksum differs");
    }
    if (status.ok()) status = place(header, block);
    if (block) pool.release(*block);  // the tree has its own reference
    return status;
  }

  Status place(const NodeHeader& header, std::optional<BlockId> block) {
    const uint32_t parent =
        header.parent == kNoParent ? PrefixTree::kRoot : nodes_[header.parent].second;
    if (header.parent != kNoParent && nodes_[header.parent].first != header.domain) {
      return corrupt("a block follows one of another domain");
    }
    uint32_t node = PrefixTree::kNowhere;
    if (block && parent != PrefixTree::kNowhere) {
      node = tree_.restore(domains_[header.domain], parent, tokens_, *block);
    }
    if (node == PrefixTree::kNowhere) {
      ++loaded_.blocks_left_out;
    } else {
      ++loaded_.blocks;
      restored_.push_back(node);
    }
    nodes_.emplace_back(header.domain, node);
    return Status();
  }

  PrefixTree& tree_;
  PrefixSource& source_;
  PrefixesLoaded loaded_;
  std::vector<DomainId> domains_;
  std::vector<std::pair<uint32_t, uint32_t>> nodes_;  // domain of the file, node of the tree
  std::vector<uint32_t> restored_;
  std::vector<TokenId> tokens_;
  std::vector<std::byte> spare_;
};

class FileSource final : public PrefixSource {
 public:
  explicit FileSource(os::File file) : file_(std::move(file)) {}
  Status read(std::span<std::byte> into) override { return file_.read(into); }

 private:
  os::File file_;
};

}  // namespace

Status save_prefixes(const PrefixTree& tree, const ModelDigest& digest, const std::string& path) {
  Result<os::AtomicFile> file = os::AtomicFile::create(path);
  if (!file) return file.status();
  if (Status s = Saver(tree).write(header_of(tree, digest), file->file()); !s.ok()) return s;
  return file->commit();
}

Result<PrefixesLoaded> load_prefixes(PrefixTree& tree, const ModelDigest& digest,
                                     const std::string& path) {
  Result<os::File> file = os::File::open(path, os::OpenMode::kRead);
  if (!file) return file.status();
  FileSource source(*std::move(file));
  return load_prefixes(tree, digest, source);
}

Result<PrefixesLoaded> load_prefixes(PrefixTree& tree, const ModelDigest& digest,
                                     PrefixSource& source) {
  return Loader(tree, source).load(digest);
}

}  // namespace llmos
