// SPDX-License-Identifier: Apache-2.0
#include "generation.h"

#include <chrono>
#include <random>
#include <utility>

namespace server {
namespace {

using llmos::Finish;
using llmos::Reply;
using llmos::Result;

uint64_t random_number() {
  thread_local std::mt19937_64 source{std::random_device{}()};
  return source();
}

std::string answer_id(bool chat) {
  std::string text = chat ? "chatcmpl-" : "cmpl-";
  const uint64_t number = random_number();
  for (int shift = 60; shift >= 0; shift -= 4) text += "0123456789abcdef"[number >> shift & 15];
  return text;
}

ReplyHead head_of(const GenerateRequest& request, const std::string& model) {
  ReplyHead head;
  head.chat = request.chat;
  head.id = answer_id(request.chat);
  head.model = model;
  head.created = std::chrono::duration_cast<std::chrono::seconds>(
                     std::chrono::system_clock::now().time_since_epoch())
                     .count();
  head.logprobs = request.request.logprobs;
  head.include_usage = request.include_usage;
  return head;
}

bool is_good(Finish finish) { return finish == Finish::kStop || finish == Finish::kLength; }

}  // namespace

OrError<std::unique_ptr<Generation>> Generation::start(llmos::Engine& engine,
                                                       GenerateRequest request, Admission admission,
                                                       const GenerationContext& context) {
  llmos::Request common = std::move(request.request);
  request.request.logprobs = common.logprobs;
  if (!request.seeded) common.sampling.seed = random_number();
  if (const Tenant* tenant = admission.tenant()) {
    common.tenant = tenant->name();
    common.priority = tenant->limits().priority;
  }
  common.deadline = context.deadline;
  common.readiness = context.bell;
  std::unique_ptr<Generation> made(
      new Generation(ReplyText(head_of(request, context.model), engine.tokenizer()),
                     std::move(admission), request.stream, common.choices));
  made->include_usage_ = request.include_usage;
  made->choices_.resize(request.prompts.size() * common.choices);
  for (llmos::Prompt& prompt : request.prompts) {
    llmos::Request one = common;
    one.prompt = std::move(prompt);
    if (made->submit(engine, std::move(one))) continue;
    // Nothing runs: refused at once. Otherwise what runs must end first.
    if (made->parts_.empty()) return made->failure_;
    made->cancel();
    break;
  }
  return made;
}

bool Generation::submit(llmos::Engine& engine, llmos::Request request) {
  Result<llmos::Stream> stream = engine.submit(std::move(request));
  if (!stream.ok()) {
    fail(error_of(stream.status()));
    return false;
  }
  parts_.push_back({*std::move(stream)});
  return true;
}

void Generation::fail(ApiError error) {
  if (!std::exchange(failed_, true)) failure_ = std::move(error);
}

std::vector<uint64_t> Generation::stream_ids() const {
  std::vector<uint64_t> ids;
  for (const Part& part : parts_) ids.push_back(part.stream.id());
  return ids;
}

void Generation::cancel() {
  for (Part& part : parts_) {
    if (!part.ended) part.stream.cancel();
  }
}

void Generation::tell(uint32_t index, llmos::Chunk chunk, std::string& out) {
  // The error comes as an event of its own.
  if (chunk.finish && !is_good(*chunk.finish)) return;
  if (failed_) return;
  Choice& choice = choices_[index];
  if (!std::exchange(choice.begun, true)) text_.append_role(out, index);
  text_.append_chunk(out, index, chunk, choice.offset);
}

// Whether the budget was spent before the part had nothing more.
bool Generation::take(Part& part, uint32_t first_index, uint32_t& budget, std::string& out) {
  while (!part.ended) {
    if (budget == 0) return true;
    const std::optional<llmos::Chunk> chunk = part.stream.try_next();
    if (!chunk) {
      part.ended = part.stream.ended();
      return false;
    }
    --budget;
    tokens_ += chunk->tokens.size();
    if (streams_) tell(first_index + chunk->choice, *chunk, out);
  }
  return false;
}

Generation::State Generation::advance(std::string& out) {
  if (over_) return State::kEnded;
  uint32_t budget = kTokensPerPiece;
  uint32_t ended = 0;
  uint32_t first_index = 0;
  const size_t before = out.size();
  bool more = false;
  for (Part& part : parts_) {
    more = take(part, first_index, budget, out) || more;
    ended += part.ended;
    first_index += choices_per_part_;
  }
  told_ = told_ || out.size() > before;
  if (more) return State::kMore;
  if (ended < parts_.size()) return State::kWaiting;
  end(out);
  return State::kEnded;
}

void Generation::end(std::string& out) {
  over_ = true;
  UsageSum usage;
  std::vector<Reply> replies;
  for (Part& part : parts_) {
    Result<Reply> reply = part.stream.wait();
    if (!reply.ok()) {
      fail(error_of(reply.status()));
      continue;
    }
    usage.add(reply->usage);
    replies.push_back(*std::move(reply));
  }
  admission_.add_tokens(failed_ ? tokens_ : usage.total());
  parts_.clear();
  if (failed_) {
    if (told_) ReplyText::append_error(out, error_json(failure_));
    return;
  }
  if (streams_) {
    if (include_usage_) text_.append_usage(out, usage);
    ReplyText::append_done(out);
    return;
  }
  std::vector<const llmos::Output*> outputs;
  for (const Reply& reply : replies) {
    outputs.push_back(&reply);
    for (const llmos::Output& other : reply.others) outputs.push_back(&other);
  }
  out += text_.whole(outputs, usage);
}

}  // namespace server
