// SPDX-License-Identifier: Apache-2.0
#include "engine/suspended.h"

#include <cmath>
#include <cstring>
#include <string>
#include <type_traits>

#include "kv/checksum.h"

namespace llmos::engine {
namespace {

constexpr uint64_t kMagic = 0x315153524F4D4C4Cu;  // "LLMORSQ1"
constexpr uint32_t kVersion = 1;

// Writes what visit() shows it.
class Writer {
 public:
  static constexpr bool kReads = false;
  explicit Writer(std::vector<std::byte>& bytes) : bytes_(bytes) {}

  template <class T>
  void plain(const T& value) {
    raw(&value, sizeof value);
  }
  uint64_t count(uint64_t items, size_t) {
    plain(items);
    return items;
  }
  void raw(const void* from, size_t size) {
    if (size == 0) return;
    const size_t at = bytes_.size();
    bytes_.resize(at + size);
    std::memcpy(bytes_.data() + at, from, size);
  }
  void fail() {}
  bool failed() const { return false; }

 private:
  std::vector<std::byte>& bytes_;
};

// Reads it back. After a failure everything is zero and empty.
class Reader {
 public:
  static constexpr bool kReads = true;
  explicit Reader(std::span<const std::byte> bytes) : left_(bytes) {}

  template <class T>
  void plain(T& value) {
    value = T{};
    raw(&value, sizeof value);
  }
  // Of items that take `least` bytes each: no more than there can be.
  uint64_t count(uint64_t, size_t least) {
    uint64_t items = 0;
    plain(items);
    if (items <= left_.size() / least) return items;
    fail();
    return 0;
  }
  void raw(void* into, size_t size) {
    if (size > left_.size()) return fail();
    if (size > 0) std::memcpy(into, left_.data(), size);
    left_ = left_.subspan(size);
  }
  void fail() {
    failed_ = true;
    left_ = {};
  }
  bool failed() const { return failed_; }
  bool at_end() const { return left_.empty(); }

 private:
  std::span<const std::byte> left_;
  bool failed_ = false;
};

template <class Archive, class T>
requires std::is_arithmetic_v<T>
void visit(Archive& archive, T& value) { archive.plain(value); }

// One byte; other bytes than 0 and 1 are nobody's bool.
template <class Archive>
void visit(Archive& archive, bool& value) {
  uint8_t byte = value;
  archive.plain(byte);
  if (byte > 1) archive.fail();
  value = byte == 1;
}

template <class Archive>
void visit(Archive& archive, Millis& value) {
  int64_t count = value.count();
  archive.plain(count);
  value = Millis(count);
}

template <class Archive>
void visit(Archive& archive, Finish& value) {
  auto byte = uint8_t(value);
  archive.plain(byte);
  if (byte > uint8_t(Finish::kFailed)) {
    byte = 0;
    archive.fail();
  }
  value = Finish(byte);
}

template <class Archive>
void visit(Archive& archive, DType& value) {
  auto number = uint32_t(value);
  archive.plain(number);
  value = DType(number);  // BlockLayout::create() or a comparison decides
}

template <class Archive>
void visit(Archive& archive, std::string& text) {
  const uint64_t size = archive.count(text.size(), 1);
  if constexpr (Archive::kReads) text.resize(size);
  archive.raw(text.data(), size);
}

template <class Archive, class T>
void visit(Archive& archive, std::optional<T>& value) {
  bool has = value.has_value();
  visit(archive, has);
  if (!has) return;
  if constexpr (Archive::kReads) value.emplace();
  visit(archive, *value);
}

template <class Archive, class T>
void visit(Archive& archive, std::vector<T>& items) {
  // Every item of ours takes at least a byte, plain ones their size.
  constexpr size_t kLeast = std::is_arithmetic_v<T> || std::is_same_v<T, std::byte> ? sizeof(T) : 1;
  const uint64_t count = archive.count(items.size(), kLeast);
  if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, std::byte>) {
    if constexpr (Archive::kReads) items.resize(count);
    archive.raw(items.data(), count * sizeof(T));
  } else if constexpr (Archive::kReads) {
    items.clear();  // grows as items are read: a count alone reserves nothing
    for (uint64_t i = 0; i < count && !archive.failed(); ++i) visit(archive, items.emplace_back());
  } else {
    for (T& item : items) visit(archive, item);
  }
}

template <class Archive, class... T>
void all(Archive& archive, T&... fields) {
  (visit(archive, fields), ...);
}

template <class Archive>
void visit(Archive& archive, TokenScore& s) {
  all(archive, s.id, s.logprob);
}

template <class Archive>
void visit(Archive& archive, TokenBias& b) {
  all(archive, b.id, b.bias);
}

template <class Archive>
void visit(Archive& archive, PositionScore& s) {
  all(archive, s.id, s.logprob, s.top);
}

template <class Archive>
void visit(Archive& archive, Sampling& s) {
  all(archive, s.temperature, s.top_k, s.top_p, s.min_p, s.typical_p, s.repetition_penalty,
      s.presence_penalty, s.frequency_penalty, s.penalty_window);
  all(archive, s.dry.multiplier, s.dry.base, s.dry.allowed_length, s.dry.window, s.dry.breakers);
  all(archive, s.xtc.probability, s.xtc.threshold, s.mirostat.tau, s.mirostat.eta, s.bias, s.banned,
      s.seed);
}

template <class Archive>
void visit(Archive& archive, Request& r) {
  visit(archive, r.sampling);
  all(archive, r.constraint.json_schema, r.constraint.regex, r.tokens_max, r.tokens_min,
      r.ignore_end, r.stop, r.stop_tokens, r.choices, r.logprobs, r.logprobs_top, r.prompt_logprobs,
      r.tenant, r.priority, r.deadline, r.tokens_hint);
}

template <class Archive>
void visit(Archive& archive, Usage& u) {
  all(archive, u.prompt_tokens, u.cached_tokens, u.recomputed_tokens, u.output_tokens,
      u.preemptions, u.bytes_swapped, u.kv_block_seconds, u.queued, u.first_token, u.total);
}

template <class Archive>
void visit(Archive& archive, SuspendedChoice& c) {
  BlockShape& shape = c.blocks.shape;
  all(archive, c.answer, c.sampler_state, c.over, c.finish);
  all(archive, shape.layers, shape.kv_heads, shape.head_dim, shape.block_tokens, shape.tail_tokens,
      shape.dtype, c.blocks.tokens, c.blocks.bytes);
}

template <class Archive>
void visit(Archive& archive, UnreadToken& u) {
  all(archive, u.event.id, u.event.choice, u.event.logprob, u.event.last, u.event.finish, u.tops);
}

template <class Archive>
void visit(Archive& archive, SuspendedRequest& s) {
  visit(archive, s.request);
  all(archive, s.prompt, s.choices, s.prompt_scores);
  visit(archive, s.usage);
  all(archive, s.scores, s.seen, s.unread);
}

Status corrupt(const char* what) {
  return {Code::kCorrupt, std::string("suspended request: ") + what};
}

// What the rest of the engine takes for granted of the parts' sizes.
bool fits_together(const SuspendedRequest& s) {
  const size_t choices = s.choices.size();
  if (choices == 0 || s.scores.size() != choices || s.seen.size() != choices) return false;
  if (s.request.choices != choices || s.prompt.empty()) return false;
  for (size_t i = 0; i < choices; ++i) {
    if (s.seen[i] > s.choices[i].answer.size()) return false;
    if (s.request.logprobs && s.scores[i].size() != s.seen[i]) return false;
  }
  // What was not seen is the rest of the answers.
  std::vector<size_t> next(s.seen.begin(), s.seen.end());
  for (const UnreadToken& u : s.unread) {
    if (u.event.choice >= choices) return false;
    const std::vector<TokenId>& answer = s.choices[u.event.choice].answer;
    size_t& place = next[u.event.choice];
    if (place == answer.size() || answer[place++] != u.event.id) return false;
  }
  for (size_t i = 0; i < choices; ++i) {
    if (next[i] != s.choices[i].answer.size()) return false;
    if (!std::isfinite(s.choices[i].sampler_state)) return false;
  }
  return true;
}

}  // namespace

std::vector<std::byte> to_image(const SuspendedRequest& suspended, const ModelDigest& digest) {
  std::vector<std::byte> image;
  Writer writer(image);
  writer.plain(kMagic);
  writer.plain(kVersion);
  writer.raw(digest.data(), digest.size());
  visit(writer, const_cast<SuspendedRequest&>(suspended));  // a Writer changes nothing
  writer.plain(checksum64(image));
  return image;
}

Result<SuspendedRequest> from_image(std::span<const std::byte> image, const ModelDigest& digest) {
  uint64_t sum = 0;
  if (image.size() < sizeof sum) return corrupt("expected an image, found too few bytes");
  const std::span<const std::byte> content = image.first(image.size() - sizeof sum);
  std::memcpy(&sum, content.data() + content.size(), sizeof sum);
  Reader reader(content);
  uint64_t magic = 0;
  uint32_t version = 0;
  ModelDigest made_by{};
  reader.plain(magic);
  reader.plain(version);
  reader.raw(made_by.data(), made_by.size());
  if (reader.failed() || magic != kMagic || version != kVersion) {
    return corrupt("expected an image of version 1, found other bytes");
  }
  if (sum != checksum64(content)) return corrupt("its checksum does not match: it was damaged");
  if (made_by != digest) {
    return Status(Code::kInvalid,
                  "suspended request: made by another model, type of keys and values, or kernel "
                  "set; resume it where those are the same");
  }
  SuspendedRequest suspended;
  visit(reader, suspended);
  if (reader.failed() || !reader.at_end() || !fits_together(suspended)) {
    return corrupt("its parts do not fit together");
  }
  return suspended;
}

}  // namespace llmos::engine
