// SPDX-License-Identifier: Apache-2.0
// Images of suspended requests: any bytes, with a checksum that fits.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "base/check.h"
#include "engine/suspended.h"
#include "kv/checksum.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace llmos;
  using namespace llmos::engine;
  const auto* const bytes = reinterpret_cast<const std::byte*>(data);
  std::vector<std::byte> image(bytes, bytes + size);
  const uint64_t sum = checksum64(image);
  image.resize(size + sizeof sum);
  std::memcpy(image.data() + size, &sum, sizeof sum);
  const Result<SuspendedRequest> made = from_image(image, ModelDigest{});
  if (made.ok()) LLMOS_CHECK(from_image(to_image(*made, ModelDigest{}), ModelDigest{}).ok());
  return 0;
}
