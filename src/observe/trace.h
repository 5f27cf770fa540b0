// SPDX-License-Identifier: Apache-2.0
// Spans of time on threads, for Perfetto or chrome://tracing.
//
//   Tracer tracer(1 << 16);
//   tracer.start();
//   { TraceSpan span(tracer, "plan"); span.note("tokens", 512); ... }
//   os::write_file_atomic("trace.json", tracer.chrome_json());
//
// Words    An *event* is a finished span, an instant or a value of a counter. A *track* is one
//          thread's row in the picture. A *chunk* is the events that one thread may write before it
//          needs the next.
// Owner    Whoever wants traces makes one tracer and passes it down; it outlives its spans. There
//          is no tracer of the process.
// Memory   All of it is reserved at construction; the events' pages are touched when they are
//          written. When the chunks are used up, further events are counted and dropped.
// Threads  Every method from any thread. Writing an event takes no lock and never waits.
// Cost     Off: one relaxed load and one branch per span (0.2 ns in observe_bench). On: two reads
//          of the time-stamp counter and one event (17 ns).
// Names    are string literals, or live as long as the tracer. Anything else than UTF-8 in them
//          becomes U+FFFD.
//
// Invariants
//   (1) a chunk is written by the one thread that took it; its count says how many of its events,
//       from the first, are complete
//   (2) written() + dropped() == events since construction; written() <= events_max()
//   (3) a slot's owner is a thread_number(), which no two living threads share
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/cycles.h"
#include "observe/counter.h"

namespace llmos::observe {

// Events per chunk: a page of events, so that taking a chunk is rare and little is left unused.
inline constexpr uint32_t kTraceChunkEvents = 85;
// 512 slots, of which a thread probes at most half: some 400 threads find one. The events of others
// are dropped. A slot stays with its thread_number(): a thread that gets a dead one's number goes
// on in its slot, and in its track unless it names itself.
inline constexpr int kTraceSlotBits = 9;

class Tracer {
 public:
  // Keeps up to `events_max` events, rounded up to whole chunks; at 48 bytes each. Off.
  explicit Tracer(size_t events_max);
  ~Tracer();
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;

  void start() noexcept { on_.store(true, std::memory_order_relaxed); }
  // Spans that are open now are still written.
  void stop() noexcept { on_.store(false, std::memory_order_relaxed); }
  // Relaxed: it only decides from which moment events appear.
  bool on() const noexcept { return on_.load(std::memory_order_relaxed); }

  void instant(const char* name) noexcept;
  void counter(const char* name, int64_t value) noexcept;
  // Begins a track of this name for the calling thread; without it a track is "thread N".
  void name_thread(std::string name);

  size_t events_max() const noexcept { return size_t{chunk_count_} * kTraceChunkEvents; }
  uint64_t written() const noexcept;
  uint64_t dropped() const noexcept { return dropped_.value(); }

  // The events written so far in the Trace Event Format, one JSON object.
  std::string chrome_json() const;

 private:
  friend class TraceSpan;
  enum class Kind : uint8_t { kSpan, kInstant, kCounter };
  struct Event {
    const char* name;
    const char* note;  // of a span; may be null
    int64_t value;     // of the note or the counter
    uint64_t start;    // in cycles()
    uint64_t end;      // of a span
    Kind kind;
  };
  // Away from the events and on lines of their own, so that making a tracer touches little.
  struct alignas(kLineBytes) Chunk {
    std::atomic<uint32_t> count{0};
    uint32_t track = 0;  // written before the first event
  };
  struct alignas(kLineBytes) Slot {
    std::atomic<uintptr_t> owner{0};  // thread_number(); 0: free
    std::atomic<uint32_t> chunk{0};   // index + 1; 0: none
    std::atomic<uint32_t> track{0};   // 0: none
  };

  void append(const Event& event) noexcept;
  Slot* own_slot() noexcept;
  uint32_t take_chunk(Slot& slot) noexcept;
  template <class Visit>
  void visit_chunks(Visit&& visit) const;  // visit(track, span of events)
  void write_event(const Event& event, uint32_t track, std::string& out) const;
  void write_names(std::string& out) const;

  std::atomic<bool> on_{false};
  const uint32_t chunk_count_;
  const uint64_t origin_;
  const std::unique_ptr<Chunk[]> chunks_;
  const std::unique_ptr<Event[]> events_;
  const std::unique_ptr<Slot[]> slots_;
  alignas(kLineBytes) std::atomic<uint32_t> chunks_taken_{0};
  std::atomic<uint32_t> next_track_{1};
  Counter dropped_;
  mutable std::mutex names_mutex_;
  std::map<uint32_t, std::string> names_;  // by track; guarded by names_mutex_
};

// From construction to destruction on one thread, when the tracer was on at construction.
class TraceSpan {
 public:
  TraceSpan(Tracer& tracer, const char* name) noexcept {
    if (!tracer.on()) [[likely]]
      return;
    tracer_ = &tracer;
    name_ = name;
    start_ = cycles();
  }
  ~TraceSpan() {
    if (tracer_) [[unlikely]]
      finish();
  }
  TraceSpan(const TraceSpan&) = delete;
  TraceSpan& operator=(const TraceSpan&) = delete;

  // Shown with the span; the last note counts.
  void note(const char* name, int64_t value) noexcept {
    note_ = name;
    value_ = value;
  }

 private:
  void finish() noexcept;

  Tracer* tracer_ = nullptr;
  const char* name_ = nullptr;
  const char* note_ = nullptr;
  int64_t value_ = 0;
  uint64_t start_ = 0;
};

}  // namespace llmos::observe
