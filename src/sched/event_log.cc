// SPDX-License-Identifier: Apache-2.0
#include "sched/event_log.h"

#include <cmath>
#include <cstring>
#include <type_traits>

#include "base/text.h"
#include "sched/scheduler.h"

namespace llmos::sched {
namespace {

constexpr uint64_t kMagic = 0x3430474F4C53534Cu;  // "LSSLOG04"

// Writes or reads the fields of an Event, in one order for both.
template <class Archive>
void visit(Archive& archive, Event& e) {
  archive(e.kind, e.flag, e.sequence, e.first, e.second, e.now, e.seconds);
  if (e.kind == EventKind::kArrive) {
    Arrival& a = e.arrival;
    archive(a.prompt_tokens, a.cached_tokens, a.output_tokens_max, a.output_tokens_hint, a.priority,
            a.tenant, a.deadline, a.tokens_per_step, a.needs_results, a.prefix_group,
            a.brought_tokens, a.tenant_blocks_max);
  } else if (e.kind == EventKind::kCosts) {
    SchedulingCosts& c = e.costs;
    archive(c.step, c.prompt_token, c.decode, c.context_token, c.swap_token, c.slots,
            c.tokens_per_step, c.kv_tokens);
  } else if (e.kind == EventKind::kPlan) {
    Resources& r = e.resources;
    archive(r.kv_tokens, r.swap_tokens_free, r.slots, r.tokens_per_step, r.headroom_tokens,
            r.entry_waste, e.digest);
  }
}

class Writer {
 public:
  explicit Writer(std::vector<std::byte>& bytes) : bytes_(bytes) {}
  template <class... T>
  void operator()(const T&... fields) {
    (put(fields), ...);
  }

 private:
  template <class T>
  void put(const T& field) {
    static_assert(std::is_trivially_copyable_v<T>);
    const auto* from = reinterpret_cast<const std::byte*>(&field);
    bytes_.insert(bytes_.end(), from, from + sizeof(T));
  }
  std::vector<std::byte>& bytes_;
};

class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : left_(bytes) {}
  template <class... T>
  void operator()(T&... fields) {
    (get(fields), ...);
  }
  bool ok() const { return ok_; }
  bool at_end() const { return left_.empty(); }

 private:
  template <class T>
  void get(T& field) {
    if (left_.size() < sizeof(T)) return void(ok_ = false);
    if constexpr (std::is_same_v<T, bool>) {
      field = left_[0] != std::byte{0};
    } else {
      std::memcpy(&field, left_.data(), sizeof(T));
    }
    left_ = left_.subspan(sizeof(T));
  }
  std::span<const std::byte> left_;
  bool ok_ = true;
};

Status corrupt(size_t event, std::string_view what) {
  Text text;
  text << "event log, event " << event << ": " << what;
  return Status(Code::kCorrupt, std::move(text).str());
}

bool names_a_sequence(EventKind kind) {
  return kind != EventKind::kArrive && kind != EventKind::kStepDone && kind != EventKind::kCosts &&
         kind != EventKind::kPlan;
}

// Whether the scheduler may be told so: the bytes may be anything, its own calls are contracts.
bool acceptable(const Event& e, const Scheduler& scheduler) {
  if (!std::isfinite(e.now) || !std::isfinite(e.seconds) || e.seconds < 0) return false;
  if (e.kind == EventKind::kCosts) return check_costs(e.costs).ok();
  if (e.kind == EventKind::kArrive) return e.arrival.prompt_tokens > 0;
  if (!names_a_sequence(e.kind)) return true;
  if (e.sequence >= scheduler.capacity()) return false;
  const Sequence& s = scheduler.at(e.sequence);
  if (s.stage == Stage::kFree) return false;
  if (e.kind != EventKind::kCommit) return true;
  // Not what is planned: where steps overlap, a step rolled back abandons what the one before
  // it will commit.
  return s.stage == Stage::kResident && e.first <= s.view.prompt_left &&
         e.second <= s.tokens_per_step;
}

// False when the plan is not the recorded one.
bool apply(const Event& e, Scheduler& scheduler) {
  switch (e.kind) {
    case EventKind::kArrive:
      static_cast<void>(scheduler.arrive(e.arrival, e.now));
      break;
    case EventKind::kEnd:
      scheduler.end(e.sequence, e.flag, e.now);
      break;
    case EventKind::kCommit:
      scheduler.commit(e.sequence, e.first, e.second, e.now);
      break;
    case EventKind::kAbandon:
      scheduler.abandon(e.sequence);
      break;
    case EventKind::kStepDone:
      scheduler.step_done(e.seconds, e.now);
      break;
    case EventKind::kTransferred:
      scheduler.transferred(e.sequence, e.flag, e.now);
      break;
    case EventKind::kPark:
      scheduler.park(e.sequence, e.now);
      break;
    case EventKind::kUnpark:
      scheduler.unpark(e.sequence, e.now);
      break;
    case EventKind::kPin:
      scheduler.pin(e.sequence, e.flag);
      break;
    case EventKind::kInherit:
      scheduler.inherit(e.sequence, int32_t(e.first), e.second);
      break;
    case EventKind::kCosts:
      scheduler.set_costs(e.costs);
      break;
    case EventKind::kPlan:
      return scheduler.plan(e.now, e.resources).digest == e.digest;
  }
  return true;
}

}  // namespace

std::vector<std::byte> EventLog::serialise() const {
  std::vector<std::byte> bytes;
  Writer write(bytes);
  write(kMagic, uint64_t{events_.size()});
  for (Event event : events_) visit(write, event);
  return bytes;
}

Result<EventLog> EventLog::parse(std::span<const std::byte> bytes) {
  // The shortest event, without the parts that only some kinds have.
  constexpr uint64_t kEventBytesMin = 30;
  Reader read(bytes);
  uint64_t magic = 0, count = 0;
  read(magic, count);
  if (!read.ok() || magic != kMagic) return corrupt(0, "expected the header of a log");
  if (count > bytes.size() / kEventBytesMin) return corrupt(0, "fewer bytes than events");
  EventLog log;
  log.events_.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    Event event;
    visit(read, event);
    if (!read.ok()) return corrupt(i, "the log ends inside it");
    if (event.kind > EventKind::kPlan) return corrupt(i, "unknown kind");
    log.events_.push_back(event);
  }
  if (!read.at_end()) return corrupt(count, "bytes follow the last event");
  return log;
}

Result<uint64_t> replay(const EventLog& log, Scheduler& scheduler, bool compare) {
  for (size_t i = 0; i < log.events().size(); ++i) {
    const Event& event = log.events()[i];
    if (!acceptable(event, scheduler)) return corrupt(i, "the scheduler cannot accept it");
    if (!apply(event, scheduler) && compare) {
      return corrupt(i, "the plan differs from the recorded one");
    }
  }
  return scheduler.digest();
}

}  // namespace llmos::sched
