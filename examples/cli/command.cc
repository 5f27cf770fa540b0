// SPDX-License-Identifier: Apache-2.0
#include "command.h"

#include "terminal.h"

namespace cli {

std::vector<Flag> with_model_flags(std::vector<Flag> flags) {
  const Flag common[] = {
      {"--threads", "N", "threads that compute (default: one per core)"},
      {"--ctx", "N", "most tokens of prompt and answer (default: the model's, at most 4096)"},
      {"--batch", "N", "tokens computed in one step (default 512)"},
      {"--kv-type", "T", "f32, f16, bf16 or q8_0 keys and values (default f32)"},
      {"--kernels", "NAME", "the kernel set (default: the best of this machine)"},
      {"--weights", "HOW", "auto, mapped or repacked (default: auto)"},
  };
  flags.insert(flags.end(), std::begin(common), std::end(common));
  return flags;
}

llmos::ModelOptions model_options(const Arguments& arguments) {
  return {.threads = uint32_t(arguments.natural("--threads", 0)),
          .context = uint32_t(arguments.natural("--ctx", 0)),
          .batch_tokens = uint32_t(arguments.natural("--batch", 0)),
          .kv_type = arguments.text("--kv-type"),
          .kernels = arguments.text("--kernels"),
          .weights = arguments.text("--weights")};
}

llmos::Result<llmos::Model> open_model(const Arguments& arguments) {
  ProgressBar bar("loading");
  llmos::ModelOptions options = model_options(arguments);
  options.progress = &bar;
  return llmos::Model::open(arguments.required("--model"), options);
}

std::string ids_line(std::span<const llmos::TokenId> ids) {
  std::string line;
  for (const llmos::TokenId id : ids) {
    if (!line.empty()) line += ',';
    line += std::to_string(id);
  }
  return line + '\n';
}

}  // namespace cli
