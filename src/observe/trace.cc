// SPDX-License-Identifier: Apache-2.0
#include "observe/trace.h"

#include <algorithm>
#include <charconv>
#include <span>

#include "base/json.h"
#include "base/text.h"

namespace llmos::observe {

namespace {

constexpr size_t kSlotCount = size_t{1} << kTraceSlotBits;
// The largest trace: beyond it the viewers give up.
constexpr size_t kEventsMax = size_t{1} << 30;

uint32_t chunks_for(size_t events) {
  LLMOS_CHECK(events > 0 && events <= kEventsMax) << "a trace of " << events << " events";
  return uint32_t((events + kTraceChunkEvents - 1) / kTraceChunkEvents);
}

std::string json_string(std::string_view text) { return Json(text).dump(); }

// Nanoseconds as microseconds with three decimals.
void append_micros(double ns, std::string& out) {
  char digits[48];
  const auto end = std::to_chars(digits, digits + sizeof digits, std::max(ns, 0.0) / 1000,
                                 std::chars_format::fixed, 3)
                       .ptr;
  out.append(digits, end);
}

}  // namespace

// The events are left uninitialised: their pages stay untouched until a chunk is taken.
Tracer::Tracer(size_t events_max)
    : chunk_count_(chunks_for(events_max)),
      origin_(cycles()),
      chunks_(new Chunk[chunk_count_]),
      events_(std::make_unique_for_overwrite<Event[]>(size_t{chunk_count_} * kTraceChunkEvents)),
      slots_(new Slot[kSlotCount]) {
  static_assert(sizeof(Event) == 48);
}

Tracer::~Tracer() = default;

void Tracer::instant(const char* name) noexcept {
  if (on()) append({name, nullptr, 0, cycles(), 0, Kind::kInstant});
}

void Tracer::counter(const char* name, int64_t value) noexcept {
  if (on()) append({name, nullptr, value, cycles(), 0, Kind::kCounter});
}

void Tracer::name_thread(std::string name) {
  Slot* slot = own_slot();
  if (!slot) return;
  const uint32_t track = next_track_.fetch_add(1, std::memory_order_relaxed);
  std::lock_guard lock(names_mutex_);
  names_[track] = std::move(name);
  // Relaxed: only this thread reads its slot's chunk and track.
  slot->track.store(track, std::memory_order_relaxed);
  slot->chunk.store(0, std::memory_order_relaxed);
}

void Tracer::append(const Event& event) noexcept {
  Slot* slot = own_slot();
  if (!slot) return dropped_.add();
  // Acquire, here and below: a thread that got a dead thread's number goes on in its chunk.
  uint32_t taken = slot->chunk.load(std::memory_order_acquire);
  if (taken == 0 || chunks_[taken - 1].count.load(std::memory_order_acquire) == kTraceChunkEvents)
    taken = take_chunk(*slot);
  if (taken == 0) return dropped_.add();
  Chunk& chunk = chunks_[taken - 1];
  const uint32_t count = chunk.count.load(std::memory_order_relaxed);
  events_[size_t{taken - 1} * kTraceChunkEvents + count] = event;
  // Release: whoever reads the count reads whole events, and the chunk's track.
  chunk.count.store(count + 1, std::memory_order_release);
}

Tracer::Slot* Tracer::own_slot() noexcept {
  const uintptr_t self = thread_number();
  size_t index = thread_hash(kTraceSlotBits);
  for (size_t probes = 0; probes < kSlotCount / 2; ++probes, index = (index + 1) % kSlotCount) {
    // Relaxed: a slot is this thread's when its own number stands in it, which it or a thread that
    // had the number before it wrote.
    uintptr_t owner = slots_[index].owner.load(std::memory_order_relaxed);
    if (owner == self) return &slots_[index];
    if (owner == 0 &&
        slots_[index].owner.compare_exchange_strong(owner, self, std::memory_order_relaxed))
      return &slots_[index];
  }
  return nullptr;
}

// The index of a fresh chunk + 1, or 0 when there is none.
uint32_t Tracer::take_chunk(Slot& slot) noexcept {
  // The look before keeps the number from overflowing once the chunks are used up.
  if (chunks_taken_.load(std::memory_order_relaxed) >= chunk_count_) return 0;
  const uint32_t index = chunks_taken_.fetch_add(1, std::memory_order_relaxed);
  if (index >= chunk_count_) return 0;
  uint32_t track = slot.track.load(std::memory_order_relaxed);
  if (track == 0) {
    track = next_track_.fetch_add(1, std::memory_order_relaxed);
    slot.track.store(track, std::memory_order_relaxed);
  }
  chunks_[index].track = track;
  slot.chunk.store(index + 1, std::memory_order_release);
  return index + 1;
}

template <class Visit>
void Tracer::visit_chunks(Visit&& visit) const {
  const uint32_t taken = std::min(chunks_taken_.load(std::memory_order_relaxed), chunk_count_);
  for (uint32_t i = 0; i < taken; ++i) {
    const uint32_t count = chunks_[i].count.load(std::memory_order_acquire);
    if (count == 0) continue;
    visit(chunks_[i].track, std::span<const Event>(&events_[size_t{i} * kTraceChunkEvents], count));
  }
}

uint64_t Tracer::written() const noexcept {
  uint64_t count = 0;
  visit_chunks([&](uint32_t, std::span<const Event> events) { count += events.size(); });
  return count;
}

std::string Tracer::chrome_json() const {
  std::string out = "{\"displayTimeUnit\":\"ns\",\"otherData\":{\"dropped\":\"";
  out += std::to_string(dropped()) + "\"},\"traceEvents\":[\n";
  out += "{\"ph\":\"M\",\"pid\":1,\"name\":\"process_name\",\"args\":{\"name\":\"llmos\"}}";
  visit_chunks([&](uint32_t track, std::span<const Event> events) {
    for (const Event& event : events) write_event(event, track, out);
  });
  write_names(out);
  return out += "\n]}\n";
}

void Tracer::write_event(const Event& event, uint32_t track, std::string& out) const {
  static constexpr std::string_view kPhases[] = {"X", "i", "C"};  // in the order of Kind
  out += ",\n{\"ph\":\"";
  out += kPhases[size_t(event.kind)];
  out += "\",\"pid\":1,\"tid\":" + std::to_string(track) + ",\"name\":" + json_string(event.name);
  out += ",\"ts\":";
  // Counters of different cores may differ by some ticks: never before the origin.
  append_micros(cycles_to_ns(event.start - std::min(event.start, origin_)), out);
  if (event.kind == Kind::kInstant) out += ",\"s\":\"t\"";
  if (event.kind == Kind::kSpan) {
    out += ",\"dur\":";
    append_micros(cycles_to_ns(event.end - std::min(event.end, event.start)), out);
  }
  const char* key = event.kind == Kind::kCounter ? "value" : event.note;
  if (key) out += ",\"args\":{" + json_string(key) + ':' + std::to_string(event.value) + '}';
  out += '}';
}

void Tracer::write_names(std::string& out) const {
  std::lock_guard lock(names_mutex_);
  const uint32_t tracks = next_track_.load(std::memory_order_relaxed);
  for (uint32_t track = 1; track < tracks; ++track) {
    const auto named = names_.find(track);
    const std::string name =
        named != names_.end() ? named->second : "thread " + std::to_string(track);
    out += ",\n{\"ph\":\"M\",\"pid\":1,\"tid\":" + std::to_string(track) +
           ",\"name\":\"thread_name\",\"args\":{\"name\":" + json_string(name) + "}}";
  }
}

void TraceSpan::finish() noexcept {
  tracer_->append({name_, note_, value_, start_, cycles(), Tracer::Kind::kSpan});
}

}  // namespace llmos::observe
