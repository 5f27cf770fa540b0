// SPDX-License-Identifier: Apache-2.0
#include "llmos/engine.h"

#include <algorithm>
#include <filesystem>
#include <new>
#include <string>
#include <utility>

#include "api/engine_impl.h"
#include "api/load_plan.h"
#include "api/model_files.h"
#include "api/model_info.h"
#include "api/tenant_options.h"
#include "base/check.h"
#include "base/os_disk.h"
#include "base/text.h"
#include "model/architecture.h"
#include "model/transformer.h"

namespace llmos {
namespace {

constexpr uint32_t kSequencesDefault = 16;
constexpr uint32_t kSequencesMax = 1024;  // in one step: each wants a row of logits
constexpr uint32_t kQueueMax = 1 << 20;
constexpr uint32_t kStreamTokensMax = 1 << 16;
// Prompt scores want a row for each token; a chunk of 32 is large enough to be quick.
constexpr uint32_t kLogitRowsLeast = 32;

Status check_range(const char* what, uint64_t value, uint64_t least, uint64_t most) {
  if (value >= least && value <= most) return {};
  return {
      Code::kInvalid,
      (Text() << what << ": expected " << least << " to " << most << ", found " << value).str()};
}

Status check_options(const EngineOptions& options) {
  const SchedulerOptions& s = options.scheduler;
  if (options.device == Device::kCuda) {
    return {Code::kUnsupported, "device: this build has no CUDA engine; choose the CPU"};
  }
  for (const Status& status :
       {check_range("scheduler.sequences_max", s.sequences_max, 0, kSequencesMax),
        check_range("scheduler.queue_max", s.queue_max, 1, kQueueMax),
        check_range("ranks", options.ranks, 0, kThreadRanksMax),
        check_range("cache.block_tokens", options.cache.block_tokens, 1,
                    BlockLayout::kBlockTokensMax),
        check_range("stream_tokens", options.stream_tokens, 1, kStreamTokensMax)}) {
    if (!status.ok()) return status;
  }
  if (options.reader_stall_max.count() < 0 || s.waiting_max.count() < 0) {
    return {Code::kInvalid, "reader_stall_max and waiting_max: expected no negative time"};
  }
  if (options.rank_timeout.count() <= 0) {
    return {Code::kInvalid, "rank_timeout: expected a time above 0"};
  }
  const CacheOptions& cache = options.cache;
  if (options.ranks > 1 && !(cache.swap_directory.empty() && cache.prefix_directory.empty())) {
    return {Code::kUnsupported,
            "ranks: each has a part of every block, which cannot be kept in files; choose one of "
            "ranks and cache.swap_directory or cache.prefix_directory"};
  }
  std::error_code error;
  if (!options.cache.prefix_directory.empty() &&
      !std::filesystem::is_directory(options.cache.prefix_directory, error)) {
    return {Code::kNotFound, "cache.prefix_directory: expected an existing directory, found \"" +
                                 options.cache.prefix_directory + "\" to be none"};
  }
  return {};
}

// A quarter of the context is what requests take on average of what they might.
uint64_t default_blocks(uint32_t context, uint32_t sequences, uint32_t block_tokens) {
  const auto blocks = [&](uint64_t tokens) { return (tokens + block_tokens - 1) / block_tokens; };
  return std::max(blocks(context), sequences * blocks(context / 4 + 1));
}

// Null when none is wanted.
Result<std::unique_ptr<Tier>> open_tier(const CacheOptions& options, const BlockPool& pool) {
  std::unique_ptr<Tier> none;
  if (options.swap_directory.empty()) return none;
  if (os::is_in_memory(options.swap_directory)) {
    return Status(
        Code::kInvalid,
        (Text() << "cache.swap_directory: expected a directory on a disk, found "
                << options.swap_directory << ", which lies in memory: swapping to it frees nothing")
            .str());
  }
  auto file = create_swap_file(options.swap_directory);
  if (!file.ok()) return file.status();
  constexpr uint64_t kTimesMemory = 4;
  const size_t block = pool.layout().block_bytes();
  const uint64_t bytes = options.swap_bytes
                             ? options.swap_bytes
                             : kTimesMemory * pool.capacity() * (block + FileTier::kAlignment);
  auto tier = FileTier::create(*std::move(file), {.block_bytes = block, .bytes_max = bytes});
  if (!tier.ok()) return tier.status();
  return std::unique_ptr<Tier>(*std::move(tier));
}

std::vector<TokenId> model_ends(const std::optional<Tokenizer>& tokenizer) {
  std::vector<TokenId> ends;
  for (size_t id = 0; tokenizer && id < tokenizer->vocabulary_size(); ++id) {
    if (tokenizer->is_end(TokenId(id))) ends.push_back(TokenId(id));
  }
  return ends;
}

// The digest tells the model, how it is computed and the type of its keys and values; the file's
// header tells the rest.
std::string prefix_file_path(const CacheOptions& cache, const ModelDigest& digest) {
  constexpr size_t kDigestBytes = 12;  // a name's worth: the header has all of it
  constexpr char kHex[] = "0123456789abcdef";
  std::string path = cache.prefix_directory + "/llmos-";
  for (size_t i = 0; i < kDigestBytes; ++i) {
    path += kHex[size_t(digest[i]) >> 4];
    path += kHex[size_t(digest[i]) & 15];
  }
  return path + '-' + std::to_string(cache.block_tokens) + ".prefixes";
}

// From options to everything that runs.
class Opening {
 public:
  Opening(const EngineOptions& options, Engine::Impl& impl) : options_(options), impl_(impl) {}

  Status load(const std::string& path) {
    const Result<Checkpoint> checkpoint = Checkpoint::open(path, {.source = options_.source});
    if (!checkpoint.ok()) return checkpoint.status();
    const Result<ModelFile> file = read_model(*checkpoint);
    if (!file.ok()) return file.status();
    impl_.info = make_model_info(*checkpoint, file);
    Result<std::optional<Tokenizer>> tokenizer = open_tokenizer(*checkpoint);
    if (!tokenizer.ok()) return tokenizer.status();
    impl_.tokenizer = *std::move(tokenizer);
    sequences_ =
        options_.scheduler.sequences_max ? options_.scheduler.sequences_max : kSequencesDefault;
    Result<LoadPlan> plan = make_load_plan(*checkpoint, *file, model_options());
    if (!plan.ok()) return plan.status();
    plan->limits.tokens = std::max(plan->limits.tokens, sequences_ + 1);
    plan->limits.logit_rows = std::min(plan->limits.tokens, std::max(sequences_, kLogitRowsLeast));
    plan->bytes.workspace = Buffer::bytes_taken(
        Workspace::lay_out(file->config, plan->limits, nullptr, plan->repack).bytes);
    if (Status status = make_device(*checkpoint, *plan); !status.ok()) return status;
    return start(*plan);
  }

 private:
  ModelOptions model_options() const {
    return {.threads = options_.threads,
            .context = options_.context,
            .batch_tokens = options_.scheduler.step_tokens,
            .kv_type = options_.cache.kv_type,
            .kernels = options_.kernels,
            .weights = options_.weights,
            .source = options_.source,
            .progress = options_.progress};
  }

  Status make_device(const Checkpoint& checkpoint, const LoadPlan& plan) {
    BlockShape shape = plan.layout.shape();
    shape.block_tokens = options_.cache.block_tokens;
    const Result<BlockLayout> layout = BlockLayout::create(shape);
    if (!layout.ok()) return layout.status();
    if (Status status = take_memory(plan, *layout); !status.ok()) return status;
    const Status status =
        options_.ranks > 1 ? load_ranks(checkpoint, plan, shape) : load_model(checkpoint, plan);
    if (!status.ok()) return status;
    const std::string computing = std::string(device().kernels().name) +
                                  (impl_.ranks ? ' ' + std::to_string(options_.ranks) : "");
    Result<ModelDigest> digest = model_digest(checkpoint, computing, shape.dtype);
    if (!digest.ok()) return digest.status();
    impl_.digest = *digest;
    return make_cache(impl_.budget.cache_bytes() / layout->block_bytes(), shape);
  }

  Status load_model(const Checkpoint& checkpoint, const LoadPlan& plan) {
    auto device = ComputeDevice::create(
        {.kind = Device::kCpu, .threads = int(options_.threads), .kernel_set = options_.kernels});
    if (!device.ok()) return device.status();
    impl_.device = *std::move(device);
    auto model =
        Transformer::load(checkpoint, *impl_.device, plan.limits, options_.progress, plan.repack);
    if (!model.ok()) return model.status();
    impl_.transformer = std::make_unique<Transformer>(*std::move(model));
    impl_.executor = std::make_unique<engine::TransformerExecutor>(*impl_.transformer);
    return {};
  }

  int threads_each() const {
    const int share = int(options_.threads / options_.ranks);
    return options_.threads == 0 ? 0 : std::max(1, share);
  }

  // `shape` becomes rank 0's.
  Status load_ranks(const Checkpoint& checkpoint, const LoadPlan& plan, BlockShape& shape) {
    auto ranks = engine::ThreadRanks::open(checkpoint, {.ranks = int(options_.ranks),
                                                        .timeout = options_.rank_timeout,
                                                        .threads_each = threads_each(),
                                                        .kernel_set = options_.kernels,
                                                        .limits = plan.limits,
                                                        .repack = plan.repack,
                                                        .progress = options_.progress,
                                                        .cache = shape});
    if (!ranks.ok()) return ranks.status();
    shape = (*ranks)->layout().shape();
    impl_.ranks = ranks->get();
    impl_.executor = *std::move(ranks);
    return {};
  }

  ComputeDevice& device() { return impl_.ranks ? impl_.ranks->device() : *impl_.device; }

  // `blocks` of rank 0's shape, and as many of each other's.
  Status make_cache(uint64_t blocks, const BlockShape& shape) {
    const Result<BlockLayout> layout = BlockLayout::create(shape);
    if (!layout.ok()) return layout.status();
    Result<Buffer> memory = device().allocate(blocks * layout->block_bytes());
    if (!memory.ok()) return memory.status();
    impl_.pool = std::make_unique<BlockPool>(*std::move(memory), *layout);
    const Status status =
        check_range("cache.bytes: whole blocks in it", impl_.pool->capacity(), 1, UINT32_MAX);
    if (!status.ok() || !impl_.ranks) return status;
    return impl_.ranks->make_caches(*impl_.pool);
  }

  Status take_memory(const LoadPlan& plan, const BlockLayout& layout) {
    const uint32_t size = options_.cache.block_tokens;
    const uint64_t least = (uint64_t{plan.bytes.context} + size - 1) / size * layout.block_bytes();
    MemoryNeed need;
    need.fixed = plan.bytes.weights_copied + plan.bytes.workspace;
    need.cache = default_blocks(plan.bytes.context, sequences_, size) * layout.block_bytes();
    need.cache_least = least;
    if (options_.cache.bytes) need.cache = need.cache_least = options_.cache.bytes;
    Result<BudgetShare> share = BudgetShare::take(options_.budget, need);
    if (!share.ok()) return share.status();
    impl_.budget = *std::move(share);
    return {};
  }

  Status start(const LoadPlan& plan) {
    const SchedulerOptions& s = options_.scheduler;
    const uint64_t cached = uint64_t{impl_.pool->capacity()} * options_.cache.block_tokens;
    RequestLimits& limits = impl_.limits;
    limits.tokenizer = impl_.tokenizer ? &*impl_.tokenizer : nullptr;
    limits.vocabulary = impl_.info.vocabulary;
    limits.context = uint32_t(std::min<uint64_t>(plan.bytes.context, cached));
    limits.choices_max = s.queue_max;
    limits.stream_tokens = options_.stream_tokens;
    limits.model_ends = model_ends(impl_.tokenizer);
    Result<engine::TenantLimits> tenants =
        make_tenant_limits(options_.tenants, s.queue_max, *impl_.pool);
    if (!tenants.ok()) return tenants.status();
    limits.tenants = *tenants;
    limits.block_tokens = options_.cache.block_tokens;
    Result<std::unique_ptr<Tier>> tier = open_tier(options_.cache, *impl_.pool);
    if (!tier.ok()) return tier.status();
    impl_.mailbox = std::make_shared<engine::Mailbox>(s.queue_max, *tenants);
    const double stall = std::chrono::duration<double>(options_.reader_stall_max).count();
    engine::CoreOptions core_options;
    if (!s.policy.empty()) core_options.policy = s.policy;
    core_options.custom_policy = s.custom;
    core_options.sequences_max = sequences_;
    core_options.step_tokens = plan.limits.tokens;
    core_options.queue_max = s.queue_max;
    core_options.tenants = *std::move(tenants);
    core_options.waiting_seconds_max = std::chrono::duration<double>(s.waiting_max).count();
    core_options.reader_stall_seconds = stall;
    core_options.overlap = options_.overlap;
    core_options.prefix = impl_.keeps_prefixes = options_.cache.prefix;
    if (!options_.cache.prefix_directory.empty()) {
      core_options.prefix_file = prefix_file_path(options_.cache, impl_.digest);
      core_options.digest = impl_.digest;
    }
    auto core = engine::Core::create(core_options, *impl_.executor, *impl_.pool, *impl_.mailbox,
                                     impl_.meters, real_clock(), *std::move(tier));
    if (!core.ok()) return core.status();
    impl_.loop = std::make_unique<engine::Loop>(*std::move(core), *impl_.mailbox);
    return {};
  }

  const EngineOptions& options_;
  Engine::Impl& impl_;
  uint32_t sequences_ = 0;
};

}  // namespace

Result<Engine> Engine::open(const std::string& model_path, const EngineOptions& options) try {
  if (Status status = check_options(options); !status.ok()) return status;
  if (Status status = check_threads(options.threads); !status.ok()) return status;
  auto impl = std::make_unique<Impl>();
  if (Status status = Opening(options, *impl).load(model_path); !status.ok()) return status;
  return Engine(std::move(impl));
} catch (const std::bad_alloc&) {
  return out_of_memory(model_path);
}

Engine::Engine(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Engine::Engine(Engine&&) noexcept = default;
Engine& Engine::operator=(Engine&&) noexcept = default;
Engine::~Engine() = default;

Result<Stream> Engine::submit(Request request) {
  auto work = prepare_request(std::move(request), impl_->limits, impl_->next_id.fetch_add(1),
                              real_clock().now());
  if (!work.ok()) return work.status();
  auto stream = std::make_unique<Stream::Impl>(**work, impl_->limits.tokenizer, impl_->mailbox);
  return impl_->post(*std::move(work), std::move(stream));
}

Result<Stream> Engine::Impl::post(std::unique_ptr<engine::Work> work,
                                  std::unique_ptr<Stream::Impl> stream) {
  Status status = mailbox->admit(*work, work->submitted);
  if (status.ok()) status = mailbox->post_work(work);
  if (!status.ok()) {
    meters.refused.add();
    return status;
  }
  stream->posted = true;
  stream->digest = digest;
  meters.submitted.add();
  return Stream(std::move(stream));
}

Result<Reply> Engine::generate(Request request) {
  Result<Stream> stream = submit(std::move(request));
  if (!stream.ok()) return stream.status();
  return stream->wait();
}

Result<Embedding> Engine::embed(EmbedRequest request) {
  auto work = prepare_request({.prompt = std::move(request.prompt),
                               .tokens_max = 1,
                               .tenant = std::move(request.tenant),
                               .priority = request.priority,
                               .deadline = request.deadline},
                              impl_->limits, impl_->next_id.fetch_add(1), real_clock().now());
  if (!work.ok()) return work.status();
  (*work)->pooling = request.pooling;
  (*work)->normalise = request.normalise;
  engine::Outcome outcome = impl_->run(*std::move(work));
  if (!outcome.status.ok()) return outcome.status;
  return Embedding{std::move(outcome.embedding), outcome.usage};
}

engine::Outcome Engine::Impl::run(std::unique_ptr<engine::Work> work) {
  const std::shared_ptr<engine::StreamState> stream = work->stream;
  engine::Outcome refused;
  refused.status = mailbox->post_work(work);
  if (!refused.status.ok()) {
    meters.refused.add();
    return refused;
  }
  meters.submitted.add();
  std::vector<TokenScore> none;
  while (stream->take(none, std::nullopt)) continue;
  return std::move(stream->outcome());
}

int64_t Engine::Impl::blocks_of_longest() const {
  return (int64_t{limits.context} + limits.block_tokens - 1) / limits.block_tokens;
}

Status Engine::drain(Millis timeout) {
  if (impl_->loop->drain(timeout)) return {};
  return {Code::kDeadline, "drain: requests are still running"};
}

const ModelInfo& Engine::model() const noexcept { return impl_->info; }
bool Engine::has_tokenizer() const noexcept { return impl_->tokenizer.has_value(); }
const Tokenizer& Engine::tokenizer() const noexcept {
  LLMOS_CHECK(has_tokenizer()) << "the model has no tokenizer: ask has_tokenizer() first";
  return *impl_->tokenizer;
}

Metrics Engine::metrics() const { return impl_->meters.snapshot(); }
std::string Engine::metrics_text() const { return impl_->meters.prometheus_text(); }

}  // namespace llmos
