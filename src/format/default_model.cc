// SPDX-License-Identifier: Apache-2.0
#include "format/default_model.h"

#include <cstring>
#include <filesystem>

#include "base/os_file.h"

namespace llmos {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDefaultModelFile = "tale.gguf";
constexpr int kLevelsUp = 2;  // lib/x86_64-linux-gnu, as Debian installs

// Stateless, so that one serves every caller at once.
class EmbeddedSource : public WeightSource {
 public:
  Result<uint64_t> size(const std::string& name) override {
    if (name != kDefaultModelFile) return Status(Code::kNotFound, "not embedded");
    return uint64_t{embedded_model().size()};
  }
  Status read(const std::string&, uint64_t offset, std::span<std::byte> into) override {
    std::memcpy(into.data(), embedded_model().data() + offset, into.size());
    return {};
  }
  std::span<const std::byte> in_memory(const std::string&) override { return embedded_model(); }
};

}  // namespace

std::string find_shared_file(const std::string& program, std::string_view file) {
  fs::path directory = fs::path(program).parent_path();
  for (int level = 0; level < kLevelsUp && directory.has_relative_path(); ++level) {
    directory = directory.parent_path();
    const fs::path place = directory / "share" / "llmos" / file;
    std::error_code error;
    if (fs::is_regular_file(place, error)) return place.string();
  }
  return {};
}

Result<ModelPlace> find_model(const std::string& path, WeightSource* source) {
  if (source || path != kDefaultModel) return ModelPlace{path, source};
  if (!embedded_model().empty()) {
    static EmbeddedSource embedded;
    return ModelPlace{kDefaultModelFile, &embedded};
  }
  for (const std::string& program : os::code_paths()) {
    const std::string found = find_shared_file(program, kDefaultModelFile);
    if (!found.empty()) return ModelPlace{found, nullptr};
  }
  return Status(Code::kNotFound,
                "default: this build of LLMOS has no default model, and none is installed in "
                "share/llmos; name a .gguf file, or build with LLMOS_DEFAULT_MODEL=EMBED");
}

}  // namespace llmos
