// SPDX-License-Identifier: Apache-2.0
#include "tensor/quant_encode_k.h"

#include "tensor/quant_search.h"

namespace llmos {
namespace {

using namespace quant;

using SuperSamples = Samples<kSuperBlockElements>;

// Groups choose integers for the block's scale, then the scale is fitted to the integers.
constexpr int kRounds = 2;

// The smallest half that is >= value; 0 stays 0. A scale rounded down could not reach its largest
// group.
float half_above(float value) {
  const uint16_t half = finite_half(value);
  const bool below = f16_to_f32(half) < value && half < 0x7bff;
  return f16_to_f32(uint16_t(half + below));
}

float half_near(float value) { return f16_to_f32(finite_half(value)); }

// Q4_K and Q5_K: x ~ scale * s * q - minimum * m, s and m of 6 bits per group of 32.
class AffineBlock {
 public:
  static constexpr int kGroups = 8, kGroupElements = 32, kIntegerMax = 63;

  AffineBlock(const SuperSamples& samples, float high, const Extents& extents)
      : samples_(samples), grid_{0, high} {
    AffineFit fits[kGroups];
    float scale_max = 0, minimum_max = 0;
    for (int g = 0; g < kGroups; ++g) {
      fits[g] = fit_affine<kGroupElements>(x(g), weight(g), high, 0, extents);
      scale_max = std::max(scale_max, fits[g].scale);
      minimum_max = std::max(minimum_max, -fits[g].offset);
    }
    scale_ = half_above(scale_max / kIntegerMax);
    minimum_ = half_above(minimum_max / kIntegerMax);
    for (int g = 0; g < kGroups; ++g) {
      integers_[g] = {integer(fits[g].scale, scale_), integer(-fits[g].offset, minimum_)};
    }
    for (int round = 0; round < kRounds; ++round) {
      choose_integers();
      fit_halves();
    }
    choose_integers();
  }

  template <class Block>
  void write(Block& block, uint8_t* codes) const {
    block.scale = finite_half(scale_);
    block.minimum = finite_half(minimum_);
    std::memset(block.scales, 0, sizeof block.scales);
    for (int g = 0; g < kGroups; ++g) {
      pack(g, integers_[g], block.scales);
      write_codes(x(g), kGroupElements, scale_ * float(integers_[g].scale),
                  -minimum_ * float(integers_[g].minimum), grid_, codes + g * kGroupElements);
    }
  }

 private:
  struct Integers {
    int scale, minimum;
  };

  static int integer(float value, float unit) {
    return unit == 0 ? 0 : std::clamp(int(std::lrint(value / unit)), 0, kIntegerMax);
  }
  // The inverse of k_scale_min().
  static void pack(int group, Integers integers, uint8_t* scales) {
    if (group < 4) {
      scales[group] |= uint8_t(integers.scale);
      scales[group + 4] |= uint8_t(integers.minimum);
    } else {
      scales[group + 4] = uint8_t((integers.scale & 15) | (integers.minimum & 15) << 4);
      scales[group - 4] |= uint8_t(integers.scale >> 4 << 6);
      scales[group] |= uint8_t(integers.minimum >> 4 << 6);
    }
  }

  const float* x(int group) const { return samples_.x + group * kGroupElements; }
  const float* weight(int group) const { return samples_.weight + group * kGroupElements; }
  float error(int group, Integers integers) const {
    return affine_error<kGroupElements>(x(group), weight(group), scale_ * float(integers.scale),
                                        -minimum_ * float(integers.minimum), grid_);
  }

  void choose_integers() {
    for (int g = 0; g < kGroups; ++g) {
      const Integers old = integers_[g];
      float least = error(g, old);
      for (int s = std::max(0, old.scale - 1); s <= std::min(kIntegerMax, old.scale + 1); ++s) {
        for (int m = std::max(0, old.minimum - 1); m <= std::min(kIntegerMax, old.minimum + 1);
             ++m) {
          if (s == old.scale && m == old.minimum) continue;
          const float other = error(g, {s, m});
          if (other < least) {
            least = other;
            integers_[g] = {s, m};
          }
        }
      }
    }
  }

  // Least squares of scale and minimum for the codes and integers as they are.
  void fit_halves() {
    double aa = 0, ab = 0, bb = 0, ax = 0, bx = 0;  // a = s * q, b = -m
    for (int g = 0; g < kGroups; ++g) {
      const float s = float(integers_[g].scale), b = -float(integers_[g].minimum);
      const float scale = scale_ * s, inverse = scale == 0 ? 0 : 1 / scale;
      Lanes w{}, q{}, qq{}, qx{}, wx{};
      for (int i = 0; i < kGroupElements; i += kLanes) {
        const Lanes xi = load(x(g) + i), wi = load(weight(g) + i);
        const Lanes qi = grid_((xi - all(minimum_ * b)) * all(inverse));
        w += wi;
        q += wi * qi;
        qq += wi * qi * qi;
        qx += wi * qi * xi;
        wx += wi * xi;
      }
      aa += double(s) * s * sum(qq);
      ab += double(s) * b * sum(q);
      bb += double(b) * b * sum(w);
      ax += double(s) * sum(qx);
      bx += double(b) * sum(wx);
    }
    const double determinant = aa * bb - ab * ab;
    if (aa > 0 && bb > 0 && determinant > 1e-9 * aa * bb) {
      accept(float((ax * bb - bx * ab) / determinant), float((bx * aa - ax * ab) / determinant));
    } else if (aa > 0) {
      accept(float(ax / aa), minimum_);
    }
  }

  void accept(float scale, float minimum) {
    if (!(scale > 0 && minimum >= 0)) return;
    scale_ = half_near(scale);
    minimum_ = half_near(minimum);
  }

  const SuperSamples& samples_;
  UniformGrid grid_;
  float scale_ = 0, minimum_ = 0;  // halves
  Integers integers_[kGroups]{};
};

// Q6_K: x ~ scale * s * q, s of 8 bits with sign per group of 16.
class SymmetricBlock {
 public:
  static constexpr int kGroups = 16, kGroupElements = 16, kIntegerMin = -128, kIntegerMax = 127;

  SymmetricBlock(const SuperSamples& samples, const UniformGrid& grid, const Extents& extents)
      : samples_(samples), grid_(grid) {
    float fits[kGroups], extreme = 0;
    for (int g = 0; g < kGroups; ++g) {
      fits[g] = fit(g, extents);
      if (std::abs(fits[g]) > std::abs(extreme)) extreme = fits[g];
    }
    if (extreme == 0) return;
    // The extreme takes -128, the longer side of the integers.
    const float unit = half_above(std::abs(extreme) / 128);
    scale_ = extreme < 0 ? unit : -unit;
    for (int g = 0; g < kGroups; ++g) {
      integers_[g] = std::clamp(int(std::lrint(fits[g] / scale_)), kIntegerMin, kIntegerMax);
    }
    for (int round = 0; round < kRounds; ++round) {
      choose_integers();
      fit_half();
    }
    choose_integers();
  }

  void write(BlockQ6_K& block, uint8_t* codes) const {
    block.scale = finite_half(scale_);
    for (int g = 0; g < kGroups; ++g) {
      block.scales[g] = int8_t(integers_[g]);
      write_codes(x(g), kGroupElements, scale_ * float(integers_[g]), 0, grid_,
                  codes + g * kGroupElements);
    }
  }

 private:
  const float* x(int group) const { return samples_.x + group * kGroupElements; }
  const float* weight(int group) const { return samples_.weight + group * kGroupElements; }
  float error(int group, int integer) const {
    return scale_error<kGroupElements>(x(group), weight(group), scale_ * float(integer), grid_);
  }

  float fit(int group, const Extents& extents) const {
    float magnitude = 0;
    for (int i = 0; i < kGroupElements; ++i) magnitude = std::max(magnitude, std::abs(x(group)[i]));
    if (!(magnitude > kValueMin)) return 0;
    return fit_scale<kGroupElements>(x(group), weight(group), magnitude, grid_, extents).scale;
  }

  void choose_integers() {
    for (int g = 0; g < kGroups; ++g) {
      const int old = integers_[g];
      float least = error(g, old);
      for (const int other : {old - 1, old + 1}) {
        if (other < kIntegerMin || other > kIntegerMax) continue;
        const float other_error = error(g, other);
        if (other_error < least) {
          least = other_error;
          integers_[g] = other;
        }
      }
    }
  }

  // Least squares of the scale for the codes and integers as they are.
  void fit_half() {
    double aa = 0, ax = 0;  // a = s * q
    for (int g = 0; g < kGroups; ++g) {
      if (integers_[g] == 0) continue;
      const float scale = scale_ * float(integers_[g]);
      const Sums s = rounding_sums<kGroupElements>(x(g), weight(g), 1 / scale, 0, grid_);
      aa += double(integers_[g]) * integers_[g] * s.qq;
      ax += double(integers_[g]) * integers_[g] * (double(s.qq) + s.qr);  // x = scale * (q + r)
    }
    if (aa > 0) scale_ = half_near(float(scale_ * (ax / aa)));
  }

  const SuperSamples& samples_;
  UniformGrid grid_;
  float scale_ = 0;  // a half
  int integers_[kGroups]{};
};

void pack_nibbles(const uint8_t* codes, uint8_t* quants) {
  for (int part = 0; part < 4; ++part) {
    for (int i = 0; i < 32; ++i) {
      const uint8_t* pair = codes + part * 64 + i;
      quants[part * 32 + i] = uint8_t((pair[0] & 15) | (pair[32] & 15) << 4);
    }
  }
}

}  // namespace

void encode_super_block(const float* x, const float* importance, BlockQ4_K& block) noexcept {
  const SuperSamples samples(x, importance);
  uint8_t codes[kSuperBlockElements];
  AffineBlock(samples, 15, {11.0f, 16.5f, 12}).write(block, codes);
  pack_nibbles(codes, block.quants);
}

void encode_super_block(const float* x, const float* importance, BlockQ5_K& block) noexcept {
  const SuperSamples samples(x, importance);
  uint8_t codes[kSuperBlockElements];
  AffineBlock(samples, 31, {25.0f, 32.5f, 12}).write(block, codes);
  pack_nibbles(codes, block.quants);
  for (int i = 0; i < 32; ++i) {
    int bits = 0;
    for (int group = 0; group < 8; ++group) bits |= codes[group * 32 + i] >> 4 << group;
    block.high[i] = uint8_t(bits);
  }
}

void encode_super_block(const float* x, const float* importance, BlockQ6_K& block) noexcept {
  const SuperSamples samples(x, importance);
  uint8_t codes[kSuperBlockElements];
  SymmetricBlock(samples, {-32, 31}, {27.0f, 32.75f, 10}).write(block, codes);
  for (int half = 0; half < 2; ++half) {
    const uint8_t* part = codes + half * 128;
    for (int i = 0; i < 64; ++i) {
      block.low[half * 64 + i] = uint8_t((part[i] & 15) | (part[i + 64] & 15) << 4);
    }
    for (int i = 0; i < 32; ++i) {
      block.high[half * 32 + i] = uint8_t(part[i] >> 4 | part[i + 32] >> 4 << 2 |
                                          part[i + 64] >> 4 << 4 | part[i + 96] >> 4 << 6);
    }
  }
}

}  // namespace llmos
