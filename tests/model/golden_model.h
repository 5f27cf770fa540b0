// SPDX-License-Identifier: Apache-2.0
// The models of tests/golden/models: where their files are, and what other programs computed.
#pragma once

#include <cstddef>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "llmos/types.h"

namespace llmos::test {

struct GoldenCase {
  std::string name;
  std::vector<TokenId> prompt, greedy, all;  // all: prompt, then greedy
  double gap_min = 0;
  uint32_t context = 0;
  std::vector<size_t> positions;
  std::vector<float> logits;  // [positions, vocabulary]
};

class Golden {
 public:
  explicit Golden(const std::string& name);

  // The path of its "hf" or "gguf" form; empty where it has none.
  std::string path(std::string_view kind) const;

  // The largest difference between the case's logits and `logits` [tokens, vocabulary]; of numbers
  // that are none it is not comparable, and no bound holds.
  double largest_difference(const GoldenCase& c, std::span<const float> logits) const;

  size_t vocabulary = 0;
  double tolerance = 0;
  std::vector<GoldenCase> cases;

 private:
  std::string folder_;
  Json json_;
};

// A model in one of its forms.
struct GoldenVariant {
  std::string model, kind;
  friend std::ostream& operator<<(std::ostream& out, const GoldenVariant& v) {
    return out << v.model << "_" << v.kind;
  }
};

// All, in order; those with matrices of a type that is packed.
std::vector<GoldenVariant> golden_variants();
std::vector<GoldenVariant> packed_golden_variants();

}  // namespace llmos::test
