// SPDX-License-Identifier: Apache-2.0
#include "llmos/c.h"

#include <algorithm>
#include <cstring>
#include <memory>
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

static_assert(int(Code::kInternal) == LLMOS_INTERNAL && int(Code::kDeadline) == LLMOS_DEADLINE);
static_assert(int(Finish::kStop) == LLMOS_FINISH_STOP &&
              int(Finish::kFailed) == LLMOS_FINISH_FAILED);
static_assert(int(Pooling::kCls) == LLMOS_POOLING_CLS);

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
Status read_sized(const char* name, const Struct* given, Struct& read) {
  if (!given) return {};
  if (given->size < sizeof given->size) {
    return {Code::kInvalid,
            std::string(name) + ": expected its size; set it to its ..._INIT first"};
  }
  std::memcpy(&read, given, std::min(given->size, sizeof read));
  return {};
}

// Arrays come as a pointer and a count.
Status check_arrays(const llmos_request& c) {
  const struct {
    const char* name;
    const void* items;
    size_t count;
  } arrays[] = {{"bias", c.bias, c.bias_count},
                {"banned", c.banned, c.banned_count},
                {"stop", c.stop, c.stop_count},
                {"stop_tokens", c.stop_tokens, c.stop_token_count},
                {"dry_breakers", c.dry_breakers, c.dry_breaker_count},
                {"messages", c.messages, c.message_count},
                {"tokens", c.tokens, c.token_count}};
  for (const auto& array : arrays) {
    if (array.count > 0 && !array.items) {
      return {Code::kInvalid, std::string(array.name) + ": expected a pointer, found NULL"};
    }
  }
  return {};
}

Status no_handle(const char* call) {
  return {Code::kInvalid, std::string(call) + ": expected a handle, found NULL"};
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
  if (c.block_tokens) options.cache.block_tokens = c.block_tokens;
  options.cache.prefix = c.no_prefix_cache == 0;
  options.scheduler.waiting_max = Millis(c.waiting_ms_max);
  options.overlap = c.overlap != 0;
  options.cache.swap_directory = text_or_empty(c.swap_directory);
  options.cache.swap_bytes = c.swap_bytes;
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
  s.dry.window = c.dry_window;
  if (c.dry_breakers) s.dry.breakers.clear();
  for (size_t i = 0; i < c.dry_breaker_count; ++i) {
    s.dry.breakers.push_back(text_or_empty(c.dry_breakers[i]));
  }
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
  if (Status status = check_arrays(c); !status.ok()) return status;
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
                  .prompt_logprobs = c.prompt_logprobs != 0,
                  .tenant = text_or_empty(c.tenant),
                  .priority = c.priority,
                  .deadline = Millis(c.deadline_ms),
                  .tokens_hint = c.tokens_hint,
                  .tools = text_or_empty(c.tools),
                  .template_variables = text_or_empty(c.template_variables),
                  .parse_special = c.no_special_tokens == 0};
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
    if (!waited || !status.ok() || choice > reply.others.size()) return nullptr;
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
    llmos_engine_options c = LLMOS_ENGINE_OPTIONS_INIT;
    if (Status status = read_sized("engine_options", options, c); !status.ok()) return status;
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
    llmos_request c = LLMOS_REQUEST_INIT;
    if (Status status = read_sized("request", request, c); !status.ok()) return status;
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

llmos_status* llmos_engine_resume(llmos_engine* engine, const void* image, size_t bytes,
                                  const llmos_request* hooks, llmos_stream** stream) {
  return guarded([&]() -> Status {
    if (!engine || !image || !stream) {
      return {Code::kInvalid, "engine_resume: expected an engine, an image and a place"};
    }
    *stream = nullptr;
    llmos_request c = LLMOS_REQUEST_INIT;
    if (Status status = read_sized("request", hooks, c); !status.ok()) return status;
    auto made = std::make_unique<llmos_stream>(c);
    Resumption resumption;
    if (c.logits_hook) resumption.logits_hook = &made->hooks;
    if (c.ready) resumption.readiness = &made->hooks;
    Result<Stream> resumed =
        engine->engine.resume({static_cast<const std::byte*>(image), bytes}, resumption);
    if (!resumed.ok()) return resumed.status();
    made->stream.emplace(*std::move(resumed));
    *stream = made.release();
    return {};
  });
}

llmos_status* llmos_engine_drain(llmos_engine* engine, int64_t timeout_ms) {
  return guarded([&]() -> Status {
    if (!engine) return no_handle("engine_drain");
    return engine->engine.drain(Millis(std::max<int64_t>(timeout_ms, 0)));
  });
}

char* llmos_engine_metrics_text(const llmos_engine* engine) {
  if (!engine) return nullptr;
  try {
    return copy_text(engine->engine.metrics_text());
  } catch (...) {
    return nullptr;
  }
}
void llmos_string_free(char* text) { delete[] text; }

size_t llmos_engine_encode(const llmos_engine* engine, const char* text, size_t bytes,
                           int add_special, int32_t* tokens, size_t capacity) {
  if (!engine || (!text && bytes > 0) || !engine->engine.has_tokenizer()) return 0;
  try {
    const std::vector<TokenId> ids =
        engine->engine.tokenizer().encode({text, bytes}, {.add_special = add_special != 0});
    if (tokens) std::copy_n(ids.begin(), std::min(capacity, ids.size()), tokens);
    return ids.size();
  } catch (...) {
    return 0;
  }
}

char* llmos_engine_decode(const llmos_engine* engine, const int32_t* tokens, size_t count) {
  if (!engine || (!tokens && count > 0) || !engine->engine.has_tokenizer()) return nullptr;
  try {
    const Result<std::string> text = engine->engine.tokenizer().decode({tokens, count});
    return text.ok() ? copy_text(*text) : nullptr;
  } catch (...) {
    return nullptr;
  }
}

uint32_t llmos_engine_vocabulary(const llmos_engine* engine) {
  return engine ? engine->engine.model().vocabulary : 0;
}

uint32_t llmos_engine_dim(const llmos_engine* engine) {
  return engine ? uint32_t(engine->engine.model().dim) : 0;
}

llmos_status* llmos_engine_embed(llmos_engine* engine, const char* text, int pooling, int normalise,
                                 float* vector) {
  return guarded([&]() -> Status {
    if (!engine || !text || !vector) {
      return {Code::kInvalid, "engine_embed: expected an engine, a text and a place"};
    }
    if (pooling < LLMOS_POOLING_LAST || pooling > LLMOS_POOLING_CLS) {
      return {Code::kInvalid, "engine_embed: expected one of llmos_pooling"};
    }
    const Result<Embedding> made = engine->engine.embed(
        {.prompt = std::string(text), .pooling = Pooling(pooling), .normalise = normalise != 0});
    if (!made.ok()) return made.status();
    std::copy(made->vector.begin(), made->vector.end(), vector);
    return {};
  });
}

uint64_t llmos_stream_id(const llmos_stream* stream) { return stream ? stream->stream->id() : 0; }

llmos_read llmos_stream_next(llmos_stream* stream, int64_t timeout_ms, llmos_chunk* chunk) {
  if (!stream || !chunk) return LLMOS_END;
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

llmos_status* llmos_stream_suspend(llmos_stream* stream, void** image, size_t* bytes) {
  return guarded([&]() -> Status {
    if (!stream || !image || !bytes) {
      return {Code::kInvalid, "stream_suspend: expected a stream and places for the image"};
    }
    *image = nullptr;
    *bytes = 0;
    const Result<std::vector<std::byte>> made = stream->stream->suspend();
    if (!made.ok()) return made.status();
    auto* const copy = new std::byte[made->size()];
    std::copy(made->begin(), made->end(), copy);
    *image = copy;
    *bytes = made->size();
    return {};
  });
}
void llmos_image_free(void* image) { delete[] static_cast<std::byte*>(image); }

void llmos_stream_cancel(llmos_stream* stream) {
  if (stream) stream->stream->cancel();
}

llmos_status* llmos_stream_wait(llmos_stream* stream) {
  return guarded([&]() -> Status {
    if (!stream) return no_handle("stream_wait");
    if (stream->waited) return stream->status;
    Result<Reply> reply = stream->stream->wait();
    stream->waited = true;
    stream->status = reply.status();
    if (reply.ok()) stream->reply = *std::move(reply);
    return stream->status;
  });
}

const char* llmos_stream_text(const llmos_stream* stream, uint32_t choice, size_t* bytes) {
  const Output* output = stream ? stream->output(choice) : nullptr;
  if (bytes) *bytes = output ? output->text.size() : 0;
  return output ? output->text.c_str() : nullptr;
}

const int32_t* llmos_stream_tokens(const llmos_stream* stream, uint32_t choice, size_t* count) {
  const Output* output = stream ? stream->output(choice) : nullptr;
  if (count) *count = output ? output->tokens.size() : 0;
  return output ? output->tokens.data() : nullptr;
}

llmos_finish llmos_stream_finish(const llmos_stream* stream, uint32_t choice) {
  const Output* output = stream ? stream->output(choice) : nullptr;
  return output ? llmos_finish(output->finish) : LLMOS_FINISH_NONE;
}

llmos_code llmos_stream_prompt_score(llmos_stream* stream, size_t index, double* logprob,
                                     const llmos_token_score** top, size_t* top_count) {
  if (!stream || index >= stream->reply.prompt_scores.size()) return LLMOS_INVALID;
  const PositionScore& score = stream->reply.prompt_scores[index];
  if (!score.logprob) return LLMOS_INVALID;
  try {
    stream->top.clear();
    for (const TokenScore& one : score.top) stream->top.push_back({one.id, one.logprob});
  } catch (...) {
    return LLMOS_EXHAUSTED;
  }
  if (logprob) *logprob = *score.logprob;
  if (top) *top = stream->top.data();
  if (top_count) *top_count = stream->top.size();
  return LLMOS_OK;
}

void llmos_stream_usage(const llmos_stream* stream, llmos_usage* usage) {
  if (!usage) return;
  const Usage u = stream ? stream->reply.usage : Usage();
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
