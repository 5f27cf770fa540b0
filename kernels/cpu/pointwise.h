// SPDX-License-Identifier: Apache-2.0
// Norms, rotations (with what stores keys and values), activations, sums and routing: one pass over
// the activations each, which lie in a cache. Results of the last, incomplete vector of a row go
// through the same instructions.
#pragma once

#include "kernels/cpu/attention.h"
#include "kernels/cpu/math.h"
#include "kernels/cpu/quantize.h"
#include "kernels/kernels.h"
#include "kernels/share.h"

namespace llmos::kernels {
namespace {

// Calls f(column, lanes, load, store) ... for every vector of [first, last).
template <class F>
LLMOS_INLINE void each_vector(int64_t first, int64_t last, F f) {
  for (int64_t c = first; c < last; c += kLanes) f(c, last - c < kLanes ? last - c : kLanes);
}
LLMOS_INLINE Floats load_some(const float* from, int64_t count) {
  return count == kLanes ? load(from) : load_part(from, count);
}
LLMOS_INLINE void store_some(float* to, Floats value, int64_t count) {
  if (count == kLanes) return store(to, value);
  store_part(to, value, count);
}

// Calls f(row, first column, last column) for a member's part of [rows, columns], in units of
// kUnit columns: whole vectors, or whole cells.
template <int kUnit = kLanes, class F>
LLMOS_INLINE void each_part(int64_t rows, int64_t columns, const Launch& launch, F f) {
  const int64_t units = (columns + kUnit - 1) / kUnit;
  const Share share = share_of(rows * units, launch);
  for (int64_t i = share.first; i < share.last;) {
    const int64_t row = i / units;
    const int64_t first = i % units;
    const int64_t count = share.last - i < units - first ? share.last - i : units - first;
    const int64_t last = (first + count) * kUnit;
    f(row, first * kUnit, last < columns ? last : columns);
    i += count;
  }
}

// Stores value(column, lanes) at columns [first, last) of a row: in `out`, and quantised in `cells`
// (the row's), where they are not null. With cells, first and last are whole cells.
template <class F>
LLMOS_INLINE void store_values(float* out, std::byte* cells, int64_t first, int64_t last, F value) {
  if (!cells) {
    each_vector(first, last, [&](int64_t c, int64_t n) { store_some(out + c, value(c, n), n); });
    return;
  }
  for (int64_t c = first; c < last; c += kCellColumns) {
    alignas(64) float x[kCellColumns];
    for (int64_t i = 0; i < kCellColumns; i += kLanes) store(x + i, value(c + i, kLanes));
    if (out) std::memcpy(out + c, x, sizeof x);
    quantize_cell(x, *reinterpret_cast<Cell*>(cells + c / kCellColumns * int64_t(kCellBytes)));
  }
}

LLMOS_INLINE std::byte* cells_row(std::byte* cells, int64_t row, int64_t columns) {
  return cells ? cells + size_t(row) * quantized_row_bytes(columns) : nullptr;
}

// ---- Norms ----

LLMOS_INLINE float sum_of(const float* in, int64_t columns) {
  Floats sum{};
  each_vector(0, columns, [&](int64_t c, int64_t n) { sum += load_some(in + c, n); });
  return sum_lanes(sum);
}

LLMOS_INLINE float sum_of_squares(const float* in, int64_t columns, float mean) {
  Floats sum{};
  each_vector(0, columns, [&](int64_t c, int64_t n) {
    const Floats x = n == kLanes ? load(in + c) : load_part(in + c, n, mean);
    const Floats distance = x - broadcast(mean);
    sum = fma(distance, distance, sum);
  });
  return sum_lanes(sum);
}

// Columns [first, last) of row r, by sums over all of it.
void norm_part(const NormParams& p, int64_t r, int64_t first, int64_t last) {
  const float* const in = p.in + r * p.in_stride;
  const float mean = p.kind == NormKind::kLayer ? sum_of(in, p.columns) / float(p.columns) : 0.0f;
  const float variance = sum_of_squares(in, p.columns, mean) / float(p.columns);
  const Floats scale = broadcast(1 / ::sqrtf(variance + p.epsilon));
  const auto value = [&](int64_t c, int64_t n) {
    Floats x = (load_some(in + c, n) - broadcast(mean)) * scale;
    if (p.weight) x *= load_some(p.weight + c, n);
    if (p.bias) x += load_some(p.bias + c, n);
    return x;
  };
  store_values(p.out ? p.out + r * p.out_stride : nullptr, cells_row(p.cells, r, p.columns), first,
               last, value);
}

// In place a row is one member's, for all of it is read. Else members share a row too, and each
// computes the sums of it: cheaper than waiting for one that does it all.
void norm(const NormParams& p, const Launch& launch) {
  if (p.out == p.in) {
    const Share share = share_of(p.rows, launch);
    for (int64_t r = share.first; r < share.last; ++r) norm_part(p, r, 0, p.columns);
    return;
  }
  each_part<kCellColumns>(p.rows, p.columns, launch, [&](int64_t r, int64_t first, int64_t last) {
    norm_part(p, r, first, last);
  });
}

// ---- Rotations ----

struct Angles {
  alignas(64) float sin[kHeadDimMax / 2 + kLanes];  // room for a last, incomplete vector
  alignas(64) float cos[kHeadDimMax / 2 + kLanes];
};

void angles_of(const RopeParams& p, int64_t token, Angles& angles) {
  const int64_t half = p.rotary / 2;
  const float* frequency =
      p.inverse_frequency + (p.frequency_set ? p.frequency_set[token] : 0) * half;
  const Floats position = broadcast(float(p.positions[token]));
  each_vector(0, half, [&](int64_t i, int64_t n) {
    const SinCos value = sin_cos(position * load_some(frequency + i, n));
    store(angles.sin + i, value.sin * broadcast(p.magnitude));
    store(angles.cos + i, value.cos * broadcast(p.magnitude));
  });
}

LLMOS_INLINE void rotate_halves(float* x, int64_t half, const Angles& angles) {
  each_vector(0, half, [&](int64_t i, int64_t n) {
    const Floats a = load_some(x + i, n);
    const Floats b = load_some(x + half + i, n);
    const Floats s = load(angles.sin + i);
    const Floats c = load(angles.cos + i);
    store_some(x + i, a * c - b * s, n);
    store_some(x + half + i, b * c + a * s, n);
  });
}

LLMOS_INLINE void rotate_pairs(float* x, int64_t half, const Angles& angles) {
  for (int64_t i = 0; i < half; ++i) {
    const float a = x[2 * i];
    const float b = x[2 * i + 1];
    x[2 * i] = a * angles.cos[i] - b * angles.sin[i];
    x[2 * i + 1] = b * angles.cos[i] + a * angles.sin[i];
  }
}

LLMOS_INLINE void rotate(const RopeParams& p, int64_t token, int64_t head, const Angles& angles) {
  float* const x = p.x + token * p.stride + head * p.head_dim;
  if (p.interleaved) {
    rotate_pairs(x, p.rotary / 2, angles);
  } else {
    rotate_halves(x, p.rotary / 2, angles);
  }
}

void rope(const RopeParams& p, const Launch& launch) {
  const Share share = share_of(p.tokens * p.heads, launch);
  Angles angles;
  int64_t token = -1;
  for (int64_t i = share.first; i < share.last; ++i) {
    if (i / p.heads != token) angles_of(p, token = i / p.heads, angles);
    rotate(p, token, i % p.heads, angles);
  }
}

// Rotates and stores a token's head by one member: no barrier between.
void kv_write(const KvWriteParams& p, const Launch& launch) {
  const KvLayer& cache = p.cache;
  const size_t row = cache_row_bytes(cache);
  const Share share = share_of(p.tokens * cache.kv_heads, launch);
  Angles angles;
  int64_t token = -1;
  for (int64_t i = share.first; i < share.last; ++i) {
    const int64_t t = i / cache.kv_heads;
    const int64_t head = i % cache.kv_heads;
    if (p.rope.x) {
      if (t != token) angles_of(p.rope, token = t, angles);
      rotate(p.rope, t, head, angles);
    }
    if (p.slots[t] < 0) continue;
    const int64_t place = head * cache.block_tokens + p.slots[t] % cache.block_tokens;
    const size_t at =
        size_t(p.slots[t] / cache.block_tokens) * cache.block_bytes + size_t(place) * row;
    const int64_t from = head * cache.head_dim;
    store_cache_row(cache, cache.keys + at, p.keys + t * p.keys_stride + from);
    store_cache_row(cache, cache.values + at, p.values + t * p.values_stride + from);
  }
}

// ---- Activations ----

LLMOS_INLINE Floats activated(const ActivateParams& p, Floats x) {
  const Floats half = broadcast(0.5f) * x;
  const Floats one = broadcast(1.0f);
  switch (p.activation) {
    case Activation::kSilu:
      return x * sigmoid(x);
    case Activation::kGelu:
      return half * (one + erf(x * broadcast(0.70710678118654752f)));
    case Activation::kGeluTanh: {
      const Floats inner = fma(broadcast(0.044715f) * x, x * x, x);
      return half * (one + tanh(broadcast(0.79788456080286536f) * inner));  // sqrt(2 / pi)
    }
    case Activation::kRelu:
      return larger(x, Floats{});
    case Activation::kClampedSwiglu:
      break;
  }
  return x;
}

LLMOS_INLINE Floats clamped_swiglu(Floats gate, Floats up, Floats limit) {
  const Floats g = smaller(gate, limit);
  const Floats u = larger(smaller(up, limit), -limit);
  return g * sigmoid(broadcast(1.702f) * g) * (u + broadcast(1.0f));
}

void activate(const ActivateParams& p, const Launch& launch) {
  const Share share = share_of(p.columns, launch, kShareRows);
  for (int64_t r = 0; r < p.rows; ++r) {
    const float* gate = p.gate + r * p.gate_stride;
    const float* up = p.up ? p.up + r * p.up_stride : nullptr;
    const auto value = [&](int64_t c, int64_t n) {
      const Floats g = load_some(gate + c, n);
      const Floats u = up ? load_some(up + c, n) : broadcast(1.0f);
      return p.activation == Activation::kClampedSwiglu ? clamped_swiglu(g, u, broadcast(p.limit))
                                                        : activated(p, g) * u;
    };
    store_values(p.out ? p.out + r * p.out_stride : nullptr, cells_row(p.cells, r, p.columns),
                 share.first, share.last, value);
  }
}

// ---- Sums and copies ----

void add(const AddParams& p, const Launch& launch) {
  each_part(p.rows, p.columns, launch, [&](int64_t r, int64_t first, int64_t last) {
    const float* in = p.in + r * p.in_stride;
    float* out = p.out + r * p.out_stride;
    const Floats gate = p.gates ? sigmoid(broadcast(p.gates[r])) : broadcast(1.0f);
    const Floats scale = broadcast(p.scale) * gate;
    each_vector(first, last, [&](int64_t c, int64_t n) {
      store_some(out + c, load_some(out + c, n) + scale * load_some(in + c, n), n);
    });
  });
}

void combine(const CombineParams& p, const Launch& launch) {
  each_part(p.tokens, p.columns, launch, [&](int64_t t, int64_t first, int64_t last) {
    const float* in = p.in + t * p.chosen * p.columns;
    const float* weights = p.weights + t * p.chosen;
    float* out = p.out + t * p.out_stride;
    each_vector(first, last, [&](int64_t c, int64_t n) {
      Floats sum{};
      for (int64_t k = 0; k < p.chosen; ++k) {
        sum = fma(broadcast(weights[k]), load_some(in + k * p.columns + c, n), sum);
      }
      store_some(out + c, fma(broadcast(p.scale), sum, load_some(out + c, n)), n);
    });
  });
}

void gather(const GatherParams& p, const Launch& launch) {
  each_part(p.rows, p.columns, launch, [&](int64_t r, int64_t first, int64_t last) {
    std::memcpy(p.out + r * p.columns + first, p.in + p.index[r] * p.columns + first,
                size_t(last - first) * sizeof(float));
  });
}

void cap(const CapParams& p, const Launch& launch) {
  each_part(p.rows, p.columns, launch, [&](int64_t r, int64_t first, int64_t last) {
    float* x = p.x + r * p.columns;
    each_vector(first, last, [&](int64_t c, int64_t n) {
      store_some(x + c, capped(broadcast(p.scale) * load_some(x + c, n), p.softcap), n);
    });
  });
}

// ---- Routing ----

// The expert with the largest logit that is not among the first `k` of `taken`, of equal ones the
// first. There is one for logits that are not numbers too.
LLMOS_INLINE int32_t next_expert(const float* logits, int64_t count, const int32_t* taken,
                                 int64_t k) {
  int32_t best = -1;
  for (int32_t e = 0; e < count; ++e) {
    bool is_taken = false;
    for (int64_t i = 0; i < k; ++i) is_taken |= taken[i] == e;
    if (!is_taken && (best < 0 || logits[e] > logits[best])) best = e;
  }
  return best;
}

void route(const RouteParams& p, const Launch& launch) {
  const Share share = share_of(p.tokens, launch);
  for (int64_t t = share.first; t < share.last; ++t) {
    const float* logits = p.logits + t * p.expert_count;
    int32_t* experts = p.experts + t * p.chosen;
    float* weights = p.weights + t * p.chosen;
    for (int64_t k = 0; k < p.chosen; ++k) {
      experts[k] = next_expert(logits, p.expert_count, experts, k);
    }
    const float largest = logits[experts[0]];
    float sum = 0;
    for (int64_t k = 0; k < p.chosen; ++k) {
      sum += weights[k] = ::expf(logits[experts[k]] - largest);
    }
    if (p.routing == Routing::kSoftmaxAll) {
      sum = 0;
      for (int64_t e = 0; e < p.expert_count; ++e) sum += ::expf(logits[e] - largest);
    }
    for (int64_t k = 0; k < p.chosen; ++k) weights[k] *= p.scale / sum;
  }
}

}  // namespace
}  // namespace llmos::kernels
