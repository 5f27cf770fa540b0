// SPDX-License-Identifier: Apache-2.0
#include "llmos/model.h"

#include <new>
#include <utility>

#include "api/load_plan.h"
#include "api/model_files.h"
#include "api/model_impl.h"
#include "api/model_info.h"
#include "base/check.h"
#include "model/architecture.h"

namespace llmos {

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
  Result<std::optional<Tokenizer>> tokenizer = open_tokenizer(*checkpoint);
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
