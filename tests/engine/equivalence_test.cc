// SPDX-License-Identifier: Apache-2.0
// The engine's promise: what a request gives depends on nothing but the request. Real tiny models,
// thousands of random requests, under every policy, batch mix, chunk and block size, amount of
// memory, depth, with everybody put out every few steps, to be computed again or to a tier that may
// be small or faulty, steps that fail, readers that stall, and others that are cancelled or too
// late. With LLMOS_SOAK_SECONDS each model runs for so long instead of its rounds. The oracle
// computes each answer alone, without an engine.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "base/rng.h"
#include "decode/logprob.h"
#include "engine/core_bench.h"
#include "engine/soak_time.h"
#include "model/model_runner.h"
#include "support/test_seed.h"
#include "text/small_spec.h"
#include "text/tokenizer_impl.h"

namespace llmos::engine {
namespace {

using test::CoreBench;
using test::ModelRunner;

constexpr const char* kPolicies[] = {
    "fcfs", "sjf", "priority", "fair", "round-robin", "gittins-learned", "mlfq-skipjoin", "mlfq"};
constexpr uint32_t kPromptMax = 24;
constexpr uint32_t kAnswerMax = 16;

// Passes a part of the steps on. After one or two that failed it rests: a third would be blamed on
// a request.
class UnsteadyExecutor final : public Executor {
 public:
  UnsteadyExecutor(Transformer& model, uint64_t seed) : inner_(model), rng_(seed) {}
  const ModelConfig& config() const override { return inner_.config(); }
  const BatchLimits& limits() const override { return inner_.limits(); }
  Result<std::span<const float>> run(const Batch& batch, const BlockPool& cache) override {
    if (rest_ > 0) --rest_;
    if (rest_ == 0 && rng_.bernoulli(fault_rate)) {
      if (++failed_ == 2) failed_ = 0, rest_ = 60;
      if (rng_.bernoulli(0.5)) static_cast<void>(inner_.run(batch, cache));  // it wrote the cache
      return Status(Code::kInternal, "failed by a test");
    }
    if (failed_ > 0) failed_ = 0, rest_ = 60;
    return inner_.run(batch, cache);
  }
  std::span<const float> hidden() const override { return inner_.hidden(); }
  Status reopen() override { return {}; }

  double fault_rate = 0;

 private:
  TransformerExecutor inner_;
  Rng rng_;
  uint32_t failed_ = 0, rest_ = 0;
};

// Pushes the answer away from its first token's neighbour: any function of the context does.
class Shift final : public LogitsHook {
 public:
  void adjust(const LogitsContext& context, std::span<float> logits) override {
    logits[size_t(context.tokens.back() + 1) % logits.size()] += 2;
  }
};

char letter(uint32_t id) { return char('a' + id % 26); }

// Two of three tokens, which ones depends on the place.
class Sieve final : public TokenMask {
 public:
  bool allow(const LogitsContext& context, std::span<uint64_t> mask) override {
    for (size_t id = 0; id < mask.size() * 64; ++id) {
      if ((id + context.tokens.size()) % 3 != 0) mask[id / 64] |= uint64_t{1} << (id % 64);
    }
    return true;
  }
};

// Guesses the right answer of one choice, but for one token in four.
class Guesses final : public DraftSource {
 public:
  Guesses(const std::vector<TokenId>& prompt, const std::vector<std::vector<TokenId>>& answers,
          uint64_t seed)
      : prompt_tokens_(prompt.size()), answers_(answers), rng_(seed) {}
  uint32_t draft(std::span<const TokenId> tokens, std::span<TokenId> into) override {
    const std::span<const TokenId> so_far = tokens.subspan(prompt_tokens_);
    for (const std::vector<TokenId>& answer : answers_) {
      if (so_far.size() > answer.size()) continue;
      if (!std::equal(so_far.begin(), so_far.end(), answer.begin())) continue;
      const size_t count = std::min(into.size(), answer.size() - so_far.size());
      for (size_t i = 0; i < count; ++i) {
        into[i] = rng_.bernoulli(0.75) ? answer[so_far.size() + i] : TokenId(rng_.below(140)) - 5;
      }
      return uint32_t(count);
    }
    return 0;
  }

 private:
  size_t prompt_tokens_;
  std::vector<std::vector<TokenId>> answers_;
  Rng rng_;
};

// One letter for each id, so that stop strings occur.
Tokenizer letters(uint32_t vocabulary) {
  std::vector<test::SmallToken> tokens;
  for (uint32_t id = 0; id < vocabulary; ++id) tokens.push_back({std::string(1, letter(id))});
  return make_tokenizer(test::small_spec(TokenizerModel::kUnigram, tokens)).value();
}

struct Answer {
  std::vector<TokenId> tokens;
  std::vector<double> logprobs;
  Finish finish = Finish::kLength;
  bool operator==(const Answer&) const = default;
};

struct Case {
  std::vector<TokenId> prompt;
  Request request;
  std::vector<Answer> expected;       // one for each choice
  std::vector<double> prompt_scores;  // from the second token on
  // While it runs.
  std::shared_ptr<StreamState> stream{};
  std::vector<Answer> read{};
  std::vector<int> ends{};
  std::shared_ptr<Guesses> guesses{};
  bool disturbed = false;  // cancelled, or too late: a beginning of the answer is right
};

bool is_over(const Case& c) { return c.stream->ended() && !c.stream->outcome().suspended; }

Sampling random_sampling(Rng& rng, uint32_t vocabulary) {
  Sampling s;
  s.seed = rng.u64();
  s.temperature = rng.bernoulli(0.4) ? 0.0f : float(0.3 + rng.uniform());
  if (rng.bernoulli(0.2)) s.top_k = uint32_t(1 + rng.below(20));
  if (rng.bernoulli(0.2)) s.top_p = 0.8f;
  if (rng.bernoulli(0.1)) s.min_p = 0.05f;
  if (rng.bernoulli(0.1)) s.typical_p = 0.9f;
  if (rng.bernoulli(0.3)) s.repetition_penalty = 1.2f;
  if (rng.bernoulli(0.2)) s.presence_penalty = 0.5f;
  if (rng.bernoulli(0.2)) s.frequency_penalty = 0.3f;
  if (rng.bernoulli(0.2)) s.penalty_window = uint32_t(1 + rng.below(10));
  if (rng.bernoulli(0.2)) s.dry.multiplier = 0.8f;
  if (rng.bernoulli(0.1)) s.xtc.probability = 0.5f;
  if (rng.bernoulli(0.2)) s.mirostat.tau = 3;
  if (rng.bernoulli(0.2)) s.bias.push_back({TokenId(rng.below(vocabulary)), 3});
  if (rng.bernoulli(0.2)) s.banned.push_back(TokenId(rng.below(vocabulary)));
  return s;
}

class Model {
 public:
  Model(const std::string& name, DType kv, int64_t seed_stream)
      : runner_(ModelRunner::open(
                    std::string(LLMOS_SOURCE_DIR) + "/tests/golden/models/" + name + "/model.gguf",
                    {.kv_dtype = kv, .batch_tokens = 64, .cache_tokens = 256})
                    .value()),
        tokenizer_(letters(runner_->vocabulary())),
        rng_(test::seed(("equivalence of " + name).c_str()), uint64_t(seed_stream)),
        room_(runner_->vocabulary(), 256),
        kv_(kv) {}

  void run_round();
  // Rounds in which somebody was swapped, had a prefix from the cache, met a disk's fault.
  int swapped() const { return swapped_; }
  int shared() const { return shared_; }
  int spoiled() const { return spoiled_; }

 private:
  Case random_case();
  Answer answer(Case& c, uint32_t choice);
  void submit(CoreBench& bench, Case& c);
  void go_on(CoreBench& bench, Case& c);
  void read(CoreBench& bench, Case& c);
  void check(const Case& c);
  BlockPool make_pool(uint32_t blocks, uint32_t block_tokens);

  std::unique_ptr<ModelRunner> runner_;
  Tokenizer tokenizer_;
  Rng rng_;
  SamplerRoom room_;
  DType kv_;
  Shift hook_;
  Sieve sieve_;
  std::vector<TokenScore> tops_;
  std::vector<TokenId> last_prompt_;
  int swapped_ = 0, shared_ = 0, spoiled_ = 0;
};

Case Model::random_case() {
  Case c;
  const uint32_t vocabulary = runner_->vocabulary();
  c.prompt.resize(1 + rng_.below(kPromptMax));
  for (TokenId& id : c.prompt) id = TokenId(rng_.below(vocabulary));
  // Some begin as the one before.
  const size_t same = rng_.bernoulli(0.4) ? std::min(last_prompt_.size(), c.prompt.size()) : 0;
  std::copy_n(last_prompt_.begin(), same, c.prompt.begin());
  last_prompt_ = c.prompt;
  c.request.sampling = random_sampling(rng_, vocabulary);
  c.request.tokens_max = uint32_t(1 + rng_.below(kAnswerMax));
  c.request.choices = rng_.bernoulli(0.3) ? uint32_t(2 + rng_.below(2)) : 1;
  c.request.logprobs = rng_.bernoulli(0.3);
  c.request.prompt_logprobs = rng_.bernoulli(0.15);
  c.request.tenant = std::string(1, char('a' + rng_.below(3)));
  c.request.priority = int32_t(rng_.below(3));
  if (rng_.bernoulli(0.2)) c.request.logits_hook = &hook_;
  if (rng_.bernoulli(0.15)) c.request.token_mask = &sieve_;
  if (rng_.bernoulli(0.3)) {
    for (int i = 0; i < 5; ++i) c.request.stop_tokens.push_back(TokenId(rng_.below(vocabulary)));
  }
  if (rng_.bernoulli(0.2)) {
    c.request.stop = {std::string(1, letter(uint32_t(rng_.below(26)))) +
                      letter(uint32_t(rng_.below(26)))};
  }
  for (uint32_t choice = 0; choice < c.request.choices; ++choice) {
    c.expected.push_back(answer(c, choice));
  }
  if (rng_.bernoulli(0.3)) {
    std::vector<std::vector<TokenId>> answers;
    for (const Answer& answer : c.expected) answers.push_back(answer.tokens);
    c.guesses = std::make_shared<Guesses>(c.prompt, answers, rng_.u64());
  }
  return c;
}

// Alone, whole prompt first, then token by token.
Answer Model::answer(Case& c, uint32_t choice) {
  const size_t vocabulary = runner_->vocabulary();
  const auto context = uint32_t(c.prompt.size()) + c.request.tokens_max;
  BlockTable table(runner_->cache(), context);
  Sampler sampler = Sampler::create(c.request.sampling, runner_->vocabulary(), choice).value();
  AnswerText text(&tokenizer_, c.prompt, c.request.stop);
  std::vector<TokenId> tokens = c.prompt;
  std::span<const TokenId> next = tokens;
  Answer answer;
  std::string shown;
  for (;;) {
    const std::vector<float> logits =
        runner_->step({{.table = &table, .ids = next, .context = context}}).value();
    const auto row = [&](size_t i) {
      return std::span<const float>(logits).subspan(i * vocabulary, vocabulary);
    };
    if (c.request.prompt_logprobs && choice == 0 && next.size() == tokens.size()) {
      for (size_t i = 0; i + 1 < next.size(); ++i) {
        c.prompt_scores.push_back(double(row(i)[size_t(tokens[i + 1])]) - log_sum_exp(row(i)));
      }
    }
    const std::span<const float> last = row(next.size() - 1);
    const auto adjust = [&](std::span<float> adjusted) {
      hook_.adjust({.tokens = tokens, .prompt_tokens = uint32_t(c.prompt.size())}, adjusted);
    };
    const FunctionRef<void(std::span<float>)> hook(adjust);
    std::vector<uint64_t> mask(c.request.token_mask ? (vocabulary + 63) / 64 : 0);
    if (c.request.token_mask) sieve_.allow({.tokens = tokens}, mask);
    const TokenId id = sampler.sample({.logits = last,
                                       .tokens = tokens,
                                       .prompt_tokens = uint32_t(c.prompt.size()),
                                       .mask = mask,
                                       .hook = c.request.logits_hook ? &hook : nullptr},
                                      room_);
    tokens.push_back(id);
    answer.tokens.push_back(id);
    answer.logprobs.push_back(c.request.logprobs ? double(last[size_t(id)]) - log_sum_exp(last)
                                                 : 0);
    const auto& stops = c.request.stop_tokens;
    if (std::find(stops.begin(), stops.end(), id) != stops.end()) {
      answer.finish = Finish::kStop;
    } else if (!c.request.stop.empty()) {
      const bool full = answer.tokens.size() == c.request.tokens_max;
      if (text.push(id, shown) || (full && text.finish(shown))) answer.finish = Finish::kStop;
    }
    if (answer.finish == Finish::kStop || answer.tokens.size() == c.request.tokens_max) break;
    next = std::span<const TokenId>(tokens).last(1);
  }
  return answer;
}

BlockPool Model::make_pool(uint32_t blocks, uint32_t block_tokens) {
  const BlockLayout layout = kv_layout(runner_->model().config(), kv_, block_tokens).value();
  return BlockPool(runner_->device().allocate(blocks * layout.block_bytes()).value(), layout);
}

void Model::submit(CoreBench& bench, Case& c) {
  // Smaller than most answers: its reader stalls now and then.
  auto work = bench.work(c.prompt, c.request, uint32_t(3 + rng_.below(10)));
  for (uint32_t i = 0; !c.request.stop.empty() && i < c.request.choices; ++i) {
    work->stop_texts.emplace_back(&tokenizer_, c.prompt, c.request.stop);
  }
  work->drafts = c.guesses.get();
  work->drafts_max = uint32_t(1 + rng_.below(6));
  if (rng_.bernoulli(0.1)) {
    work->deadline = bench.clock.now() + std::chrono::milliseconds(1 + rng_.below(60));
    c.disturbed = true;
  }
  c.read.resize(c.request.choices);
  c.ends.resize(c.request.choices);
  c.stream = bench.post(std::move(work));
}

// Its choices as they were; what its reader has not read yet is in the old stream.
void Model::go_on(CoreBench& bench, Case& c) {
  const std::shared_ptr<SuspendedRequest> was = c.stream->outcome().suspended;
  auto work = bench.work(c.prompt, c.request, uint32_t(3 + rng_.below(10)));
  for (uint32_t i = 0; i < c.request.choices; ++i) {
    work->samplers[i].set_state(was->choices[i].sampler_state);
    if (c.request.stop.empty()) continue;
    std::string none;
    work->stop_texts.emplace_back(&tokenizer_, c.prompt, c.request.stop);
    for (const TokenId id : was->choices[i].answer) work->stop_texts[i].push(id, none);
  }
  work->drafts = c.guesses.get();
  work->drafts_max = 3;
  work->prompt_scores = was->prompt_scores;
  work->resumed = was->choices;
  c.stream = bench.post(std::move(work));
}

void Model::read(CoreBench& bench, Case& c) {
  while (const auto event = c.stream->try_take(tops_)) {
    Answer& answer = c.read[event->choice];
    if (event->id != kNoToken) {
      answer.tokens.push_back(event->id);
      answer.logprobs.push_back(event->logprob);
    }
    if (event->last) answer.finish = event->finish;
    c.ends[event->choice] += event->last && event->finish != Finish::kCancelled;
  }
  if (c.stream->ended() && c.stream->outcome().suspended) return go_on(bench, c);
  if (c.stream->take_parked()) {
    bench.mailbox().post_note({c.stream->id(), Mailbox::Note::kRoom});
  }
}

void Model::check(const Case& c) {
  ASSERT_TRUE(c.stream->ended());
  const Outcome& outcome = c.stream->outcome();
  if (!outcome.status.ok()) {
    ASSERT_TRUE(c.disturbed) << outcome.status.to_string();
    for (size_t i = 0; i < c.read.size(); ++i) {
      const std::vector<TokenId>&got = c.read[i].tokens, &want = c.expected[i].tokens;
      ASSERT_LE(got.size(), want.size());
      EXPECT_TRUE(std::equal(got.begin(), got.end(), want.begin()));
    }
    return;
  }
  EXPECT_EQ(c.ends, std::vector<int>(c.request.choices, 1)) << "each choice ends once";
  for (size_t i = 0; i < c.read.size(); ++i) {
    EXPECT_EQ(c.read[i].tokens, c.expected[i].tokens);
    EXPECT_EQ(c.read[i].logprobs, c.expected[i].logprobs);
    EXPECT_EQ(c.read[i].finish, c.expected[i].finish);
  }
  if (!c.request.prompt_logprobs) return;
  ASSERT_EQ(outcome.prompt_scores.size(), c.prompt.size());
  for (size_t i = 0; i < c.prompt_scores.size(); ++i) {
    EXPECT_EQ(outcome.prompt_scores[i + 1].logprob, c.prompt_scores[i]);
  }
}

void Model::run_round() {
  std::vector<Case> cases;
  for (int i = 0; i < 12; ++i) cases.push_back(random_case());
  const auto block_tokens = uint32_t(1 + rng_.below(20));
  const uint32_t least = (kPromptMax + kAnswerMax + block_tokens - 1) / block_tokens;
  BlockPool pool = make_pool(least + uint32_t(rng_.below(3 * least)), block_tokens);
  CoreOptions options;
  options.policy = kPolicies[rng_.below(std::size(kPolicies))];
  options.sequences_max = uint32_t(1 + rng_.below(10));
  options.step_tokens = options.sequences_max + 1 + uint32_t(rng_.below(40));
  options.overlap = rng_.bernoulli(0.5);
  options.preempt_every = rng_.bernoulli(0.5) ? uint32_t(1 + rng_.below(4)) : 0;
  UnsteadyExecutor executor(runner_->model(), rng_.u64());
  executor.fault_rate = rng_.bernoulli(0.3) ? 0.05 : 0;
  options.prefix = rng_.bernoulli(0.5);
  auto content = std::make_shared<test::FileContent>();
  std::unique_ptr<Tier> tier;
  if (rng_.bernoulli(0.6)) {
    options.swap_always = rng_.bernoulli(0.8);
    tier = test::make_tier(pool, least + uint32_t(rng_.below(12 * least)), content);
  }
  const bool faulty = tier && rng_.bernoulli(0.3);
  CoreBench bench(options, executor, pool, std::move(tier));
  size_t sent = 0;
  constexpr int kTurnsMax = 50'000;
  int turn = 0;
  for (; turn < kTurnsMax &&
         (sent < cases.size() || !std::all_of(cases.begin(), cases.end(), is_over));
       ++turn) {
    if (sent < cases.size() && rng_.bernoulli(0.4)) submit(bench, cases[sent++]);
    if (sent > 0 && rng_.bernoulli(0.01)) {
      Case& victim = cases[rng_.below(sent)];
      victim.disturbed = true;
      bench.cancel(*victim.stream);
    }
    if (sent > 0 && rng_.bernoulli(0.03)) {
      bench.mailbox().post_note({cases[rng_.below(sent)].stream->id(), Mailbox::Note::kSuspend});
    }
    for (size_t i = 0; i < sent; ++i) {
      if (rng_.bernoulli(0.3)) read(bench, cases[i]);
    }
    if (faulty && rng_.bernoulli(0.05)) test::spoil(*content, rng_);
    bench.turn();
    if (turn % 16 == 0) bench.core().check_integrity();
  }
  bench.run();  // what steps in flight still know
  EXPECT_LT(turn, kTurnsMax) << "requests did not end";
  for (Case& c : cases) {
    read(bench, c);
    check(c);
  }
  const Metrics metrics = bench.meters.snapshot();
  swapped_ += metrics.swapped_bytes > 0;
  shared_ += metrics.cached_tokens > 0;
  spoiled_ += metrics.swap_failures > 0;
  bench.core().prefixes().clear();
  EXPECT_EQ(pool.free_count(), pool.capacity());
  EXPECT_EQ(bench.core().tier().bytes_used(), 0u);
  if (::testing::Test::HasFailure()) {
    FAIL() << options.policy << ", depth " << options.overlap << ", " << pool.capacity()
           << " blocks of " << block_tokens << ", " << options.sequences_max << " sequences, "
           << options.step_tokens << " tokens a step, put out every " << options.preempt_every
           << ", prefix " << options.prefix << ", swapped " << metrics.swapped_bytes << " bytes, "
           << metrics.swap_failures << " failures";
  }
}

struct Setup {
  const char* model;
  DType kv;
};

void PrintTo(const Setup& setup, std::ostream* out) { *out << setup.model; }

class Equivalence : public ::testing::TestWithParam<Setup> {};

TEST_P(Equivalence, OfEveryRequest) {
  Model model(GetParam().model, GetParam().kv, int64_t(GetParam().kv));
  constexpr int kRounds = 20;
  const auto end = std::chrono::steady_clock::now() + test::soak_time(0);
  int round = 0;
  for (; round < kRounds || std::chrono::steady_clock::now() < end; ++round) {
    model.run_round();
    ASSERT_FALSE(HasFailure()) << "round " << round;
  }
  // Each is in a third of the rounds or more, but for faults: that none is met is once in millions.
  EXPECT_GT(model.swapped(), 0);
  EXPECT_GT(model.shared(), 0);
  RecordProperty("rounds", round);
  RecordProperty("spoiled", model.spoiled());
}

// Rotary and learned positions, sliding windows, sinks, biases, experts; whole and small weights
// and caches.
INSTANTIATE_TEST_SUITE_P(
    Models, Equivalence,
    ::testing::Values(Setup{"llama2", DType::kF32}, Setup{"llama2", DType::kF16},
                      Setup{"gpt2", DType::kF32}, Setup{"gemma3", DType::kF16},
                      Setup{"mixtral", DType::kF32}, Setup{"qwen2_q8_0", DType::kBF16},
                      Setup{"gpt_oss", DType::kF32}, Setup{"phi3_longrope", DType::kF32},
                      Setup{"llama_wide_q4_k_m", DType::kQ8_0}),
    [](const auto& setup) {
      return std::string(setup.param.model) + "_" + std::string(dtype_name(setup.param.kv));
    });

}  // namespace
}  // namespace llmos::engine
