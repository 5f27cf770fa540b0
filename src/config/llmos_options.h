// SPDX-License-Identifier: Apache-2.0
// The option table of llmos::Options (options.h): one row per field.
#pragma once

#include "config/option_table.h"

namespace llmos::config {

// Built on first use and immutable from then on; thread-safe.
const OptionTable& llmos_options();

}  // namespace llmos::config
