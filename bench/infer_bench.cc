// SPDX-License-Identifier: Apache-2.0
// A whole model against what the machine can do.
//
//   infer_bench --model M [--threads T] [--prompt-tokens P] [--gen-tokens G] [--batch B[,B...]]
//               [--depth D] [--repeat R] [--weights auto|mapped|repacked] [--kv f16] [--set NAME]
//               [--chunk C] [--peak yes|no] [--json FILE]
//
// Load     `load_cold_s` with the file's pages dropped first (where the system does so),
//          `load_warm_s` after it; up to a model that can compute.
// Prefill  P tokens of one sequence, logits of the last only.
// Decode   for each B: B sequences that hold D tokens (of zeros, never computed), G steps of one
//          token for each.
// Figures  medians of R. bandwidth_share, bandwidth_share_4: bytes of weights, and of keys and
//          values, that a step reads, per second, over what the same team reads from memory in one
//          stream a thread (in four). peak_share: products and sums per second over those of the
//          integer units (weights that are packed) or the FMA units, of the same set.
//          bytes_per_step: what operator new gave during a step, a step.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <new>
#include <numeric>
#include <sstream>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/os_memory.h"
#include "kv/block_table.h"
#include "machine_peak.h"
#include "model/transformer.h"

namespace {

std::atomic<uint64_t> allocated{0};

void* counted(size_t bytes, size_t alignment) {
  allocated.fetch_add(bytes, std::memory_order_relaxed);
  void* const memory =
      std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (!memory) std::abort();
  return memory;
}

}  // namespace

void* operator new(size_t bytes) { return counted(bytes, alignof(std::max_align_t)); }
void* operator new(size_t bytes, std::align_val_t alignment) {
  return counted(bytes, size_t(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }

namespace llmos {
namespace {

struct Settings {
  std::string model, set, weights = "auto", kv = "f16", json;
  int threads = 0;
  uint32_t prompt = 512, gen = 64, depth = 0, repeat = 3, chunk = 512;
  std::vector<uint32_t> batches{1};
  bool peak = true;
};

[[noreturn]] void fail(const std::string& text) {
  std::fprintf(stderr, "infer_bench: %s\n", text.c_str());
  std::exit(1);
}

Settings read_settings(int argc, char** argv) {
  Settings s;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string flag = argv[i], value = argv[i + 1];
    const auto number = [&] { return uint32_t(std::atoi(value.c_str())); };
    if (flag == "--model")
      s.model = value;
    else if (flag == "--threads")
      s.threads = int(number());
    else if (flag == "--prompt-tokens")
      s.prompt = number();
    else if (flag == "--gen-tokens")
      s.gen = number();
    else if (flag == "--depth")
      s.depth = number();
    else if (flag == "--repeat")
      s.repeat = std::max(1u, number());
    else if (flag == "--chunk")
      s.chunk = std::max(1u, number());
    else if (flag == "--weights")
      s.weights = value;
    else if (flag == "--kv")
      s.kv = value;
    else if (flag == "--set")
      s.set = value;
    else if (flag == "--json")
      s.json = value;
    else if (flag == "--peak")
      s.peak = value == "yes";
    else if (flag == "--batch") {
      s.batches.clear();
      std::stringstream list(value);
      for (std::string item; std::getline(list, item, ',');)
        s.batches.push_back(uint32_t(std::atoi(item.c_str())));
    } else
      fail("unknown flag " + flag);
  }
  if (argc % 2 == 0 || s.model.empty())
    fail("expected pairs of flag and value, --model among them");
  return s;
}

template <class T>
T take(Result<T> result) {
  if (!result.ok()) fail(result.status().to_string());
  return *std::move(result);
}

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Sums over all matrices that every token meets.
struct Work {
  double bytes = 0, products = 0;
  void matrix(const kernels::Matrix& of, double share) {
    if (!of.data) return;
    products += share * double(of.rows) * double(of.columns);
    bytes += share * double(of.row_bytes) *
             (of.packed ? double(of.matrix_bytes / of.row_bytes) : double(of.rows));
  }
};

Work work_of(const Transformer& model) {
  const ModelConfig& c = model.config();
  const auto& parts = model.weights().parts();
  Work work;
  for (const auto& l : parts.layers) {
    for (const auto* linear :
         {&l.query, &l.key, &l.value, &l.output, &l.ffn.gate, &l.ffn.up, &l.ffn.down, &l.router,
          &l.shared.gate, &l.shared.up, &l.shared.down, &l.shared_gate})
      work.matrix(linear->weight, 1);
    for (const auto* linear : {&l.experts.gate, &l.experts.up, &l.experts.down})
      work.matrix(linear->weight, c.experts.chosen);
  }
  return work;
}

struct Loaded {
  std::unique_ptr<ComputeDevice> device;
  std::unique_ptr<Transformer> model;
  double load_seconds = 0;
};

void drop_pages(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY);
  if (file < 0) return;
  ::fdatasync(file);
  ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
  ::close(file);
}

bool repacks(const Settings& s, const kernels::KernelTable& set) {
  return s.weights != "mapped" && set.pack_rows != 0;
}

Loaded load(const Settings& s) {
  Loaded loaded;
  const double start = seconds();
  loaded.device = take(ComputeDevice::create({.threads = s.threads, .kernel_set = s.set}));
  const Checkpoint checkpoint = take(Checkpoint::open(s.model));
  const uint32_t most = *std::max_element(s.batches.begin(), s.batches.end());
  const uint32_t tokens = std::max(s.chunk, most);
  loaded.model = std::make_unique<Transformer>(
      take(Transformer::load(checkpoint, *loaded.device, {.tokens = tokens, .logit_rows = most},
                             nullptr, repacks(s, loaded.device->kernels()))));
  loaded.load_seconds = seconds() - start;
  return loaded;
}

class Bench {
 public:
  Bench(const Settings& s, Loaded& loaded)
      : s_(s), device_(*loaded.device), model_(*loaded.model), work_(work_of(model_)) {
    const DType kv = find_dtype(s.kv).value_or(DType::kF16);
    const BlockLayout layout = take(kv_layout(model_.config(), kv, kBlockTokens));
    const uint64_t most = *std::max_element(s.batches.begin(), s.batches.end());
    const uint64_t tokens = std::max<uint64_t>(s.prompt, s.depth + s.gen + kWarmSteps);
    const uint64_t blocks = std::max<uint64_t>(most, 1) * (tokens / kBlockTokens + 2);
    kv_token_bytes_ = double(layout.bytes_per_token());
    sequence_tokens_ = int64_t(tokens);
    cache_ =
        std::make_unique<BlockPool>(take(device_.allocate(blocks * layout.block_bytes())), layout);
    if (!s.peak) return;
    constexpr size_t kBytes = size_t{512} << 20;
    Buffer memory = take(device_.allocate(kBytes));
    for (size_t i = 0; i < kBytes; i += 64) memory.data()[i] = std::byte(i >> 12);
    peak_ = bench::measure_peak(device_, memory.data(), kBytes);
  }

  Json prefill() {
    std::vector<double> times;
    double bytes = 0;
    times.reserve(s_.repeat);
    for (uint32_t i = 0; i <= s_.repeat; ++i) {
      BlockTable table(*cache_, sequence_tokens_);
      const std::vector<BlockTable*> sequence{&table};
      const uint64_t before = allocated.load();
      const double start = seconds();
      for (uint32_t done = 0; done < s_.prompt;) {
        const uint32_t count = std::min(s_.chunk, s_.prompt - done);
        done += count;
        step(sequence, count, done == s_.prompt);
      }
      if (i > 0) times.push_back(seconds() - start);
      bytes = double(allocated.load() - before);
    }
    const double time = median(times);
    const double steps = double((s_.prompt + s_.chunk - 1) / s_.chunk);
    return result("prefill", 1, double(s_.prompt) / time,
                  (steps * work_.bytes + head().bytes) / time,
                  operations(s_.prompt, 1, double(s_.prompt + 1) / 2) / time, bytes / steps);
  }

  Json decode(uint32_t batch) {
    std::vector<double> times;
    double bytes = 0;
    for (uint32_t i = 0; i < s_.repeat; ++i) {
      std::vector<BlockTable> tables;
      std::vector<BlockTable*> sequences;
      for (uint32_t b = 0; b < batch; ++b) tables.emplace_back(*cache_, sequence_tokens_);
      for (BlockTable& table : tables) {
        if (!table.append(s_.depth)) fail("the cache is too small");
        sequences.push_back(&table);
      }
      for (uint32_t g = 0; g < kWarmSteps; ++g) step(sequences, 1, true);
      const uint64_t before = allocated.load();
      const double start = seconds();
      for (uint32_t g = 0; g < s_.gen; ++g) step(sequences, 1, true);
      const double time = seconds() - start;
      bytes = double(allocated.load() - before) / s_.gen;
      times.push_back(time / s_.gen);
    }
    const double time = median(times);
    const double context = s_.depth + kWarmSteps + (s_.gen + 1) / 2.0;
    return result("decode", batch, batch / time,
                  (work_.bytes + head().bytes + batch * context * kv_token_bytes_) / time,
                  operations(batch, batch, context) / time, bytes);
  }

  const bench::MachinePeak& peak() const { return peak_; }

 private:
  static constexpr uint32_t kBlockTokens = 16;
  static constexpr uint32_t kWarmSteps = 2;

  Work head() const {
    Work work;
    work.matrix(model_.weights().parts().head.weight, 1);
    return work;
  }

  double operations(double tokens, double rows, double context) const {
    const ModelConfig& c = model_.config();
    const double attention = 2.0 * double(c.layers.size()) * c.query_dim() * context;
    return 2 * (tokens * (work_.products + attention) + rows * head().products);
  }

  // `count` tokens for each sequence; a token is a number that depends on its position.
  void step(const std::vector<BlockTable*>& sequences, uint32_t count, bool wanted) {
    ids_.clear(), spans_.clear(), rows_.clear();
    for (BlockTable* table : sequences) {
      const int64_t position = table->tokens();
      if (!table->append(count)) fail("the cache is too small");
      spans_.push_back({.first = int64_t(ids_.size()),
                        .tokens = count,
                        .position = position,
                        .blocks = table->blocks().data()});
      for (uint32_t i = 0; i < count; ++i)
        ids_.push_back(TokenId((uint64_t(position) + i) * 7919 % model_.config().vocabulary));
      if (wanted) rows_.push_back(int32_t(ids_.size()) - 1);
    }
    take(model_.forward({.ids = ids_, .spans = spans_, .logit_rows = rows_}, *cache_));
  }

  Json result(const char* phase, uint32_t batch, double rate, double bytes, double ops,
              double allocated_bytes) const {
    const bool packed = model_.weights().bytes().repacked > 0;
    const double unit = packed ? peak_.int8_ops : peak_.fma_flops;
    const auto share = [](double part, double whole) { return whole > 0 ? part / whole : 0; };
    Json json = Json::object();
    json.set("phase", phase);
    json.set("threads", device_.threads());
    json.set("batch", batch);
    json.set("depth", s_.depth);
    json.set("tokens_per_s", rate);
    json.set("gb_per_s", bytes * 1e-9);
    json.set("bandwidth_share", share(bytes, peak_.read_bytes));
    json.set("bandwidth_share_4", share(bytes, peak_.read_bytes_four));
    json.set("gop_per_s", ops * 1e-9);
    json.set("peak_share", share(ops, unit));
    json.set("bytes_per_step", allocated_bytes);
    std::printf(
        "%-8s x%-3u %9.2f tok/s %7.1f GB/s (%5.1f %%, %5.1f %% of 4) %8.1f Gop/s (%5.1f %%) "
        "new %.0f\n",
        phase, batch, rate, bytes * 1e-9, 100 * share(bytes, peak_.read_bytes),
        100 * share(bytes, peak_.read_bytes_four), ops * 1e-9, 100 * share(ops, unit),
        allocated_bytes);
    std::fflush(stdout);
    return json;
  }

  const Settings& s_;
  ComputeDevice& device_;
  Transformer& model_;
  Work work_;
  double kv_token_bytes_ = 0;
  int64_t sequence_tokens_ = 0;
  std::unique_ptr<BlockPool> cache_;
  bench::MachinePeak peak_;
  std::vector<TokenId> ids_;
  std::vector<kernels::AttentionSpan> spans_;
  std::vector<int32_t> rows_;
};

uint64_t peak_resident_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return uint64_t(usage.ru_maxrss) * 1024;
}

}  // namespace

int run(int argc, char** argv) {
  const Settings settings = read_settings(argc, argv);
  drop_pages(settings.model);
  const double cold = load(settings).load_seconds;
  Loaded loaded = load(settings);
  const uint64_t resident = peak_resident_bytes();
  Bench bench(settings, loaded);
  const bench::MachinePeak& peak = bench.peak();
  const WeightBytes& weights = loaded.model->weights().bytes();
  std::printf(
      "%s on %s: weights %.1f MB mapped, %.1f copied (%.1f repacked); load %.2f s cold, "
      "%.2f warm, %.0f MB resident\n",
      settings.model.c_str(), loaded.device->name().c_str(), double(weights.mapped) * 1e-6,
      double(weights.copied) * 1e-6, double(weights.repacked) * 1e-6, cold, loaded.load_seconds,
      double(resident) * 1e-6);
  std::printf("read %.1f GB/s, four streams %.1f, fma %.0f GFLOP/s, int8 %.0f Gop/s\n",
              peak.read_bytes * 1e-9, peak.read_bytes_four * 1e-9, peak.fma_flops * 1e-9,
              peak.int8_ops * 1e-9);
  Json results = Json::array();
  if (settings.prompt > 0) results.push_back(bench.prefill());
  if (settings.gen > 0) {
    for (const uint32_t batch : settings.batches) results.push_back(bench.decode(batch));
  }
  Json machine = Json::object();
  machine.set("device", loaded.device->name());
  machine.set("read_gb_per_s", peak.read_bytes * 1e-9);
  machine.set("read_four_gb_per_s", peak.read_bytes_four * 1e-9);
  machine.set("fma_gflop_per_s", peak.fma_flops * 1e-9);
  machine.set("int8_gop_per_s", peak.int8_ops * 1e-9);
  Json memory = Json::object();
  memory.set("load_cold_s", cold);
  memory.set("load_warm_s", loaded.load_seconds);
  memory.set("peak_after_load_bytes", resident);
  memory.set("peak_bytes", peak_resident_bytes());
  memory.set("weights_mapped_bytes", weights.mapped);
  memory.set("weights_copied_bytes", weights.copied);
  Json all = Json::object();
  all.set("model", settings.model);
  all.set("machine", std::move(machine));
  all.set("memory", std::move(memory));
  all.set("results", std::move(results));
  if (!settings.json.empty()) std::ofstream(settings.json) << all.dump() << '\n';
  return 0;
}

}  // namespace llmos

int main(int argc, char** argv) { return llmos::run(argc, argv); }
