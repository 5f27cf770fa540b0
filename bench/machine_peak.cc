// SPDX-License-Identifier: Apache-2.0
#include "machine_peak.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <string>
#include <vector>

#if defined(__x86_64__)
  #include <immintrin.h>
#endif

namespace llmos::bench {
namespace {

constexpr int kRuns = 7;
constexpr int64_t kRounds = 1'000'000;
// Twelve chains hide the latency of two units of four cycles, and fit sixteen registers.
constexpr int kChains = 12;

struct ReadParams {
  const std::byte* from;
  size_t bytes;
  int streams;
  uint64_t* sums;  // [team, 8]
};

typedef uint64_t Words __attribute__((vector_size(64)));

// Eight lines of each stream in turn. Compiled for what the CPU has: narrow loads alone would not
// reach the memory's speed on every machine.
__attribute__((target_clones("default", "avx2", "avx512f"))) uint64_t read_streams(
    const std::byte* from, size_t part, int streams) {
  Words sums[8] = {};
  for (size_t i = 0; i + 512 <= part; i += 512) {
    for (int s = 0; s < streams; ++s) {
      const std::byte* const at = from + size_t(s) * part + i;
      for (int line = 0; line < 8; ++line) {
        Words words;
        std::memcpy(&words, at + 64 * line, sizeof words);
        sums[line] += words;
      }
    }
  }
  uint64_t total = 0;
  for (const Words& sum : sums) {
    for (int lane = 0; lane < 8; ++lane) total += sum[lane];
  }
  return total;
}

void read_all(const ReadParams& p, const kernels::Launch& launch) {
  const size_t part = p.bytes / size_t(launch.size * p.streams) / 4096 * 4096;
  p.sums[launch.rank * 8] =
      read_streams(p.from + part * size_t(p.streams * launch.rank), part, p.streams);
}

struct ChainParams {
  uint32_t* sums;  // [team, 16]
};

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) void fma_avx2(const ChainParams& p,
                                                  const kernels::Launch& launch) {
  const __m256 a = _mm256_set1_ps(0.9999f), b = _mm256_set1_ps(0.5f);
  __m256 chains[kChains] = {};
  for (int64_t i = 0; i < kRounds; ++i) {
  #pragma GCC unroll 12
    for (int c = 0; c < kChains; ++c) {
      chains[c] = _mm256_fmadd_ps(chains[c], a, b);
      asm volatile("" : "+x"(chains[c]));
    }
  }
  std::memcpy(p.sums + launch.rank * 16, chains, 4);
}
__attribute__((target("avx512f"))) void fma_avx512(const ChainParams& p,
                                                   const kernels::Launch& launch) {
  const __m512 a = _mm512_set1_ps(0.9999f), b = _mm512_set1_ps(0.5f);
  __m512 chains[kChains] = {};
  for (int64_t i = 0; i < kRounds; ++i) {
  #pragma GCC unroll 12
    for (int c = 0; c < kChains; ++c) {
      chains[c] = _mm512_fmadd_ps(chains[c], a, b);
      asm volatile("" : "+v"(chains[c]));
    }
  }
  std::memcpy(p.sums + launch.rank * 16, chains, 4);
}
// Four maddubs summed in 16 bits, then one madd: the densest exact way of AVX2.
__attribute__((target("avx2"))) void int8_avx2(const ChainParams& p,
                                               const kernels::Launch& launch) {
  const __m256i w = _mm256_set1_epi8(1), ones = _mm256_set1_epi16(1);
  __m256i a = _mm256_set1_epi8(2);
  __m256i chains[kChains / 4] = {};
  for (int64_t i = 0; i < kRounds; ++i) {
  #pragma GCC unroll 3
    for (auto& c : chains) {
      __m256i sum = _mm256_maddubs_epi16(w, a);
  #pragma GCC unroll 3
      for (int j = 1; j < 4; ++j) {
        asm volatile("" : "+x"(a));
        sum = _mm256_add_epi16(sum, _mm256_maddubs_epi16(w, a));
      }
      c = _mm256_add_epi32(c, _mm256_madd_epi16(sum, ones));
    }
  }
  std::memcpy(p.sums + launch.rank * 16, chains, 4);
}
__attribute__((target("avx512f,avx512vnni"))) void int8_avx512(const ChainParams& p,
                                                               const kernels::Launch& launch) {
  const __m512i w = _mm512_set1_epi8(1), a = _mm512_set1_epi8(2);
  __m512i chains[kChains] = {};
  for (int64_t i = 0; i < kRounds; ++i) {
  #pragma GCC unroll 12
    for (int c = 0; c < kChains; ++c) {
      chains[c] = _mm512_dpbusd_epi32(chains[c], w, a);
      asm volatile("" : "+v"(chains[c]));
    }
  }
  std::memcpy(p.sums + launch.rank * 16, chains, 4);
}
#endif

// Of `work` units, per second.
template <class Params>
double rate(ComputeDevice& device, kernels::Kernel<Params> kernel, const Params& params,
            double work) {
  std::vector<double> rates;
  for (int i = 0; i < kRuns; ++i) {
    const auto start = std::chrono::steady_clock::now();
    device.stream().launch(kernel, params);
    device.stream().finish();
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
    rates.push_back(work / time.count());
  }
  std::nth_element(rates.begin(), rates.begin() + kRuns / 2, rates.end());
  return rates[kRuns / 2];
}

}  // namespace

MachinePeak measure_peak(ComputeDevice& device, const std::byte* memory, size_t bytes) {
  MachinePeak peak;
  std::vector<uint64_t> words(size_t(device.threads()) * 8);
  std::vector<uint32_t> sums(size_t(device.threads()) * 16);
  peak.read_bytes =
      rate(device, read_all, ReadParams{memory, bytes, 1, words.data()}, double(bytes));
  peak.read_bytes_four =
      rate(device, read_all, ReadParams{memory, bytes, 4, words.data()}, double(bytes));
#if defined(__x86_64__)
  const std::string set = device.kernels().name;
  const ChainParams chains{sums.data()};
  const double rounds = double(kRounds) * device.threads();
  if (set == "avx512") {
    peak.fma_flops = rate(device, fma_avx512, chains, rounds * kChains * 16 * 2);
    peak.int8_ops = rate(device, int8_avx512, chains, rounds * kChains * 64 * 2);
  } else if (set == "avx2") {
    peak.fma_flops = rate(device, fma_avx2, chains, rounds * kChains * 8 * 2);
    peak.int8_ops = rate(device, int8_avx2, chains, rounds * kChains * 32 * 2);
  }
#endif
  return peak;
}

}  // namespace llmos::bench
