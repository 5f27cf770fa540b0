// SPDX-License-Identifier: Apache-2.0
#include "llmos/c.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <string>

#include "llmos/engine.h"

// Handles are plain owners; no exception may pass into C.
struct llmos_status {
  llmos::Status status;
};
struct llmos_engine {
  llmos::Engine engine;
};

namespace llmos {
namespace {

// A C callback as the two interfaces that a request may have.
class CHooks final : public LogitsHook, public Readiness {
 public:
  explicit CHooks(const llmos_request& request)
      : logits_(request.logits_hook), ready_(request.ready), context_(request.hook_context) {}
  void adjust(const LogitsContext& where, std::span<float> logits) override {
    logits_(where.request, where.choice, logits.data(), logits.size(), context_);
  }
  void ready(uint64_t request) noexcept override { ready_(request, context_); }

 private:
  void (*logits_)(uint64_t, uint32_t, float*, size_t, void*);
  void (*ready_)(uint64_t, void*);
  void* context_;
};

class CProgress final : public LoadProgress {
 public:
  explicit CProgress(const llmos_engine_options& options) : options_(options) {}
  bool advance(const Progress& progress) override {
    const double total = double(std::max<uint64_t>(progress.bytes_total, 1));
    return options_.progress(double(progress.bytes_done) / total, options_.progress_context) != 0;
  }

 private:
  const llmos_engine_options& options_;
};

llmos_status* to_c(const Status& status) {
  return status.ok() ? nullptr : new (std::nothrow) llmos_status{status};
}

// Runs a call, and turns what a container may throw into a status.
template <class Call>
llmos_status* guarded(Call&& call) noexcept {
  try {
    return to_c(call());
  } catch (...) {
    return new (std::nothrow) llmos_status{Status(Code::kExhausted, std::string())};
  }
}

std::string text_or_empty(const char* text) { return text ? std::string(text) : std::string(); }

// The caller's struct, which may be of an older and shorter header, over the defaults.
template <class Struct>
Struct read_sized(const Struct* given, const Struct& defaults) {
  Struct read = defaults;
  if (given) std::memcpy(&read, given, std::min(given->size, sizeof read));
  return read;
}

EngineOptions to_options(const llmos_engine_options& c) {
  EngineOptions options;
  options.threads = c.threads;
  options.context = c.context;
  options.kernels = text_or_empty(c.kernels);
  options.cache.bytes = c.cache_bytes;
  options.cache.kv_type = text_or_empty(c.kv_type);
  options.scheduler.policy = text_or_empty(c.policy);
  options.scheduler.sequences_max = c.sequences_max;
  options.scheduler.step_tokens = c.step_tokens;
  if (c.queue_max) options.scheduler.queue_max = c.queue_max;
  if (c.stream_tokens) options.stream_tokens = c.stream_tokens;
  if (c.reader_stall_ms_max) options.reader_stall_max = Millis(c.reader_stall_ms_max);
  return options;
}

Sampling to_sampling(const llmos_request& c) {
  Sampling s{.temperature = c.temperature,
             .top_k = c.top_k,
             .top_p = c.top_p,
             .min_p = c.min_p,
             .typical_p = c.typical_p,
             .repetition_penalty = c.repetition_penalty,
             .presence_penalty = c.presence_penalty,
             .frequency_penalty = c.frequency_penalty,
             .penalty_window = c.penalty_window,
             .seed = c.seed};
  s.dry.multiplier = c.dry_multiplier;
  s.dry.base = c.dry_base;
  s.dry.allowed_length = c.dry_allowed_length;
  s.xtc = {.probability = c.xtc_probability, .threshold = c.xtc_threshold};
  s.mirostat = {.tau = c.mirostat_tau, .eta = c.mirostat_eta};
  for (size_t i = 0; i < c.bias_count; ++i) s.bias.push_back({c.bias[i].id, c.bias[i].bias});
  if (c.banned_count) s.banned.assign(c.banned, c.banned + c.banned_count);
  return s;
}

Result<Prompt> to_prompt(const llmos_request& c) {
  if ((c.prompt != nullptr) + (c.messages != nullptr) + (c.tokens != nullptr) != 1) {
    return Status(Code::kInvalid, "request: expected exactly one of prompt, messages and tokens");
  }
  if (c.prompt) return Prompt(std::string(c.prompt));
  if (c.tokens) return Prompt(std::vector<TokenId>(c.tokens, c.tokens + c.token_count));
  std::vector<Message> messages;
  for (size_t i = 0; i < c.message_count; ++i) {
    const llmos_message& m = c.messages[i];
    messages.push_back({.role = text_or_empty(m.role),
                        .content = text_or_empty(m.content),
                        .tool_calls = text_or_empty(m.tool_calls),
                        .tool_call_id = text_or_empty(m.tool_call_id),
                        .name = text_or_empty(m.name)});
  }
  return Prompt(std::move(messages));
}

Result<Request> to_request(const llmos_request& c) {
  Result<Prompt> prompt = to_prompt(c);
  if (!prompt.ok()) return prompt.status();
  Request request{.prompt = *std::move(prompt),
                  .sampling = to_sampling(c),
                  .tokens_max = c.tokens_max,
                  .tokens_min = c.tokens_min,
                  .ignore_end = c.ignore_end != 0,
                  .choices = c.choices,
                  .logprobs = c.logprobs != 0,
                  .logprobs_top = c.logprobs_top,
                  .tenant = text_or_empty(c.tenant),
                  .priority = c.priority,
                  .deadline = Millis(c.deadline_ms),
                  .tokens_hint = c.tokens_hint,
                  .tools = text_or_empty(c.tools),
                  .template_variables = text_or_empty(c.template_variables)};
  for (size_t i = 0; i < c.stop_count; ++i) request.stop.push_back(text_or_empty(c.stop[i]));
  if (c.stop_token_count) {
    request.stop_tokens.assign(c.stop_tokens, c.stop_tokens + c.stop_token_count);
  }
  return request;
}

char* copy_text(const std::string& text) noexcept {
  char* copy = new (std::nothrow) char[text.size() + 1];
  if (copy) std::memcpy(copy, text.c_str(), text.size() + 1);
  return copy;
}

}  // namespace
}  // namespace llmos

struct llmos_stream {
  explicit llmos_stream(const llmos_request& request) : hooks(request) {}
  llmos::CHooks hooks;  // before the stream, which may still call them while it goes
  std::optional<llmos::Stream> stream;
  std::string text;
  std::vector<llmos_token_score> top;
  bool waited = false;
  llmos::Status status;
  llmos::Reply reply;

  const llmos::Output* output(uint32_t choice) const {
    if (!waited || choice > reply.others.size()) return nullptr;
    return choice == 0 ? &reply : &reply.others[choice - 1];
  }
};

using namespace llmos;

llmos_code llmos_status_code(const llmos_status* status) {
  return status ? llmos_code(status->status.code()) : LLMOS_OK;
}
const char* llmos_status_message(const llmos_status* status) {
  return status ? status->status.message().c_str() : "";
}
void llmos_status_free(llmos_status* status) { delete status; }

llmos_status* llmos_engine_open(const char* path, const llmos_engine_options* options,
                                llmos_engine** engine) {
  return guarded([&]() -> Status {
    if (!path || !engine) return {Code::kInvalid, "engine_open: expected a path and a place"};
    *engine = nullptr;
    const llmos_engine_options c = read_sized(options, LLMOS_ENGINE_OPTIONS_INIT);
    CProgress progress(c);
    EngineOptions opened = to_options(c);
    if (c.progress) opened.progress = &progress;
    Result<Engine> made = Engine::open(path, opened);
    if (!made.ok()) return made.status();
    *engine = new llmos_engine{*std::move(made)};
    return {};
  });
}
void llmos_engine_free(llmos_engine* engine) { delete engine; }

llmos_status* llmos_engine_submit(llmos_engine* engine, const llmos_request* request,
                                  llmos_stream** stream) {
  return guarded([&]() -> Status {
    if (!engine || !request || !stream) {
      return {Code::kInvalid, "engine_submit: expected an engine, a request and a place"};
    }
    *stream = nullptr;
    const llmos_request c = read_sized(request, LLMOS_REQUEST_INIT);
    Result<Request> asked = to_request(c);
    if (!asked.ok()) return asked.status();
    auto made = std::make_unique<llmos_stream>(c);
    if (c.logits_hook) asked->logits_hook = &made->hooks;
    if (c.ready) asked->readiness = &made->hooks;
    Result<Stream> submitted = engine->engine.submit(*std::move(asked));
    if (!submitted.ok()) return submitted.status();
    made->stream.emplace(*std::move(submitted));
    *stream = made.release();
    return {};
  });
}

llmos_status* llmos_engine_drain(llmos_engine* engine, int64_t timeout_ms) {
  return guarded([&] { return engine->engine.drain(Millis(timeout_ms)); });
}

char* llmos_engine_metrics_text(const llmos_engine* engine) {
  try {
    return copy_text(engine->engine.metrics_text());
  } catch (...) {
    return nullptr;
  }
}
void llmos_string_free(char* text) { delete[] text; }

size_t llmos_engine_encode(const llmos_engine* engine, const char* text, size_t bytes,
                           int add_special, int32_t* tokens, size_t capacity) {
  if (!engine->engine.has_tokenizer()) return 0;
  try {
    const std::vector<TokenId> ids =
        engine->engine.tokenizer().encode({text, bytes}, {.add_special = add_special != 0});
    std::copy_n(ids.begin(), std::min(capacity, ids.size()), tokens);
    return ids.size();
  } catch (...) {
    return 0;
  }
}

char* llmos_engine_decode(const llmos_engine* engine, const int32_t* tokens, size_t count) {
  if (!engine->engine.has_tokenizer()) return nullptr;
  try {
    const Result<std::string> text = engine->engine.tokenizer().decode({tokens, count});
    return text.ok() ? copy_text(*text) : nullptr;
  } catch (...) {
    return nullptr;
  }
}

uint32_t llmos_engine_vocabulary(const llmos_engine* engine) {
  return engine->engine.model().vocabulary;
}

uint64_t llmos_stream_id(const llmos_stream* stream) { return stream->stream->id(); }

llmos_read llmos_stream_next(llmos_stream* stream, int64_t timeout_ms, llmos_chunk* chunk) {
  try {
    Stream& reader = *stream->stream;
    const std::optional<Chunk> next = timeout_ms < 0    ? reader.next()
                                      : timeout_ms == 0 ? reader.try_next()
                                                        : reader.next(Millis(timeout_ms));
    if (!next) return reader.ended() ? LLMOS_END : LLMOS_PENDING;
    stream->text = next->text;
    stream->top.clear();
    double logprob = 0;
    for (const PositionScore& score : next->scores) {
      logprob = score.logprob.value_or(0);
      for (const TokenScore& top : score.top) stream->top.push_back({top.id, top.logprob});
    }
    *chunk = {.choice = next->choice,
              .text = stream->text.c_str(),
              .text_bytes = stream->text.size(),
              .tokens = next->tokens.data(),
              .token_count = next->tokens.size(),
              .logprob = logprob,
              .top = stream->top.data(),
              .top_count = stream->top.size(),
              .finish = next->finish ? llmos_finish(*next->finish) : LLMOS_FINISH_NONE};
    return LLMOS_CHUNK;
  } catch (...) {
    return LLMOS_END;
  }
}

void llmos_stream_cancel(llmos_stream* stream) { stream->stream->cancel(); }

llmos_status* llmos_stream_wait(llmos_stream* stream) {
  return guarded([&]() -> Status {
    if (stream->waited) return stream->status;
    Result<Reply> reply = stream->stream->wait();
    stream->waited = true;
    stream->status = reply.status();
    if (reply.ok()) stream->reply = *std::move(reply);
    return stream->status;
  });
}

const char* llmos_stream_text(const llmos_stream* stream, uint32_t choice, size_t* bytes) {
  const Output* output = stream->output(choice);
  if (bytes) *bytes = output ? output->text.size() : 0;
  return output ? output->text.c_str() : nullptr;
}

const int32_t* llmos_stream_tokens(const llmos_stream* stream, uint32_t choice, size_t* count) {
  const Output* output = stream->output(choice);
  if (count) *count = output ? output->tokens.size() : 0;
  return output ? output->tokens.data() : nullptr;
}

llmos_finish llmos_stream_finish(const llmos_stream* stream, uint32_t choice) {
  const Output* output = stream->output(choice);
  return output && stream->status.ok() ? llmos_finish(output->finish) : LLMOS_FINISH_NONE;
}

void llmos_stream_usage(const llmos_stream* stream, llmos_usage* usage) {
  const Usage& u = stream->reply.usage;
  *usage = {.prompt_tokens = u.prompt_tokens,
            .cached_tokens = u.cached_tokens,
            .recomputed_tokens = u.recomputed_tokens,
            .output_tokens = u.output_tokens,
            .preemptions = u.preemptions,
            .bytes_swapped = u.bytes_swapped,
            .kv_block_seconds = u.kv_block_seconds,
            .queued_ms = u.queued.count(),
            .first_token_ms = u.first_token.count(),
            .total_ms = u.total.count()};
}

void llmos_stream_free(llmos_stream* stream) { delete stream; }
