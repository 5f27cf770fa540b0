// SPDX-License-Identifier: Apache-2.0
// From the structs of c.h to those of the C++ API.
#pragma once

#include <algorithm>
#include <cstring>
#include <string>

#include "llmos/c.h"
#include "llmos/options.h"
#include "llmos/request.h"
#include "llmos/status.h"

namespace llmos {

// The caller's struct, which may be of an older and shorter header, over the defaults.
template <class Struct>
Status read_sized(const char* name, const Struct* given, Struct& read) {
  if (!given) return {};
  if (given->size < sizeof given->size) {
    return {Code::kInvalid,
            std::string(name) + ": expected its size; set it to its ..._INIT first"};
  }
  std::memcpy(&read, given, std::min(given->size, sizeof read));
  return {};
}

// kInvalid: an array without its pointer. Callbacks are the caller's to attach.
Result<EngineOptions> to_options(const llmos_engine_options& c);
// kInvalid: not exactly one prompt, an array without its pointer.
Result<Request> to_request(const llmos_request& c);

}  // namespace llmos
