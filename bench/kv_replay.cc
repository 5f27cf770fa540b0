// SPDX-License-Identifier: Apache-2.0
#include "kv_replay.h"

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <list>
#include <string_view>
#include <unordered_map>

#include "base/text.h"
#include "kv/prefix_tree.h"

namespace llmos::bench {

Result<Requests> read_mooncake_trace(const std::string& path) {
  std::ifstream file(path);
  if (!file) return Status(Code::kNotFound, path + ": cannot be read");
  Requests requests;
  std::string line;
  while (std::getline(file, line)) {
    const size_t key = line.find("\"hash_ids\"");
    const size_t open = key == std::string::npos ? key : line.find('[', key);
    if (open == std::string::npos) {
      return Status(
          Code::kCorrupt,
          (Text() << path << ":" << requests.size() + 1 << ": expected \"hash_ids\": [...]").str());
    }
    TracedRequest& request = requests.emplace_back();
    constexpr std::string_view kOutput = "\"output_length\":";
    if (const size_t at = line.find(kOutput); at != std::string::npos) {
      request.output_tokens = std::strtoull(line.c_str() + at + kOutput.size(), nullptr, 10);
    }
    for (const char* at = line.c_str() + open + 1;;) {
      char* end = nullptr;
      const long id = std::strtol(at, &end, 10);
      if (end == at) break;
      request.ids.push_back(TokenId(id));
      at = end + (*end == ',');
    }
  }
  return requests;
}

ReplayResult replay(const Requests& requests, uint32_t blocks, Eviction eviction) {
  size_t longest = 0, wanted = 0;
  for (const auto& [ids, output] : requests) {
    longest = std::max(longest, ids.size());
    wanted += ids.size();
  }
  const BlockLayout layout =
      BlockLayout::create({.layers = 1, .kv_heads = 1, .head_dim = 32, .block_tokens = 1}).value();
  BlockPool pool(layout, blocks + uint32_t(longest) + 1);
  PrefixTree tree(pool, {.nodes_max = blocks, .eviction = eviction, .secret = 1});
  const DomainId domain = tree.domain("trace").value();
  uint64_t hits = 0;
  std::vector<TokenId> tokens;
  const auto start = std::chrono::steady_clock::now();
  for (const auto& [ids, output] : requests) {
    tokens.assign(ids.begin(), ids.end());
    tokens.push_back(-1);  // one is always left to compute
    BlockTable table(pool, int64_t(tokens.size()));
    PrefixLease lease = tree.lend(domain, tokens, table);
    lease.set_answer_tokens(output);
    hits += uint64_t(lease.blocks());
    if (!table.append(int64_t(ids.size()) - table.tokens())) continue;
    for (auto i = size_t(lease.blocks()); i < ids.size(); ++i) {
      if (tree.add(lease, std::span(tokens).subspan(i, 1), table.block(int64_t(i))) < 0) break;
    }
  }
  const std::chrono::duration<double, std::nano> time = std::chrono::steady_clock::now() - start;
  tree.clear();
  return {double(hits) / double(wanted), time.count() / double(wanted)};
}

double replay_exact_lru(const Requests& requests, uint32_t blocks) {
  std::list<TokenId> order;  // newest first
  std::unordered_map<TokenId, std::list<TokenId>::iterator> held;
  uint64_t hits = 0, wanted = 0;
  for (const auto& [ids, output] : requests) {
    wanted += ids.size();
    for (const TokenId id : ids) {
      if (held.count(id) == 0) break;
      ++hits;
    }
    for (auto id = ids.rbegin(); id != ids.rend(); ++id) {
      if (const auto at = held.find(*id); at != held.end()) {
        order.splice(order.begin(), order, at->second);
        continue;
      }
      order.push_front(*id);
      held[*id] = order.begin();
      if (held.size() <= blocks) continue;
      held.erase(order.back());
      order.pop_back();
    }
  }
  return double(hits) / double(wanted);
}

}  // namespace llmos::bench
