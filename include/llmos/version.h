/* SPDX-License-Identifier: Apache-2.0
 * The version of LLMOS, and the mark of its exported symbols; for C too. */
#pragma once

#define LLMOS_VERSION_MAJOR 0
#define LLMOS_VERSION_MINOR 1
#define LLMOS_VERSION_PATCH 0
#define LLMOS_VERSION "0.1.0"

/* Everything else in the library is hidden. */
#define LLMOS_API __attribute__((visibility("default")))

#ifdef __cplusplus
namespace llmos {

// The version of the library that was linked, which may be newer than the header's LLMOS_VERSION.
LLMOS_API const char* version() noexcept;

}  // namespace llmos
#endif
