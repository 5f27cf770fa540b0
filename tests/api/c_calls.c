/* SPDX-License-Identifier: Apache-2.0 */
#include "api/c_calls.h"

#include <llmos/c.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define EXPECT(condition)              \
  do {                                 \
    if (!(condition)) return __LINE__; \
  } while (0)

/* Frees the status. */
static llmos_code code_of(llmos_status* status) {
  const llmos_code code = llmos_status_code(status);
  llmos_status_free(status);
  return code;
}

static llmos_engine* open_engine(const char* path) {
  llmos_engine_options options = LLMOS_ENGINE_OPTIONS_INIT;
  options.threads = 1;
  llmos_engine* engine = NULL;
  llmos_status_free(llmos_engine_open(path, &options, &engine));
  return engine;
}

static llmos_request greedy(const char* prompt) {
  llmos_request request = LLMOS_REQUEST_INIT;
  request.prompt = prompt;
  request.temperature = 0;
  request.tokens_max = 12;
  request.ignore_end = 1;
  return request;
}

int c_limits_tenants(const char* text_model) {
  llmos_engine_options options = LLMOS_ENGINE_OPTIONS_INIT;
  options.threads = 1;
  options.tenant_kv_share_max = 2; /* more than all */
  llmos_engine* engine = NULL;
  EXPECT(code_of(llmos_engine_open(text_model, &options, &engine)) == LLMOS_INVALID && !engine);
  options.tenant_kv_share_max = 0;
  options.tenant_count = 1;
  EXPECT(code_of(llmos_engine_open(text_model, &options, &engine)) == LLMOS_INVALID && !engine);
  const llmos_tenant_limit limit = {"small", 0, 0.1, 5};
  options.tenants = &limit;
  EXPECT(!llmos_engine_open(text_model, &options, &engine) && engine);
  llmos_request request = greedy("hello");
  request.tenant = "small";
  request.choices = 6; /* more than may wait */
  llmos_stream* stream = NULL;
  EXPECT(code_of(llmos_engine_submit(engine, &request, &stream)) == LLMOS_EXHAUSTED);
  request.tenant = NULL;
  EXPECT(!llmos_engine_submit(engine, &request, &stream));
  EXPECT(!llmos_stream_wait(stream));
  llmos_stream_free(stream);
  llmos_engine_free(engine);
  return 0;
}

/* A policy that lets the request with the highest priority go first, and counts its calls. */
typedef struct policy_calls {
  int ranks, ends, epochs, wrong;
} policy_calls;

static void rank_by_priority(const llmos_sequence_view* sequence,
                             const llmos_scheduling_costs* costs, llmos_scheduling_rank* rank,
                             void* context) {
  policy_calls* calls = (policy_calls*)context;
  ++calls->ranks;
  calls->wrong += sequence->size != sizeof *sequence || costs->size != sizeof *costs ||
                  rank->size != sizeof *rank || rank->level != 0 || costs->slots != 1 ||
                  sequence->prompt_tokens == 0 || sequence->output_tokens_max != 12;
  rank->level = sequence->priority > 0 ? 0 : 5;
}

static void count_end(const llmos_sequence_view* sequence, int censored, void* context) {
  policy_calls* calls = (policy_calls*)context;
  ++calls->ends;
  calls->wrong += censored != 0 || sequence->output_tokens == 0;
}

static uint64_t same_epoch(double now, void* context) {
  ++((policy_calls*)context)->epochs;
  return now < 0;
}

/* Only tokens 3 and 70, in turn, and six of them. */
static int allow_two(const llmos_logits_context* where, uint64_t* mask, size_t words,
                     void* context) {
  const size_t answer = where->token_count - where->prompt_tokens;
  if (where->size != sizeof *where || words != 2 || mask[0] || mask[1]) *(int*)context = -1;
  if (answer == 6) return 0;
  mask[answer % 2] |= answer % 2 ? (uint64_t)1 << (70 - 64) : (uint64_t)1 << 3;
  return 1;
}

static void prefer_nine(const llmos_logits_context* where, float* logits, size_t count,
                        void* context) {
  *(int*)context += where->token_count >= where->prompt_tokens && count == 128;
  logits[9] = 1e6f;
}

int c_schedules_and_masks(const char* text_model) {
  policy_calls calls = {0, 0, 0, 0};
  llmos_scheduling_policy policy = LLMOS_SCHEDULING_POLICY_INIT;
  llmos_engine_options options = LLMOS_ENGINE_OPTIONS_INIT;
  options.threads = 1;
  options.sequences_max = 1;
  options.scheduling_policy = &policy;
  llmos_engine* engine = NULL;
  EXPECT(code_of(llmos_engine_open(text_model, &options, &engine)) == LLMOS_INVALID && !engine);
  policy.rank = rank_by_priority;
  policy.ended = count_end;
  policy.epoch = same_epoch;
  policy.context = &calls;
  EXPECT(!llmos_engine_open(text_model, &options, &engine) && engine);
  memset(&policy, 0, sizeof policy); /* it was copied */
  llmos_request request = greedy("hello");
  llmos_stream* streams[3];
  for (int i = 0; i < 3; ++i) {
    request.priority = i;
    EXPECT(!llmos_engine_submit(engine, &request, &streams[i]));
  }
  for (int i = 0; i < 3; ++i) {
    EXPECT(!llmos_stream_wait(streams[i]));
    llmos_stream_free(streams[i]);
  }
  llmos_engine_free(engine); /* until then its thread may ask the policy */
  EXPECT(calls.wrong == 0 && calls.ranks >= 3 && calls.ends == 3 && calls.epochs > 0);

  options.scheduling_policy = NULL;
  EXPECT(!llmos_engine_open(text_model, &options, &engine));
  int problem = 0, adjusted = 0;
  llmos_request_hooks hooks = LLMOS_REQUEST_HOOKS_INIT;
  hooks.allow = allow_two;
  hooks.context = &problem;
  request.hooks = &hooks;
  request.ignore_end = 0;
  llmos_stream* stream = NULL;
  EXPECT(!llmos_engine_submit(engine, &request, &stream) && !llmos_stream_wait(stream));
  size_t count = 0;
  const int32_t* ids = llmos_stream_tokens(stream, 0, &count);
  EXPECT(problem == 0 && count == 6 && llmos_stream_finish(stream, 0) == LLMOS_FINISH_STOP);
  for (size_t i = 0; i < count; ++i) EXPECT(ids[i] == (i % 2 ? 70 : 3));
  llmos_stream_free(stream);

  hooks.allow = NULL;
  hooks.adjust = prefer_nine;
  hooks.context = &adjusted;
  EXPECT(!llmos_engine_submit(engine, &request, &stream) && !llmos_stream_wait(stream));
  ids = llmos_stream_tokens(stream, 0, &count);
  EXPECT(adjusted == 12 && count == 12);
  for (size_t i = 0; i < count; ++i) EXPECT(ids[i] == 9);
  llmos_stream_free(stream);
  hooks.size = 0;
  EXPECT(code_of(llmos_engine_submit(engine, &request, &stream)) == LLMOS_INVALID);
  llmos_engine_free(engine);
  return 0;
}

int c_pins_and_maps(const char* text_model, const char* directory) {
  llmos_engine_options options = LLMOS_ENGINE_OPTIONS_INIT;
  options.threads = 1;
  options.prefix_directory = "no/such/directory";
  llmos_engine* engine = NULL;
  EXPECT(code_of(llmos_engine_open(text_model, &options, &engine)) == LLMOS_NOT_FOUND);
  options.prefix_directory = directory;
  int32_t prompt[40];
  for (int i = 0; i < 40; ++i) prompt[i] = 5 + i;
  llmos_request request = greedy(NULL);
  request.tokens = prompt;
  request.token_count = 40;
  for (int run = 0; run < 2; ++run) { /* the second engine finds what the first has left */
    EXPECT(!llmos_engine_open(text_model, &options, &engine));
    llmos_stream* stream = NULL;
    EXPECT(!llmos_engine_submit(engine, &request, &stream) && !llmos_stream_wait(stream));
    llmos_usage usage;
    llmos_stream_usage(stream, &usage);
    EXPECT(run ? usage.cached_tokens >= 32 : usage.cached_tokens == 0);
    llmos_stream_free(stream);
    llmos_pin* pin = NULL;
    EXPECT(!llmos_engine_pin(engine, &request, &pin) && llmos_pin_tokens(pin) == 32);
    llmos_kv_block blocks[1000];
    size_t count = 0, pinned = 0;
    EXPECT(!llmos_engine_kv_map(engine, 10000, blocks, 1000, &count) && count > 2);
    for (size_t i = 0; i < count && i < 1000; ++i) pinned += blocks[i].use == LLMOS_BLOCK_PINNED;
    EXPECT(pinned == 2);
    EXPECT(!llmos_engine_kv_map(engine, 10000, NULL, 0, &pinned) && pinned == count);
    llmos_pin_free(pin);
    llmos_engine_free(engine);
  }
  EXPECT(llmos_pin_tokens(NULL) == 0);
  llmos_pin_free(NULL);
  EXPECT(code_of(llmos_engine_pin(NULL, &request, NULL)) == LLMOS_INVALID);
  EXPECT(code_of(llmos_engine_kv_map(NULL, 0, NULL, 0, NULL)) == LLMOS_INVALID);
  return 0;
}

int c_shares_a_budget(const char* text_model) {
  llmos_budget* budget = llmos_budget_new(1000);
  EXPECT(budget && llmos_budget_used(budget) == 0 && llmos_budget_used(NULL) == 0);
  llmos_engine_options options = LLMOS_ENGINE_OPTIONS_INIT;
  options.threads = 1;
  options.budget = budget;
  llmos_engine* engine = NULL;
  EXPECT(code_of(llmos_engine_open(text_model, &options, &engine)) == LLMOS_EXHAUSTED && !engine);
  llmos_budget_free(budget);
  budget = llmos_budget_new((uint64_t)1 << 32);
  options.budget = budget;
  EXPECT(!llmos_engine_open(text_model, &options, &engine));
  EXPECT(llmos_budget_used(budget) > 1000);
  llmos_engine_free(engine);
  EXPECT(llmos_budget_used(budget) == 0);
  llmos_budget_free(budget);
  llmos_budget_free(NULL);
  return 0;
}

int c_answers(const char* text_model) {
  llmos_engine* engine = open_engine(text_model);
  EXPECT(engine);
  llmos_request request = greedy("hello");
  request.choices = 2;
  request.logprobs = 1;
  request.logprobs_top = 2;
  llmos_stream* stream = NULL;
  EXPECT(!llmos_engine_submit(engine, &request, &stream) && stream);
  EXPECT(llmos_stream_id(stream) > 0);
  EXPECT(!llmos_stream_text(stream, 0, NULL)); /* not yet */
  char text[4096] = "";
  size_t tokens = 0, finished = 0;
  llmos_chunk chunk;
  llmos_read got;
  while ((got = llmos_stream_next(stream, tokens % 3 == 0 ? -1 : 1000, &chunk)) == LLMOS_CHUNK) {
    EXPECT(chunk.choice < 2 && chunk.token_count == 1 && chunk.top_count == 2);
    EXPECT(chunk.logprob <= 0 && chunk.top[0].logprob >= chunk.top[1].logprob);
    EXPECT(strlen(chunk.text) <= chunk.text_bytes);
    if (chunk.choice == 0) strcat(text, chunk.text);
    tokens += chunk.token_count;
    finished += chunk.finish == LLMOS_FINISH_LENGTH;
  }
  EXPECT(got == LLMOS_END && tokens == 24 && finished == 2);
  EXPECT(llmos_stream_next(stream, 0, &chunk) == LLMOS_END);
  EXPECT(!llmos_stream_wait(stream) && !llmos_stream_wait(stream));
  size_t bytes = 0, count = 0;
  EXPECT(strcmp(llmos_stream_text(stream, 0, &bytes), text) == 0 && bytes == strlen(text));
  const int32_t* ids = llmos_stream_tokens(stream, 1, &count);
  EXPECT(ids && count == 12 && llmos_stream_finish(stream, 1) == LLMOS_FINISH_LENGTH);
  EXPECT(!llmos_stream_text(stream, 2, &bytes) && bytes == 0);
  EXPECT(llmos_stream_finish(stream, 2) == LLMOS_FINISH_NONE);
  llmos_usage usage;
  llmos_stream_usage(stream, &usage);
  EXPECT(usage.output_tokens == 24 && usage.prompt_tokens > 0 && usage.total_ms >= 0);

  int32_t encoded[64];
  const size_t length = llmos_engine_encode(engine, "hello", 5, 0, encoded, 64);
  EXPECT(length > 0 && length == llmos_engine_encode(engine, "hello", 5, 0, NULL, 0));
  char* decoded = llmos_engine_decode(engine, encoded, length);
  EXPECT(decoded && strcmp(decoded, "hello") == 0);
  llmos_string_free(decoded);
  encoded[0] = (int32_t)llmos_engine_vocabulary(engine);
  EXPECT(encoded[0] == 128 && !llmos_engine_decode(engine, encoded, 1));
  char* metrics = llmos_engine_metrics_text(engine);
  EXPECT(metrics && strstr(metrics, "llmos_output_tokens_total 24"));
  llmos_string_free(metrics);
  EXPECT(!llmos_engine_drain(engine, 10000));
  llmos_stream* refused = NULL;
  EXPECT(code_of(llmos_engine_submit(engine, &request, &refused)) == LLMOS_CANCELLED && !refused);
  llmos_stream_free(stream);
  llmos_engine_free(engine);
  return 0;
}

int c_takes_every_option(const char* text_model) {
  llmos_engine_options options = LLMOS_ENGINE_OPTIONS_INIT;
  options.threads = 1;
  options.context = 64;
  options.cache_bytes = 1 << 20;
  options.kv_type = "f16";
  options.policy = "fcfs";
  options.sequences_max = 2;
  options.step_tokens = 9;
  options.queue_max = 7;
  options.stream_tokens = 5;
  options.reader_stall_ms_max = 1000;
  options.block_tokens = 8;
  options.no_prefix_cache = 1;
  options.overlap = 1;
  llmos_engine* engine = NULL;
  EXPECT(!llmos_engine_open(text_model, &options, &engine));
  const llmos_token_bias bias[] = {{3, 1.5f}};
  const int32_t banned[] = {5}, stops[] = {7};
  const char* const stop[] = {"zz"};
  const char* const breakers[] = {"\n"};
  llmos_request request = LLMOS_REQUEST_INIT;
  request.prompt = "hello";
  request.temperature = 0.8f;
  request.top_k = 20;
  request.top_p = 0.9f;
  request.min_p = 0.01f;
  request.typical_p = 0.95f;
  request.repetition_penalty = 1.1f;
  request.presence_penalty = 0.1f;
  request.frequency_penalty = 0.1f;
  request.penalty_window = 16;
  request.dry_multiplier = 0.5f;
  request.dry_window = 32;
  request.dry_breakers = breakers;
  request.dry_breaker_count = 1;
  request.xtc_probability = 0.2f;
  request.bias = bias;
  request.bias_count = 1;
  request.banned = banned;
  request.banned_count = 1;
  request.seed = 11;
  request.tokens_max = 20;
  request.tokens_min = 2;
  request.stop = stop;
  request.stop_count = 1;
  request.stop_tokens = stops;
  request.stop_token_count = 1;
  request.tenant = "c";
  request.priority = 1;
  request.deadline_ms = 60000;
  request.tokens_hint = 10;
  llmos_stream* first = NULL;
  llmos_stream* second = NULL;
  EXPECT(!llmos_engine_submit(engine, &request, &first));
  EXPECT(!llmos_engine_submit(engine, &request, &second));
  EXPECT(!llmos_stream_wait(first) && !llmos_stream_wait(second));
  EXPECT(strcmp(llmos_stream_text(first, 0, NULL), llmos_stream_text(second, 0, NULL)) == 0);
  size_t count = 0;
  const int32_t* ids = llmos_stream_tokens(first, 0, &count);
  for (size_t i = 0; i < count; ++i) EXPECT(ids[i] != 5);
  llmos_stream_free(first);
  llmos_stream_free(second);

  const llmos_message messages[] = {{"system", "s", NULL, NULL, NULL},
                                    {"user", "hello", NULL, NULL, NULL}};
  llmos_request chat = greedy(NULL);
  chat.messages = messages;
  chat.message_count = 2;
  chat.tools = "[{\"name\": \"f\"}]";
  chat.template_variables = "{\"x\": 1}";
  EXPECT(!llmos_engine_submit(engine, &chat, &first) && !llmos_stream_wait(first));
  llmos_stream_free(first);
  llmos_engine_free(engine);
  return 0;
}

int c_takes_null(void) {
  size_t bytes = 1;
  llmos_usage usage;
  llmos_chunk chunk;
  llmos_engine* engine = NULL;
  llmos_request request = greedy("x");
  float vector[1];
  llmos_status_free(NULL);
  llmos_engine_free(NULL);
  llmos_stream_free(NULL);
  llmos_string_free(NULL);
  EXPECT(llmos_status_code(NULL) == LLMOS_OK && llmos_status_message(NULL)[0] == 0);
  EXPECT(code_of(llmos_engine_open(NULL, NULL, &engine)) == LLMOS_INVALID);
  EXPECT(code_of(llmos_engine_open("x", NULL, NULL)) == LLMOS_INVALID);
  EXPECT(code_of(llmos_engine_submit(NULL, &request, NULL)) == LLMOS_INVALID);
  EXPECT(code_of(llmos_engine_drain(NULL, 0)) == LLMOS_INVALID);
  EXPECT(!llmos_engine_metrics_text(NULL));
  EXPECT(llmos_engine_encode(NULL, "x", 1, 0, NULL, 0) == 0);
  EXPECT(!llmos_engine_decode(NULL, NULL, 0));
  EXPECT(llmos_engine_vocabulary(NULL) == 0 && llmos_engine_dim(NULL) == 0);
  EXPECT(code_of(llmos_engine_embed(NULL, "x", LLMOS_POOLING_LAST, 0, vector)) == LLMOS_INVALID);
  EXPECT(llmos_stream_id(NULL) == 0);
  EXPECT(llmos_stream_next(NULL, 0, &chunk) == LLMOS_END);
  llmos_stream_cancel(NULL);
  EXPECT(code_of(llmos_stream_wait(NULL)) == LLMOS_INVALID);
  EXPECT(!llmos_stream_text(NULL, 0, &bytes) && bytes == 0);
  EXPECT(!llmos_stream_tokens(NULL, 0, NULL));
  EXPECT(llmos_stream_finish(NULL, 0) == LLMOS_FINISH_NONE);
  EXPECT(llmos_stream_prompt_score(NULL, 0, NULL, NULL, NULL) == LLMOS_INVALID);
  llmos_stream_usage(NULL, &usage);
  EXPECT(usage.output_tokens == 0);
  llmos_stream_usage(NULL, NULL);
  return 0;
}

static llmos_code submit_code(llmos_engine* engine, const llmos_request* request) {
  llmos_stream* stream = (llmos_stream*)engine; /* anything: it must become NULL */
  const llmos_code code = code_of(llmos_engine_submit(engine, request, &stream));
  if (code != LLMOS_OK && stream) return LLMOS_INTERNAL;
  llmos_stream_free(stream);
  return code;
}

int c_refuses_bad_arguments(const char* text_model) {
  llmos_engine* engine = open_engine("no/such/model.gguf");
  EXPECT(!engine);
  llmos_engine_options options = LLMOS_ENGINE_OPTIONS_INIT;
  options.policy = "best";
  EXPECT(code_of(llmos_engine_open(text_model, &options, &engine)) == LLMOS_NOT_FOUND && !engine);
  options.policy = NULL;
  options.size = 0;
  EXPECT(code_of(llmos_engine_open(text_model, &options, &engine)) == LLMOS_INVALID && !engine);
  engine = open_engine(text_model);
  EXPECT(engine);
  llmos_request bad = greedy(NULL);
  EXPECT(submit_code(engine, &bad) == LLMOS_INVALID); /* nothing to continue */
  bad = greedy("x");
  bad.size = 0;
  EXPECT(submit_code(engine, &bad) == LLMOS_INVALID);
  bad = greedy("x");
  bad.tokens = &bad.priority; /* two prompts */
  bad.token_count = 1;
  EXPECT(submit_code(engine, &bad) == LLMOS_INVALID);
  bad = greedy("x");
  bad.temperature = NAN;
  EXPECT(submit_code(engine, &bad) == LLMOS_INVALID);
  bad = greedy("x");
  bad.choices = 1000000;
  EXPECT(submit_code(engine, &bad) == LLMOS_INVALID);
  bad = greedy("x");
  bad.deadline_ms = -1;
  EXPECT(submit_code(engine, &bad) == LLMOS_INVALID);
#define MISSING(count) \
  bad = greedy("x");   \
  bad.count = 3;       \
  EXPECT(submit_code(engine, &bad) == LLMOS_INVALID)
  MISSING(bias_count);
  MISSING(banned_count);
  MISSING(stop_count);
  MISSING(stop_token_count);
  MISSING(dry_breaker_count);
  MISSING(message_count);
  MISSING(token_count);
  const char* const holes[] = {NULL};
  bad = greedy("x");
  bad.stop = holes;
  bad.stop_count = 1;
  EXPECT(submit_code(engine, &bad) == LLMOS_INVALID);
  char* large = malloc((1 << 20) + 1);
  memset(large, 'a', 1 << 20);
  large[1 << 20] = 0;
  const char* const stops[] = {large};
  bad.stop = stops;
  EXPECT(submit_code(engine, &bad) == LLMOS_INVALID);
  free(large);
  float vector[1024];
  EXPECT(code_of(llmos_engine_embed(engine, "x", 9, 0, vector)) == LLMOS_INVALID);
  EXPECT(code_of(llmos_engine_embed(engine, "", LLMOS_POOLING_CLS, 0, vector)) == LLMOS_INVALID);
  EXPECT(code_of(llmos_engine_embed(engine, "x", LLMOS_POOLING_CLS, 0, NULL)) == LLMOS_INVALID);
  llmos_request good = greedy("x");
  llmos_stream* stream = NULL;
  EXPECT(!llmos_engine_submit(engine, &good, &stream));
  EXPECT(llmos_stream_next(stream, -1, NULL) == LLMOS_END);
  llmos_stream_cancel(stream);
  llmos_stream_cancel(stream);
  llmos_stream_free(stream);
  llmos_engine_free(engine);
  return 0;
}

/* A program of the time when these structs ended earlier. */
int c_takes_older_structs(const char* text_model) {
  llmos_engine_options options = LLMOS_ENGINE_OPTIONS_INIT;
  options.size = offsetof(llmos_engine_options, cache_bytes);
  options.threads = 1;
  options.policy = "no such policy"; /* lies behind its end: not read */
  llmos_engine* engine = NULL;
  EXPECT(!llmos_engine_open(text_model, &options, &engine));
  llmos_request whole = greedy("hello");
  llmos_request older = whole;
  older.size = offsetof(llmos_request, stop);
  older.stop_count = 9;
  older.choices = 0;
  llmos_stream* first = NULL;
  llmos_stream* second = NULL;
  EXPECT(!llmos_engine_submit(engine, &older, &first));
  EXPECT(!llmos_engine_submit(engine, &whole, &second));
  EXPECT(!llmos_stream_wait(first) && !llmos_stream_wait(second));
  EXPECT(strcmp(llmos_stream_text(first, 0, NULL), llmos_stream_text(second, 0, NULL)) == 0);
  llmos_stream_free(first);
  llmos_stream_free(second);
  /* And one of a later time, whose structs are longer. */
  struct {
    llmos_request known;
    char later[64];
  } newer = {.known = whole};
  newer.known.size = sizeof newer;
  EXPECT(submit_code(engine, &newer.known) == LLMOS_OK);
  llmos_engine_free(engine);
  return 0;
}

int c_suspends_and_resumes(const char* text_model) {
  llmos_engine* engine = open_engine(text_model);
  EXPECT(engine);
  llmos_request request = greedy("hello");
  llmos_stream* whole = NULL;
  llmos_stream* first = NULL;
  llmos_stream* second = NULL;
  EXPECT(!llmos_engine_submit(engine, &request, &whole) && !llmos_stream_wait(whole));
  void* image = NULL;
  size_t bytes = 0;
  EXPECT(code_of(llmos_stream_suspend(whole, &image, &bytes)) == LLMOS_INVALID && !image);
  request.tokens_max = 60;
  EXPECT(!llmos_engine_submit(engine, &request, &first));
  llmos_status* status = llmos_stream_suspend(first, &image, &bytes);
  if (!status) { /* else it was quicker */
    EXPECT(image && bytes > 0);
    EXPECT(!llmos_engine_resume(engine, image, bytes, NULL, &second));
    EXPECT(!llmos_stream_wait(second));
    EXPECT(strstr(llmos_stream_text(second, 0, NULL), llmos_stream_text(whole, 0, NULL)));
    llmos_stream_free(second);
    EXPECT(code_of(llmos_engine_resume(engine, image, bytes - 1, NULL, &second)) == LLMOS_CORRUPT);
    EXPECT(!second);
  }
  llmos_status_free(status);
  EXPECT(code_of(llmos_stream_suspend(NULL, &image, &bytes)) == LLMOS_INVALID);
  EXPECT(code_of(llmos_engine_resume(engine, NULL, 0, NULL, &second)) == LLMOS_INVALID);
  llmos_image_free(image);
  llmos_image_free(NULL);
  llmos_stream_free(whole);
  llmos_stream_free(first);
  llmos_engine_free(engine);
  return 0;
}

struct heard {
  int hooks, ready;
  double progress;
  int go_on;
};

static void boost(uint64_t request, uint32_t choice, float* logits, size_t count, void* context) {
  struct heard* heard = context;
  heard->hooks += request > 0 && choice == 0 && count == 128;
  logits[7] = 1000;
}

static void is_ready(uint64_t request, void* context) {
  struct heard* heard = context;
  heard->ready += request > 0;
}

static int advance(double done, void* context) {
  struct heard* heard = context;
  heard->progress = done;
  return heard->go_on;
}

int c_calls_back(const char* text_model) {
  struct heard heard = {0, 0, 0, 1};
  llmos_engine_options options = LLMOS_ENGINE_OPTIONS_INIT;
  options.threads = 1;
  options.progress = advance;
  options.progress_context = &heard;
  llmos_engine* engine = NULL;
  EXPECT(!llmos_engine_open(text_model, &options, &engine));
  EXPECT(heard.progress == 1);
  llmos_request request = greedy("hello");
  request.logits_hook = boost;
  request.ready = is_ready;
  request.hook_context = &heard;
  llmos_stream* stream = NULL;
  EXPECT(!llmos_engine_submit(engine, &request, &stream) && !llmos_stream_wait(stream));
  size_t count = 0;
  const int32_t* ids = llmos_stream_tokens(stream, 0, &count);
  EXPECT(count == 12);
  for (size_t i = 0; i < count; ++i) EXPECT(ids[i] == 7);
  llmos_stream_free(stream);
  EXPECT(heard.hooks == 12 && heard.ready > 0);
  llmos_engine_free(engine);
  heard.go_on = 0;
  EXPECT(code_of(llmos_engine_open(text_model, &options, &engine)) == LLMOS_CANCELLED && !engine);
  return 0;
}

int c_scores_and_embeds(const char* text_model) {
  llmos_engine* engine = open_engine(text_model);
  EXPECT(engine);
  llmos_request request = greedy("hello");
  request.prompt_logprobs = 1;
  request.logprobs_top = 3;
  llmos_stream* stream = NULL;
  EXPECT(!llmos_engine_submit(engine, &request, &stream) && !llmos_stream_wait(stream));
  double logprob = 1;
  size_t count = 0;
  const llmos_token_score* top = NULL;
  EXPECT(llmos_stream_prompt_score(stream, 0, &logprob, &top, &count) == LLMOS_INVALID);
  EXPECT(llmos_stream_prompt_score(stream, 1, &logprob, &top, &count) == LLMOS_OK);
  EXPECT(logprob <= 0 && count == 3 && top[0].logprob >= top[2].logprob);
  EXPECT(llmos_stream_prompt_score(stream, 1, NULL, NULL, NULL) == LLMOS_OK);
  EXPECT(llmos_stream_prompt_score(stream, 1000, NULL, NULL, NULL) == LLMOS_INVALID);
  llmos_stream_free(stream);
  const uint32_t dim = llmos_engine_dim(engine);
  float vector[1024];
  EXPECT(dim > 0 && dim <= 1024);
  EXPECT(!llmos_engine_embed(engine, "hello", LLMOS_POOLING_MEAN, 1, vector));
  double square = 0;
  for (uint32_t i = 0; i < dim; ++i) square += (double)vector[i] * vector[i];
  EXPECT(fabs(square - 1) < 1e-4);
  llmos_engine_free(engine);
  return 0;
}
