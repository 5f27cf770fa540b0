// SPDX-License-Identifier: Apache-2.0
// Engine: a look at its memory, and what is pinned in it.
#include <utility>

#include "api/engine_impl.h"

namespace llmos {

struct PinnedPrefix::Impl {
  ~Impl() {
    const auto unpin = [pinned = id](engine::Core& core) { core.unpin(pinned); };
    if (mailbox->errands().post(unpin)) mailbox->wake();
  }
  std::shared_ptr<engine::Mailbox> mailbox;
  uint64_t id = 0;
  uint32_t tokens = 0;
};

PinnedPrefix::PinnedPrefix(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
PinnedPrefix::PinnedPrefix(PinnedPrefix&&) noexcept = default;
PinnedPrefix& PinnedPrefix::operator=(PinnedPrefix&&) noexcept = default;
PinnedPrefix::~PinnedPrefix() = default;
uint32_t PinnedPrefix::tokens() const noexcept { return impl_ ? impl_->tokens : 0; }

Result<PinnedPrefix> Engine::pin(Request request) {
  if (!impl_->keeps_prefixes) return Status(Code::kInvalid, "pin: the prefix cache is off");
  Request prompt{.prompt = std::move(request.prompt), .tokens_max = 1};
  prompt.tenant = std::move(request.tenant);
  prompt.priority = request.priority;
  prompt.deadline = request.deadline;
  prompt.tools = std::move(request.tools);
  prompt.template_variables = std::move(request.template_variables);
  prompt.parse_special = request.parse_special;
  auto work = prepare_request(std::move(prompt), impl_->limits, impl_->next_id.fetch_add(1),
                              real_clock().now());
  if (!work.ok()) return work.status();
  (*work)->pooling = Pooling::kLast;  // nothing is drawn
  (*work)->pin = true;
  (*work)->pin_leaves = impl_->blocks_of_longest();
  auto pinned = std::make_unique<PinnedPrefix::Impl>();
  pinned->mailbox = impl_->mailbox;
  pinned->id = (*work)->id;
  const engine::Outcome outcome = impl_->run(*std::move(work));
  if (!outcome.status.ok()) return outcome.status;
  pinned->tokens = outcome.usage.pinned_tokens;
  return PinnedPrefix(std::move(pinned));
}

Result<KvMap> Engine::kv_map(Millis timeout) const {
  std::future<KvMap> asked;
  {
    const std::lock_guard lock(impl_->map_mutex);
    asked = std::move(impl_->map_asked);
  }
  if (!asked.valid()) {
    auto promise = std::make_shared<std::promise<KvMap>>();
    asked = promise->get_future();
    const auto answer = [promise](engine::Core& core) { promise->set_value(core.kv_map()); };
    if (!impl_->mailbox->errands().post(answer)) {
      return Status(Code::kCancelled, "kv_map: the engine has ended");
    }
    impl_->mailbox->wake();
  }
  if (asked.wait_for(timeout) != std::future_status::ready) {
    const std::lock_guard lock(impl_->map_mutex);
    impl_->map_asked = std::move(asked);
    return Status(Code::kDeadline, "kv_map: the engine's step takes longer than the timeout");
  }
  try {
    return asked.get();
  } catch (const std::future_error&) {  // the engine ended before it came to it
    return Status(Code::kCancelled, "kv_map: the engine has ended");
  }
}

}  // namespace llmos
