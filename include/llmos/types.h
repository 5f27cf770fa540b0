// SPDX-License-Identifier: Apache-2.0
// The small words that every other header uses.
#pragma once

#include <chrono>
#include <cstdint>

namespace llmos {

using TokenId = int32_t;  // from 0 to the vocabulary's size - 1; negative: none
using Millis = std::chrono::milliseconds;

inline constexpr TokenId kNoToken = -1;

enum class Device : uint8_t {
  kAuto,  // CUDA where a usable GPU is found, else the CPU
  kCpu,
  kCuda,
};

// Why a generation ended.
enum class Finish : uint8_t {
  kStop,       // an end token of the model, or a stop string
  kLength,     // as many tokens as were asked for, or a full context
  kCancelled,  // by the caller
  kFailed,     // the status says why
};

}  // namespace llmos
