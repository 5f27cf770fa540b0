// SPDX-License-Identifier: Apache-2.0
#include "llmos/c.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <string>

#include "api/c_convert.h"
#include "api/c_hooks.h"
#include "llmos/engine.h"

// Handles are plain owners; no exception may pass into C.
struct llmos_status {
  llmos::Status status;
};
struct llmos_engine {
  std::unique_ptr<llmos::CPolicy> policy;  // outlives the engine
  llmos::Engine engine;
};
struct llmos_budget {
  llmos::MemoryBudget budget;
};
struct llmos_pin {
  llmos::PinnedPrefix pin;
};

namespace llmos {
namespace {

static_assert(int(Code::kInternal) == LLMOS_INTERNAL && int(Code::kDeadline) == LLMOS_DEADLINE);
static_assert(int(Finish::kStop) == LLMOS_FINISH_STOP &&
              int(Finish::kFailed) == LLMOS_FINISH_FAILED);
static_assert(int(Pooling::kCls) == LLMOS_POOLING_CLS);
static_assert(int(KvBlockUse::kPinned) == LLMOS_BLOCK_PINNED &&
              int(KvBlockUse::kCached) == LLMOS_BLOCK_CACHED);

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

Status no_handle(const char* call) {
  return {Code::kInvalid, std::string(call) + ": expected a handle, found NULL"};
}

// None for NULL.
Result<std::unique_ptr<CPolicy>> to_policy(const llmos_scheduling_policy* given) {
  llmos_scheduling_policy table = LLMOS_SCHEDULING_POLICY_INIT;
  if (Status s = read_sized("scheduling_policy", given, table); !s.ok()) return s;
  if (!given) return std::unique_ptr<CPolicy>();
  if (!table.rank) {
    return Status(Code::kInvalid, "scheduling_policy: expected a function `rank`, found NULL");
  }
  return std::make_unique<CPolicy>(table);
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

llmos_budget* llmos_budget_new(uint64_t bytes_max) {
  return new (std::nothrow) llmos_budget{MemoryBudget(bytes_max)};
}
uint64_t llmos_budget_used(const llmos_budget* budget) {
  return budget ? budget->budget.bytes_used() : 0;
}
void llmos_budget_free(llmos_budget* budget) { delete budget; }

llmos_status* llmos_engine_open(const char* path, const llmos_engine_options* options,
                                llmos_engine** engine) {
  return guarded([&]() -> Status {
    if (!path || !engine) return {Code::kInvalid, "engine_open: expected a path and a place"};
    *engine = nullptr;
    llmos_engine_options c = LLMOS_ENGINE_OPTIONS_INIT;
    if (Status status = read_sized("engine_options", options, c); !status.ok()) return status;
    Result<EngineOptions> opened = to_options(c);
    if (!opened.ok()) return opened.status();
    CProgress progress(c);
    if (c.progress) opened->progress = &progress;
    Result<std::unique_ptr<CPolicy>> policy = to_policy(c.scheduling_policy);
    if (!policy.ok()) return policy.status();
    opened->scheduler.custom = policy->get();
    if (c.budget) opened->budget = &c.budget->budget;
    Result<Engine> made = Engine::open(path, *opened);
    if (!made.ok()) return made.status();
    *engine = new llmos_engine{*std::move(policy), *std::move(made)};
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
    if (Status status = made->hooks.check(); !status.ok()) return status;
    asked->logits_hook = made->hooks.logits_hook();
    asked->token_mask = made->hooks.token_mask();
    asked->readiness = made->hooks.readiness();
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
    if (Status status = made->hooks.check(); !status.ok()) return status;
    resumption.logits_hook = made->hooks.logits_hook();
    resumption.token_mask = made->hooks.token_mask();
    resumption.readiness = made->hooks.readiness();
    Result<Stream> resumed =
        engine->engine.resume({static_cast<const std::byte*>(image), bytes}, resumption);
    if (!resumed.ok()) return resumed.status();
    made->stream.emplace(*std::move(resumed));
    *stream = made.release();
    return {};
  });
}

llmos_status* llmos_engine_pin(llmos_engine* engine, const llmos_request* request,
                               llmos_pin** pin) {
  return guarded([&]() -> Status {
    if (!engine || !request || !pin) {
      return {Code::kInvalid, "engine_pin: expected an engine, a request and a place"};
    }
    *pin = nullptr;
    llmos_request c = LLMOS_REQUEST_INIT;
    if (Status status = read_sized("request", request, c); !status.ok()) return status;
    Result<Request> asked = to_request(c);
    if (!asked.ok()) return asked.status();
    Result<PinnedPrefix> pinned = engine->engine.pin(*std::move(asked));
    if (!pinned.ok()) return pinned.status();
    *pin = new llmos_pin{*std::move(pinned)};
    return {};
  });
}
uint32_t llmos_pin_tokens(const llmos_pin* pin) { return pin ? pin->pin.tokens() : 0; }
void llmos_pin_free(llmos_pin* pin) { delete pin; }

llmos_status* llmos_engine_kv_map(llmos_engine* engine, int64_t timeout_ms, llmos_kv_block* blocks,
                                  size_t capacity, size_t* count) {
  return guarded([&]() -> Status {
    if (!engine || !count || (capacity > 0 && !blocks)) {
      return {Code::kInvalid, "engine_kv_map: expected an engine and places"};
    }
    *count = 0;
    const Result<KvMap> map = engine->engine.kv_map(Millis(std::max<int64_t>(timeout_ms, 0)));
    if (!map.ok()) return map.status();
    *count = map->blocks.size();
    for (size_t i = 0; i < std::min(capacity, *count); ++i) {
      blocks[i] = {uint32_t(map->blocks[i].use), map->blocks[i].tenant};
    }
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
