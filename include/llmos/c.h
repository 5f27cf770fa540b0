/* SPDX-License-Identifier: Apache-2.0
 *
 * LLMOS for C: the same engine behind opaque handles.
 *
 *   llmos_engine* engine = NULL;
 *   llmos_status* error = llmos_engine_open("model.gguf", NULL, &engine);
 *   llmos_request request = LLMOS_REQUEST_INIT;
 *   request.prompt = "Once upon a time";
 *   llmos_stream* stream = NULL;
 *   if (!error) error = llmos_engine_submit(engine, &request, &stream);
 *   llmos_chunk chunk;
 *   while (!error && llmos_stream_next(stream, -1, &chunk) == LLMOS_CHUNK) {
 *     fputs(chunk.text, stdout);
 *   }
 *   if (error) fprintf(stderr, "%s\n", llmos_status_message(error));
 *   llmos_status_free(error);          (* all of them take NULL *)
 *   llmos_stream_free(stream);
 *   llmos_engine_free(engine);
 *
 * Errors   A call that can fail answers NULL, or a status that the caller frees. Nothing throws,
 *          and nothing is printed. A handle that is NULL is an error like any other, or gives 0,
 *          NULL or LLMOS_END; an array without a pointer or a struct without its size is
 *          LLMOS_INVALID.
 * Structs  that the caller fills carry their own size, set by the ..._INIT macros: a program that
 *          was compiled against an older header goes on working.
 * Threads  As in engine.h: the engine from any thread, a stream from one reader at a time,
 *          llmos_stream_cancel from any.
 * Memory   Strings and arrays that are passed in are copied. What a chunk or a reply shows belongs
 *          to the stream, and is valid until its next call. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "llmos/version.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct llmos_status llmos_status;
typedef struct llmos_engine llmos_engine;
typedef struct llmos_stream llmos_stream;
typedef struct llmos_pin llmos_pin;
typedef struct llmos_budget llmos_budget;

typedef enum llmos_code {
  LLMOS_OK,
  LLMOS_INVALID,
  LLMOS_NOT_FOUND,
  LLMOS_CORRUPT,
  LLMOS_UNSUPPORTED,
  LLMOS_EXHAUSTED,
  LLMOS_CANCELLED,
  LLMOS_DEADLINE,
  LLMOS_DENIED,
  LLMOS_INTERNAL
} llmos_code;

typedef enum llmos_finish {
  LLMOS_FINISH_STOP,
  LLMOS_FINISH_LENGTH,
  LLMOS_FINISH_CANCELLED,
  LLMOS_FINISH_FAILED,
  LLMOS_FINISH_NONE /* not yet */
} llmos_finish;

/* NULL is LLMOS_OK and "". */
LLMOS_API llmos_code llmos_status_code(const llmos_status* status);
LLMOS_API const char* llmos_status_message(const llmos_status* status);
LLMOS_API void llmos_status_free(llmos_status* status);

/* Levels of the queue: a rank's level is below it. */
#define LLMOS_LEVELS 64

/* What a policy is told: see SequenceView and SchedulingCosts in extend.h. Their sizes tell how
 * much of them there is. `level` is LLMOS_LEVELS when no rank was given before; `deadline` is
 * infinite without one. */
typedef struct llmos_sequence_view {
  size_t size;
  uint64_t id;
  uint32_t tenant;
  int32_t priority;
  uint32_t prompt_tokens;
  uint32_t prompt_left;
  uint32_t output_tokens;
  uint32_t output_tokens_max;
  uint32_t held_tokens;
  int resident;
  double output_tokens_hint;
  double now;
  double arrival;
  double last_service;
  double served_seconds;
  double deadline;
  uint32_t level;
  double key;
} llmos_sequence_view;

typedef struct llmos_scheduling_costs {
  size_t size;
  double step;
  double prompt_token;
  double decode;
  double context_token;
  double swap_token;
  uint32_t slots;
  uint32_t tokens_per_step;
  uint32_t kv_tokens;
} llmos_scheduling_costs;

/* What a policy answers, all 0 at the call: lower levels run first, inside a level lower keys, then
 * those who came first. The two bounds say when it is asked again; 0: by no bound. */
typedef struct llmos_scheduling_rank {
  size_t size;
  uint32_t level;
  double key;
  uint32_t output_tokens_until;
  double served_seconds_until;
} llmos_scheduling_rank;

/* A policy of the caller's: SchedulingPolicy in extend.h. Called on the engine's thread; the table
 * is copied, `context` outlives the engine. `ended` and `epoch` may be NULL. */
typedef struct llmos_scheduling_policy {
  size_t size;
  void (*rank)(const llmos_sequence_view* sequence, const llmos_scheduling_costs* costs,
               llmos_scheduling_rank* rank, void* context);
  void (*ended)(const llmos_sequence_view* sequence, int censored, void* context);
  uint64_t (*epoch)(double now, void* context);
  void* context;
} llmos_scheduling_policy;

#define LLMOS_SCHEDULING_POLICY_INIT \
  { sizeof(llmos_scheduling_policy), NULL, NULL, NULL, NULL }

/* What a tenant may take; see TenantLimit in options.h. `tenant` NULL is "". */
typedef struct llmos_tenant_limit {
  const char* tenant;
  uint64_t kv_bytes_max;
  double kv_share_max;
  uint32_t queue_max;
} llmos_tenant_limit;

/* Fields mean what they mean in options.h; 0 and NULL: the default. */
typedef struct llmos_engine_options {
  size_t size;
  uint32_t threads;
  uint32_t context;
  uint64_t cache_bytes;
  const char* kv_type;
  const char* kernels;
  const char* policy;
  uint32_t sequences_max;
  uint32_t step_tokens;
  uint32_t queue_max;
  uint32_t stream_tokens;
  int64_t reader_stall_ms_max;
  /* Hears how loading advances, from 0 to 1; 0 ends it. */
  int (*progress)(double done, void* context);
  void* progress_context;
  uint32_t block_tokens;
  int no_prefix_cache;
  int64_t waiting_ms_max;
  int overlap;
  const char* swap_directory;
  uint64_t swap_bytes;
  /* Of each tenant; the ones in `tenants` have limits of their own. */
  uint64_t tenant_kv_bytes_max;
  double tenant_kv_share_max;
  uint32_t tenant_queue_max;
  const llmos_tenant_limit* tenants;
  size_t tenant_count;
  const char* prefix_directory;
  /* In place of `policy`; NULL: none. */
  const llmos_scheduling_policy* scheduling_policy;
  llmos_budget* budget; /* of several engines, which it outlives; NULL: none */
} llmos_engine_options;

#define LLMOS_ENGINE_OPTIONS_INIT                                                                \
  {                                                                                              \
    sizeof(llmos_engine_options), 0, 0, 0, NULL, NULL, NULL, 0, 0, 0, 0, 0, NULL, NULL, 0, 0, 0, \
        0, NULL, 0, 0, 0, 0, NULL, 0, NULL, NULL, NULL                                           \
  }

typedef struct llmos_message {
  const char* role;
  const char* content;
  const char* tool_calls;
  const char* tool_call_id;
  const char* name;
} llmos_message;

typedef struct llmos_token_bias {
  int32_t id;
  float bias;
} llmos_token_bias;

/* Where an answer stands when a hook is asked: LogitsContext in extend.h. */
typedef struct llmos_logits_context {
  size_t size;
  uint64_t request;
  uint32_t choice;
  uint32_t prompt_tokens;
  const int32_t* tokens; /* prompt and answer so far */
  size_t token_count;
} llmos_logits_context;

/* A request's own say in each token: LogitsHook and TokenMask in extend.h. Called on the engine's
 * thread; the table is copied, `context` outlives the stream. Each may be NULL. */
typedef struct llmos_request_hooks {
  size_t size;
  /* Changes the logits; -INFINITY bans a token. */
  void (*adjust)(const llmos_logits_context* where, float* logits, size_t count, void* context);
  /* Sets the bits of the tokens that may come next, bit (id % 64) of word (id / 64), all 0 at the
   * call. Answers 0 when the answer is complete. */
  int (*allow)(const llmos_logits_context* where, uint64_t* mask, size_t words, void* context);
  void* context;
} llmos_request_hooks;

#define LLMOS_REQUEST_HOOKS_INIT \
  { sizeof(llmos_request_hooks), NULL, NULL, NULL }

/* Fields mean what they mean in request.h. Exactly one of prompt, messages and tokens is given. Set
 * it to LLMOS_REQUEST_INIT first: some defaults are not 0. */
typedef struct llmos_request {
  size_t size;
  const char* prompt;
  const llmos_message* messages;
  size_t message_count;
  const int32_t* tokens;
  size_t token_count;
  const char* tools;
  const char* template_variables;
  float temperature;
  uint32_t top_k;
  float top_p;
  float min_p;
  float typical_p;
  float repetition_penalty;
  float presence_penalty;
  float frequency_penalty;
  uint32_t penalty_window;
  float dry_multiplier;
  float dry_base;
  uint32_t dry_allowed_length;
  float xtc_probability;
  float xtc_threshold;
  float mirostat_tau;
  float mirostat_eta;
  const llmos_token_bias* bias;
  size_t bias_count;
  const int32_t* banned;
  size_t banned_count;
  uint64_t seed;
  uint32_t tokens_max;
  uint32_t tokens_min;
  int ignore_end;
  const char* const* stop;
  size_t stop_count;
  const int32_t* stop_tokens;
  size_t stop_token_count;
  uint32_t choices;
  int logprobs;
  uint32_t logprobs_top;
  const char* tenant;
  int32_t priority;
  int64_t deadline_ms;
  double tokens_hint;
  /* Changes the logits of a step; called on the engine's thread. */
  void (*logits_hook)(uint64_t request, uint32_t choice, float* logits, size_t count,
                      void* context);
  /* Hears that the stream has something to read: see Readiness in extend.h. */
  void (*ready)(uint64_t request, void* context);
  void* hook_context; /* of both; outlives the stream */
  int prompt_logprobs;
  uint32_t dry_window;
  /* NULL: the usual ones (request.h). */
  const char* const* dry_breakers;
  size_t dry_breaker_count;
  int no_special_tokens; /* of a text prompt: parse_special is off */
  /* logits_hook with more to look at, and a mask; not together with logits_hook. NULL: none. */
  const llmos_request_hooks* hooks;
} llmos_request;

#define LLMOS_REQUEST_INIT                                                                     \
  {                                                                                            \
    sizeof(llmos_request), NULL, NULL, 0, NULL, 0, NULL, NULL, 1, 0, 1, 0, 1, 1, 0, 0, 0, 0,   \
        1.75f, 2, 0, 0.1f, 0, 0.1f, NULL, 0, NULL, 0, 0, 256, 0, 0, NULL, 0, NULL, 0, 1, 0, 0, \
        NULL, 0, 0, 0, NULL, NULL, NULL, 0, 0, NULL, 0, 0, NULL                                \
  }

typedef struct llmos_token_score {
  int32_t id;
  double logprob;
} llmos_token_score;

/* A piece of an answer. */
typedef struct llmos_chunk {
  uint32_t choice;
  const char* text; /* whole UTF-8 characters, ends with 0; it may hold zeroes of its own */
  size_t text_bytes;
  const int32_t* tokens;
  size_t token_count;
  double logprob; /* of the token, where asked for */
  const llmos_token_score* top;
  size_t top_count;
  llmos_finish finish;
} llmos_chunk;

typedef struct llmos_usage {
  uint32_t prompt_tokens;
  uint32_t cached_tokens;
  uint32_t recomputed_tokens;
  uint32_t output_tokens;
  uint32_t preemptions;
  uint64_t bytes_swapped;
  double kv_block_seconds;
  int64_t queued_ms;
  int64_t first_token_ms;
  int64_t total_ms;
} llmos_usage;

typedef enum llmos_read {
  LLMOS_CHUNK,   /* the chunk is filled */
  LLMOS_PENDING, /* nothing within the time */
  LLMOS_END      /* everything was read */
} llmos_read;

/* One amount of memory for several engines: MemoryBudget in engine.h. NULL when there is no memory
 * for the handle itself. */
LLMOS_API llmos_budget* llmos_budget_new(uint64_t bytes_max);
LLMOS_API uint64_t llmos_budget_used(const llmos_budget* budget);
LLMOS_API void llmos_budget_free(llmos_budget* budget);

LLMOS_API llmos_status* llmos_engine_open(const char* path, const llmos_engine_options* options,
                                          llmos_engine** engine);
/* Cancels what still runs. Streams may outlive it: they end. */
LLMOS_API void llmos_engine_free(llmos_engine* engine);
LLMOS_API llmos_status* llmos_engine_submit(llmos_engine* engine, const llmos_request* request,
                                            llmos_stream** stream);
/* Goes on with what llmos_stream_suspend took out, as Engine::resume(). Of `hooks` (may be NULL)
 * only logits_hook, ready, hook_context and hooks count. */
LLMOS_API llmos_status* llmos_engine_resume(llmos_engine* engine, const void* image, size_t bytes,
                                            const llmos_request* hooks, llmos_stream** stream);
/* As Engine::pin(): keeps the beginning of prompts in the cache until llmos_pin_free. */
LLMOS_API llmos_status* llmos_engine_pin(llmos_engine* engine, const llmos_request* request,
                                         llmos_pin** pin);
LLMOS_API uint32_t llmos_pin_tokens(const llmos_pin* pin);
LLMOS_API void llmos_pin_free(llmos_pin* pin);

typedef enum llmos_block_use {
  LLMOS_BLOCK_FREE,
  LLMOS_BLOCK_SEQUENCE,
  LLMOS_BLOCK_SHARED,
  LLMOS_BLOCK_CACHED,
  LLMOS_BLOCK_PINNED,
  LLMOS_BLOCK_MOVING
} llmos_block_use;

typedef struct llmos_kv_block {
  uint32_t use; /* one of llmos_block_use */
  uint32_t tenant;
} llmos_kv_block;

/* As Engine::kv_map(): writes at most `capacity` blocks, and to `count` how many there are. */
LLMOS_API llmos_status* llmos_engine_kv_map(llmos_engine* engine, int64_t timeout_ms,
                                            llmos_kv_block* blocks, size_t capacity, size_t* count);
LLMOS_API llmos_status* llmos_engine_drain(llmos_engine* engine, int64_t timeout_ms);
/* Text for Prometheus; freed with llmos_string_free. NULL when there is no memory. */
LLMOS_API char* llmos_engine_metrics_text(const llmos_engine* engine);
LLMOS_API void llmos_string_free(char* text);

/* Tokens of a text: writes at most `capacity` and answers how many there are. */
LLMOS_API size_t llmos_engine_encode(const llmos_engine* engine, const char* text, size_t bytes,
                                     int add_special, int32_t* tokens, size_t capacity);
/* Text of tokens: freed with llmos_string_free. NULL for an id outside the vocabulary. */
LLMOS_API char* llmos_engine_decode(const llmos_engine* engine, const int32_t* tokens,
                                    size_t count);
LLMOS_API uint32_t llmos_engine_vocabulary(const llmos_engine* engine);

typedef enum llmos_pooling {
  LLMOS_POOLING_LAST,
  LLMOS_POOLING_MEAN,
  LLMOS_POOLING_CLS
} llmos_pooling;

/* Length of the vectors that llmos_engine_embed gives. */
LLMOS_API uint32_t llmos_engine_dim(const llmos_engine* engine);
/* A text as a vector, waits for it. `pooling` is one of llmos_pooling; `vector` has room for
 * llmos_engine_dim() numbers. */
LLMOS_API llmos_status* llmos_engine_embed(llmos_engine* engine, const char* text, int pooling,
                                           int normalise, float* vector);

LLMOS_API uint64_t llmos_stream_id(const llmos_stream* stream);
/* Waits up to timeout_ms; 0 only looks, below 0 waits as long as it takes. */
LLMOS_API llmos_read llmos_stream_next(llmos_stream* stream, int64_t timeout_ms,
                                       llmos_chunk* chunk);
/* As Stream::suspend(): the image is freed with llmos_image_free, the stream has ended. */
LLMOS_API llmos_status* llmos_stream_suspend(llmos_stream* stream, void** image, size_t* bytes);
LLMOS_API void llmos_image_free(void* image);
LLMOS_API void llmos_stream_cancel(llmos_stream* stream);
/* Reads what is left; NULL when the request ended well. The first call decides, later ones repeat
 * it. */
LLMOS_API llmos_status* llmos_stream_wait(llmos_stream* stream);
/* After a wait that ended well: the text of a choice (NULL beyond the last), and the usage. */
LLMOS_API const char* llmos_stream_text(const llmos_stream* stream, uint32_t choice, size_t* bytes);
LLMOS_API const int32_t* llmos_stream_tokens(const llmos_stream* stream, uint32_t choice,
                                             size_t* count);
LLMOS_API llmos_finish llmos_stream_finish(const llmos_stream* stream, uint32_t choice);
/* Of prompt token `index`, where prompt_logprobs was asked for: its log-probability, and the most
 * probable ids in its place. LLMOS_INVALID: there is none (the first token, or beyond the last). */
LLMOS_API llmos_code llmos_stream_prompt_score(llmos_stream* stream, size_t index, double* logprob,
                                               const llmos_token_score** top, size_t* top_count);
LLMOS_API void llmos_stream_usage(const llmos_stream* stream, llmos_usage* usage);
/* Cancels what still runs. */
LLMOS_API void llmos_stream_free(llmos_stream* stream);

#ifdef __cplusplus
}
#endif
