// SPDX-License-Identifier: Apache-2.0
#include "command.h"

#include "terminal.h"

namespace cli {

std::span<const Command* const> commands() {
  static const Command* const all[] = {&kRun,   &kChat,     &kBench,
#ifdef LLMOS_WITH_SERVER
                                       &kServe,
#endif
                                       &kTop,   &kTokenize, &kInspect,   &kQuantize,
                                       &kScore, &kTemplate, &kCompletion};
  return all;
}

std::vector<Flag> with_model_flags(std::vector<Flag> flags) {
  const Flag common[] = {
      {"--threads", "N", "threads that compute (default: one per core)"},
      {"--ctx", "N", "most tokens of prompt and answer (default: the model's, at most 4096)"},
      {"--batch", "N", nullptr},
      {"--kv-type", "T", nullptr},
      {"--kernels", "NAME", nullptr},
      {"--weights", "HOW", nullptr},
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

llmos::Result<llmos::Model> open_model(const Arguments& arguments, const char* weights) {
  ProgressBar bar("loading");
  llmos::ModelOptions options = model_options(arguments);
  options.progress = &bar;
  if (options.weights.empty()) options.weights = weights;
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
