// SPDX-License-Identifier: Apache-2.0
#include "llmos/model.h"

#include <new>
#include <utility>

#include "api/load_plan.h"
#include "api/model_impl.h"
#include "api/model_info.h"
#include "base/check.h"
#include "format/sentencepiece_model.h"
#include "format/tokenizer_gguf.h"
#include "format/tokenizer_json.h"
#include "model/architecture.h"
#include "text/tokenizer_impl.h"

namespace llmos {
namespace {

// Tokenizer::open() knows the file system only.
Result<Tokenizer> open_source_tokenizer(const WeightDirectory& directory) {
  // Real ones have up to 5 MB.
  constexpr size_t kSentencepieceBytesMax = size_t{256} << 20;
  Result<TokenizerSpec> spec = read_tokenizer_json_file(directory, "tokenizer.json");
  if (spec.status().code() == Code::kNotFound) {
    const Result<std::string> bytes = directory.read("tokenizer.model", kSentencepieceBytesMax);
    if (!bytes.ok()) return bytes.status();
    spec = read_sentencepiece_model(*bytes);
  }
  if (!spec.ok()) return spec.status();
  return make_tokenizer(*std::move(spec));
}

// The tokenizer that comes with the weights. Nothing where there is none; an error where there is
// one that cannot be used.
Result<std::optional<Tokenizer>> open_tokenizer(const Checkpoint& checkpoint, bool from_source) {
  Result<Tokenizer> tokenizer = [&]() -> Result<Tokenizer> {
    if (checkpoint.kind() == CheckpointKind::kHuggingFace) {
      return from_source ? open_source_tokenizer(checkpoint.directory())
                         : Tokenizer::open(checkpoint.path());
    }
    if (!checkpoint.metadata().has("tokenizer.ggml.model")) {
      return Status(Code::kNotFound, "no tokenizer in the file");
    }
    Result<TokenizerSpec> spec = read_gguf_tokenizer(checkpoint.metadata());
    if (!spec.ok()) return spec.status();
    return make_tokenizer(*std::move(spec));
  }();
  if (tokenizer.ok()) return std::optional<Tokenizer>(*std::move(tokenizer));
  if (tokenizer.status().code() == Code::kNotFound) return std::optional<Tokenizer>();
  return tokenizer.status();
}

}  // namespace

Status Model::Impl::start(const Checkpoint& checkpoint, const LoadPlan& load,
                          const ModelOptions& options) {
  auto made = ComputeDevice::create(
      {.kind = Device::kCpu, .threads = int(options.threads), .kernel_set = options.kernels});
  if (!made.ok()) return made.status();
  device = *std::move(made);
  Result<Transformer> loaded =
      Transformer::load(checkpoint, *device, load.limits, options.progress, load.repack);
  if (!loaded.ok()) return loaded.status();
  transformer = std::make_unique<Transformer>(*std::move(loaded));
  Result<Buffer> memory = device->allocate(load.bytes.kv_bytes);
  if (!memory.ok()) return memory.status();
  pool = std::make_unique<BlockPool>(*std::move(memory), load.layout);
  runner = std::make_unique<SequenceRunner>(*transformer, *pool, load.bytes.context);
  return {};
}

Result<Model> Model::open(const std::string& path, const ModelOptions& options) try {
  if (Status status = check_threads(options.threads); !status.ok()) return status;
  const Result<Checkpoint> checkpoint = Checkpoint::open(path, {.source = options.source});
  if (!checkpoint.ok()) return checkpoint.status();
  const Result<ModelFile> file = read_model(*checkpoint);
  if (!file.ok()) return file.status();
  const Result<LoadPlan> plan = make_load_plan(*checkpoint, *file, options);
  if (!plan.ok()) return plan.status();
  Result<std::optional<Tokenizer>> tokenizer =
      open_tokenizer(*checkpoint, options.source != nullptr);
  if (!tokenizer.ok()) return tokenizer.status();

  auto impl = std::make_unique<Impl>();
  impl->info = make_model_info(*checkpoint, file);
  impl->plan = plan->bytes;
  impl->tokenizer = *std::move(tokenizer);
  if (Status status = impl->start(*checkpoint, *plan, options); !status.ok()) return status;
  return Model(std::move(impl));
} catch (const std::bad_alloc&) {
  return out_of_memory(path);
}

Model::Model(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;
Model::~Model() = default;

const ModelInfo& Model::info() const noexcept { return impl_->info; }
const ModelPlan& Model::plan() const noexcept { return impl_->plan; }
bool Model::has_tokenizer() const noexcept { return impl_->tokenizer.has_value(); }
const Tokenizer& Model::tokenizer() const noexcept {
  LLMOS_CHECK(has_tokenizer()) << "the model has no tokenizer: ask has_tokenizer() first";
  return *impl_->tokenizer;
}

}  // namespace llmos
