// SPDX-License-Identifier: Apache-2.0
#include "api/load_plan.h"

#include <algorithm>
#include <new>

#include "base/os_memory.h"
#include "base/text.h"
#include "device/buffer.h"
#include "kernels/kernel_sets.h"
#include "model/architecture.h"
#include "model/transformer.h"
#include "model/weights.h"

namespace llmos {
namespace {

// A context of 4,096 tokens costs a 7B model 1 to 4 GB in f32: enough for a tool, and safe.
constexpr uint32_t kContextDefault = 4096;
// Prefill no longer gets faster beyond some hundred tokens a step; the workspace does get larger.
constexpr uint32_t kBatchTokensDefault = 512;
// Rows of logits that one step may give: 32 of 256 K words are 32 MB.
constexpr uint32_t kLogitRows = 32;
// Blocks of one sequence: any size does, 16 is what the engine uses.
constexpr uint32_t kBlockTokens = 16;

// More threads than any machine has (WorkerPool::kMembersMax).
constexpr uint32_t kThreadsMax = 1024;

Result<DType> kv_dtype(const std::string& name) {
  const std::string_view wanted = name.empty() ? "f32" : std::string_view(name);
  const std::optional<DType> dtype = find_dtype(wanted);
  if (dtype == DType::kF32 || dtype == DType::kF16 || dtype == DType::kBF16 ||
      dtype == DType::kQ8_0) {
    return *dtype;
  }
  return Status(Code::kInvalid, (Text() << "kv_type: expected f32, f16, bf16 or q8_0, found \""
                                        << printable(wanted, 40) << '"')
                                    .str());
}

Result<uint32_t> context_of(const ModelConfig& config, const ModelOptions& options) {
  const uint32_t most = config.learned_positions ? config.learned_positions : kContextMax;
  if (options.context > most) {
    return Status(Code::kInvalid, (Text() << "context: expected at most " << most
                                          << " tokens for this model, found " << options.context)
                                      .str());
  }
  if (options.context != 0) return options.context;
  return std::min({config.context, kContextDefault, most});
}

// Of the machine's memory, at most so much is taken by weights that could stay in the file.
constexpr double kRepackedShareMax = 0.8;

struct WeightChoice {
  bool repack;
  WeightBytes bytes;
};

Result<WeightChoice> choose_weights(const Checkpoint& checkpoint, const ModelFile& file,
                                    const ModelOptions& options) {
  const std::string& wanted = options.weights;
  if (!wanted.empty() && wanted != "auto" && wanted != "mapped" && wanted != "repacked") {
    return Status(Code::kInvalid, (Text() << "weights: expected auto, mapped or repacked, found \""
                                          << printable(wanted, 40) << '"')
                                      .str());
  }
  const Result<WeightBytes> mapped = Weights::measure(checkpoint, file);
  if (!mapped.ok()) return mapped.status();
  // A set that is unknown here is reported by the device.
  const kernels::KernelTable* const set = options.kernels.empty()
                                              ? &kernels::best_kernel_set()
                                              : kernels::find_kernel_set(options.kernels);
  if (wanted == "mapped" || !set || set->pack_rows == 0) return WeightChoice{false, *mapped};
  const Result<WeightBytes> repacked = Weights::measure(checkpoint, file, set);
  if (!repacked.ok()) return repacked.status();
  const double most = kRepackedShareMax * double(os::physical_memory_bytes());
  const bool fits = double(repacked->copied) <= most;
  if (repacked->repacked > 0 && (fits || wanted == "repacked"))
    return WeightChoice{true, *repacked};
  return WeightChoice{false, *mapped};
}

}  // namespace

Status check_threads(uint32_t threads) {
  if (threads <= kThreadsMax) return {};
  return {Code::kInvalid,
          (Text() << "threads: expected at most " << kThreadsMax << ", found " << threads).str()};
}

Status out_of_memory(const std::string& path) {
  return {Code::kExhausted, path + ": out of memory"};
}

Result<LoadPlan> make_load_plan(const Checkpoint& checkpoint, const ModelFile& file,
                                const ModelOptions& options) {
  const Result<DType> dtype = kv_dtype(options.kv_type);
  if (!dtype.ok()) return dtype.status();
  const Result<uint32_t> context = context_of(file.config, options);
  if (!context.ok()) return context.status();
  const uint32_t tokens =
      options.batch_tokens ? options.batch_tokens : std::min(kBatchTokensDefault, *context);
  const BatchLimits limits{.tokens = tokens, .logit_rows = std::min(kLogitRows, tokens)};
  if (Status status = limits.check(); !status.ok()) return status;
  Result<BlockLayout> layout = kv_layout(file.config, *dtype, kBlockTokens);
  if (!layout.ok()) return layout.status();
  const Result<WeightChoice> weights = choose_weights(checkpoint, file, options);
  if (!weights.ok()) return weights.status();

  const uint64_t blocks = (uint64_t{*context} + kBlockTokens - 1) / kBlockTokens;
  const size_t workspace = Workspace::lay_out(file.config, limits, nullptr, weights->repack).bytes;
  // What buffers take: whole pages.
  ModelPlan bytes{.weights_mapped = weights->bytes.mapped,
                  .weights_copied = Buffer::bytes_taken(weights->bytes.copied),
                  .weights_repacked = weights->bytes.repacked,
                  .kv_bytes_per_token = layout->bytes_per_token(),
                  .kv_bytes = Buffer::bytes_taken(blocks * layout->block_bytes()),
                  .workspace = Buffer::bytes_taken(workspace),
                  .context = *context};
  bytes.total = bytes.weights_mapped + bytes.weights_copied + bytes.kv_bytes + bytes.workspace;
  return LoadPlan{bytes, limits, *std::move(layout), blocks, weights->repack};
}

Result<ModelPlan> plan(const std::string& path, const ModelOptions& options) try {
  const Result<Checkpoint> checkpoint = Checkpoint::open(path, {.source = options.source});
  if (!checkpoint.ok()) return checkpoint.status();
  const Result<ModelFile> file = read_model(*checkpoint);
  if (!file.ok()) return file.status();
  const Result<LoadPlan> made = make_load_plan(*checkpoint, *file, options);
  if (!made.ok()) return made.status();
  return made->bytes;
} catch (const std::bad_alloc&) {
  return out_of_memory(path);
}

}  // namespace llmos
