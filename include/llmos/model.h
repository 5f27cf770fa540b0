// SPDX-License-Identifier: Apache-2.0
// Model files and one loaded model: look inside, plan its memory, quantise it, score text with it.
//
//   ModelInfo info = inspect("model.gguf").value();
//   ModelPlan memory = plan("model.gguf", {.context = 8192}).value();
//   Model model = Model::open("model.gguf").value();
//   auto ids = model.tokenizer().encode("Once upon a time");
//   std::puts(model.generate(ids).value().text.c_str());
//
// A path is a GGUF file (of a split one the first), or a Hugging Face directory (config.json and
// safetensors files).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "llmos/extend.h"
#include "llmos/request.h"
#include "llmos/status.h"
#include "llmos/tokenizer.h"
#include "llmos/types.h"
#include "llmos/version.h"

namespace llmos {

// The tensors of one element type.
struct TensorTypeUse {
  std::string type{};  // "F16", "Q4_K"
  uint32_t tensors{};
  uint64_t elements{};
  uint64_t bytes{};
};

struct TensorSummary {
  std::string name{};
  std::string type{};
  std::vector<uint64_t> shape{};  // outermost first
  uint64_t bytes{};
};

// What a model is, from its headers alone.
struct ModelInfo {
  std::string path{};
  std::string format{};        // "gguf" or "safetensors"
  std::string architecture{};  // as the file names it: "llama", "qwen2", "gpt-oss"
  std::string name{};          // empty where the file has none
  // Whether this build can run it; otherwise the reason ("unsupported architecture ...").
  bool runnable{};
  std::string reason{};
  uint64_t parameters{};
  uint64_t bytes{};  // of all tensors
  uint32_t layers{};
  uint32_t dim{};
  uint32_t heads{};
  uint32_t kv_heads{};
  uint32_t head_dim{};
  uint32_t ffn_dim{};
  uint32_t experts{};       // 0: dense
  uint32_t experts_used{};  // of each token
  uint32_t vocabulary{};
  uint32_t context{};                  // the most tokens it was made for
  std::vector<TensorTypeUse> types{};  // the largest first
  std::vector<TensorSummary> tensors{};
  // Every key of the file with its value as text; long arrays are cut ("[512 strings: ...]").
  std::vector<std::pair<std::string, std::string>> metadata{};
};

// How a model will be loaded.
struct ModelOptions {
  // Threads that compute; 0: one per core that this process may run on.
  uint32_t threads{};
  // The most tokens of one sequence, prompt and answer; 0: what the model was made for, but at most
  // 4096. Memory for keys and values grows with it.
  uint32_t context{};
  // Tokens computed in one step, at most; a longer prompt is cut into chunks. 0: 512.
  uint32_t batch_tokens{};
  // Element type of keys and values: "f32", "f16", "bf16" or "q8_0"; empty: "f32".
  std::string kv_type{};
  // The kernel set, one of kernel_sets(); empty: the best of this machine.
  std::string kernels{};
  // "repacked": quantised weights are copied into memory in the order that the kernel set reads
  // them, several times faster, and activations are rounded to 8 bits with a scale for every 32.
  // "mapped": they are used where they lie in the file, so that a model larger than memory runs and
  // loads at once. "auto", or empty: repacked where the set knows how and memory holds it.
  std::string weights{};
  // Supplies the files instead of the file system; outlives the model.
  WeightSource* source{};
  // Hears how loading advances and may end it; used during the call only.
  LoadProgress* progress{};
};

// The exact bytes that Model::open() with the same options takes, in whole pages of memory. Not
// counted are the tokenizer and what describes the model: some megabytes at most, whatever its
// size.
struct ModelPlan {
  uint64_t weights_mapped{};    // read from the file where they lie; the system may drop and reread
  uint64_t weights_copied{};    // in memory of their own: another layout, or norms as f32
  uint64_t weights_repacked{};  // of the copied: in the kernel set's own layout
  uint64_t kv_bytes_per_token{};
  uint64_t kv_bytes{};  // for `context` tokens, in whole blocks
  uint64_t workspace{};
  uint64_t total{};
  uint32_t context{};
};

LLMOS_API Result<ModelInfo> inspect(const std::string& path, WeightSource* source = nullptr);
LLMOS_API Result<ModelPlan> plan(const std::string& path, const ModelOptions& options = {});

struct QuantizeOptions {
  // "q8_0", "q4_0", "q4_k", "q5_k", "q6_k", "iq4_nl" or "mxfp4", in either case.
  std::string type{};
  // Threads; 0: one per core.
  uint32_t threads{};
  // Accepts tensors that are quantised already, at the price of two roundings.
  bool requantize{};
  LoadProgress* progress{};
};

struct QuantizeReport {
  uint64_t bytes_in{};
  uint64_t bytes_out{};
  std::vector<TensorTypeUse> types{};  // of the new file
  // Tensors that got another type than asked for, with the reason.
  std::vector<std::string> notes{};
};

// Writes a quantised copy of the GGUF file `from` (F32, F16 or BF16) to `to`, streaming: memory
// does not grow with the model. A file appears at `to` only when it is whole.
LLMOS_API Result<QuantizeReport> quantize(const std::string& from, const std::string& to,
                                          const QuantizeOptions& options);

struct KernelSet {
  std::string name{};
  bool best{};  // what an empty ModelOptions::kernels means
};

// The kernel sets of this build that this machine can run, the slowest first.
LLMOS_API std::vector<KernelSet> kernel_sets();

struct Perplexity {
  double perplexity{};
  double mean_nll{};  // mean negative log-likelihood of the scored tokens
  uint64_t scored{};
  uint64_t tokens{};
};

struct GenerateOptions {
  Sampling sampling{};
  // At most so many tokens.
  uint32_t tokens_max{256};
  // Ends where the text would contain one of these, which is then left out.
  std::vector<std::string> stop{};
};

struct Generation {
  std::string text{};
  // All that were drawn, the end token included.
  std::vector<TokenId> tokens{};
  Finish finish{};
};

// Called for each token with the text that became certain by it, often empty; false cancels. Must
// not throw.
using OnToken = std::function<bool(TokenId id, std::string_view text)>;

// One loaded model, used directly: for tools, tests and offline work, one call at a time. A server
// wants an Engine.
class LLMOS_API Model {
 public:
  // Failure: kNotFound, kCorrupt, kUnsupported, kInvalid (an option), kExhausted (memory).
  static Result<Model> open(const std::string& path, const ModelOptions& options = {});
  Model(Model&&) noexcept;
  Model& operator=(Model&&) noexcept;
  ~Model();

  const ModelInfo& info() const noexcept;
  const ModelPlan& plan() const noexcept;
  // The tokenizer of the model's files. Precondition: has_tokenizer().
  const Tokenizer& tokenizer() const noexcept;
  bool has_tokenizer() const noexcept;

  // Continues the prompt. kInvalid: an empty prompt, an id outside the vocabulary, or more than the
  // context holds. Without a tokenizer the texts are empty.
  Result<Generation> generate(std::span<const TokenId> prompt, const GenerateOptions& options = {},
                              const OnToken& on_token = {});

  // The prediction of every token by those before it, with the `top` best in its place.
  Result<std::vector<PositionScore>> score(std::span<const TokenId> ids, uint32_t top = 0);

  // Cuts the ids into chunks of `chunk` tokens, puts `bos` in the place of each first token (unless
  // it is kNoToken), and scores the second half of each chunk; what is left over at the end is not
  // used. `progress` hears how many chunks of how many are done; false ends it with kCancelled.
  // kInvalid: fewer than one chunk, or a chunk beyond the context.
  Result<Perplexity> perplexity(std::span<const TokenId> ids, uint32_t chunk,
                                TokenId bos = kNoToken,
                                const std::function<bool(uint64_t, uint64_t)>& progress = {});

 private:
  struct Impl;
  explicit Model(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace llmos
