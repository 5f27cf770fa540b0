// SPDX-License-Identifier: Apache-2.0
// The model that comes with LLMOS: where the path "default" leads.
//
// The build option LLMOS_DEFAULT_MODEL decides: EMBED puts its bytes into the library, INSTALL puts
// its file into share/llmos beside the library, OFF leaves it out.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "llmos/extend.h"
#include "llmos/status.h"

namespace llmos {

constexpr std::string_view kDefaultModel = "default";

// What stands in the library; empty where nothing is embedded.
std::span<const std::byte> embedded_model() noexcept;

struct ModelPlace {
  std::string path;
  WeightSource* source;  // lives as long as the program, or is the caller's
};

// Where a model is to be opened. "default" in the file system (no source) is the embedded model or
// the installed file; everything else is answered unchanged. A file of that name is "./default".
// kNotFound: there is no default model in this build. Threads: any.
Result<ModelPlace> find_model(const std::string& path, WeightSource* source);

// The first of <directory>/share/llmos/<file> that exists, where <directory> is one or two levels
// above the place of `program` (bin/x, lib/x, lib/<machine>/x); empty where there is none.
std::string find_shared_file(const std::string& program, std::string_view file);

}  // namespace llmos
