// SPDX-License-Identifier: Apache-2.0
#include "format/quantise.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <new>
#include <span>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "format/checkpoint.h"
#include "format/gguf_writer.h"
#include "format/quantise_rules.h"
#include "sync/task_arena.h"
#include "tensor/quant.h"
#include "tensor/quant_encode.h"

namespace llmos {
namespace {

// What one task encodes: enough work (about a millisecond) to make its scheduling free, a whole
// number of blocks of every type, and buffers that stay in a core's cache (256 KB of f32).
constexpr uint64_t kSegmentElements = 65536;
// Segments between two writes: work for many cores, and a buffer of at most 16 MB (F32).
constexpr uint64_t kWindowSegments = 64;
constexpr uint64_t kWindowElements = kSegmentElements * kWindowSegments;

// The version of the block formats that ggml writes since June 2023, and that we read.
constexpr uint32_t kQuantizationVersion = 2;

// Of a number of elements that is a whole number of blocks.
uint64_t bytes_of(DType dtype, uint64_t elements) { return row_bytes(dtype, elements).value_or(0); }

Status at_tensor(Code code, const Checkpoint& source, const TensorInfo& info,
                 std::string_view what) {
  return Status(code, (Text() << source.path() << ": tensor " << info.name << ": " << what).str());
}

// One tensor's way from the source to the writer.
class TensorCopy {
 public:
  TensorCopy(const Checkpoint& source, const TensorInfo& info, DType dtype)
      : source_(source), info_(info), dtype_(dtype), elements_(info.shape.elements().value_or(0)) {}

  uint64_t elements() const noexcept { return elements_; }

  // Encodes elements [begin, begin + count) into `window`.
  Status encode_window(TaskArena& arena, uint64_t begin, uint64_t count,
                       std::span<std::byte> window) const {
    const uint64_t segments = (count + kSegmentElements - 1) / kSegmentElements;
    std::array<Status, kWindowSegments> statuses;
    arena.parallel_for(0, segments, 1, [&](size_t first, size_t last) {
      for (size_t i = first; i < last; ++i) {
        const uint64_t offset = i * kSegmentElements;
        const uint64_t length = std::min(kSegmentElements, count - offset);
        statuses[i] =
            encode_segment(begin + offset, length, window.data() + bytes_of(dtype_, offset));
      }
    });
    for (Status& status : statuses) {
      if (!status.ok()) return std::move(status);
    }
    return Status();
  }

 private:
  Status encode_segment(uint64_t begin, uint64_t count, std::byte* out) const {
    std::vector<std::byte> bytes(bytes_of(info_.dtype, count));
    if (Status status = source_.read(info_, bytes_of(info_.dtype, begin), bytes); !status.ok()) {
      return status;
    }
    if (info_.dtype == dtype_) {
      std::copy(bytes.begin(), bytes.end(), out);
      return Status();
    }
    std::vector<float> values(count);
    dequantize_row(info_.dtype, bytes.data(), values.data(), count);
    if (!all_finite(values.data(), count)) {
      return at_tensor(Code::kCorrupt, source_, info_,
                       "expected finite weights, found NaN or infinity; a model that computes with "
                       "such weights is broken, quantise an intact file");
    }
    quantize_row(dtype_, values.data(), nullptr, out, count);
    if (dtype_ == DType::kF16) return check_halves(values);
    return Status();
  }

  // Where rows fit no block the type is F16, whose largest value is 65504.
  Status check_halves(const std::vector<float>& values) const {
    const bool beyond = std::any_of(values.begin(), values.end(),
                                    [](float value) { return std::abs(value) >= 65520; });
    return beyond ? at_tensor(Code::kUnsupported, source_, info_,
                              "its rows fit no block, and F16 cannot hold all of its values")
                  : Status();
  }

  const Checkpoint& source_;
  const TensorInfo& info_;
  DType dtype_;
  uint64_t elements_;
};

// Notes with the same type and reason become one.
class Notes {
 public:
  void add(const TensorInfo& info, const TypeChoice& choice) {
    const std::string what = (Text() << dtype_name(choice.dtype) << ": " << choice.reason).str();
    const auto same = std::find_if(notes_.begin(), notes_.end(),
                                   [&](const Note& note) { return note.what == what; });
    if (same != notes_.end()) {
      ++same->count;
    } else {
      notes_.push_back({what, info.name, 1});
    }
  }
  std::vector<std::string> texts() const {
    std::vector<std::string> texts;
    for (const Note& note : notes_) {
      Text text;
      text << note.first;
      if (note.count > 1) text << " and " << note.count - 1 << " more";
      texts.push_back((std::move(text << ": " << note.what)).str());
    }
    return texts;
  }

 private:
  struct Note {
    std::string what, first;
    uint64_t count;
  };
  std::vector<Note> notes_;
};

// What the new file will be, decided before the first byte is written.
struct Design {
  GgufOutline outline;
  std::vector<DType> dtypes;  // in the order of the source's tensors
  QuantiseResult result;
};

void copy_metadata(const Checkpoint& source, DType wanted, GgufOutline& outline) {
  for (const GgufEntry& entry : source.metadata().entries()) {
    if (entry.key.empty() || entry.key.starts_with("split.")) continue;
    outline.set(entry);
  }
  outline.set("general.file_type", gguf_file_type(wanted).value_or(0));
  outline.set("general.quantization_version", kQuantizationVersion);
}

Status check_source_type(const Checkpoint& source, const TensorInfo& info, DType chosen,
                         bool requantise) {
  if (!is_quantized(info.dtype) || info.dtype == chosen || requantise) return Status();
  return at_tensor(Code::kUnsupported, source, info,
                   (Text() << "expected F32, F16 or BF16, found " << dtype_name(info.dtype)
                           << "; quantise the original file, or allow requantising, which rounds "
                              "twice")
                       .str());
}

void count_use(DType dtype, const TensorInfo& info, std::vector<QuantiseResult::TypeUse>& types) {
  auto use = std::find_if(types.begin(), types.end(),
                          [&](const auto& other) { return other.dtype == dtype; });
  if (use == types.end()) use = types.insert(types.end(), {dtype, 0, 0, 0});
  ++use->tensors;
  use->elements += info.shape.elements().value_or(0);
  use->bytes += tensor_bytes(dtype, info.shape).value_or(0);
}

Result<Design> design(const Checkpoint& source, const QuantiseJob& job) {
  Design design;
  copy_metadata(source, job.dtype, design.outline);
  const QuantiseContext context = quantise_context(source.tensors(), job.dtype);
  Notes notes;
  for (const TensorInfo& info : source.tensors()) {
    const TypeChoice choice = choose_type(info, context);
    if (Status status = check_source_type(source, info, choice.dtype, job.requantise);
        !status.ok()) {
      return status;
    }
    if (Status status = design.outline.add_tensor(info.name, choice.dtype, info.shape);
        !status.ok()) {
      return status;
    }
    if (!choice.reason.empty()) notes.add(info, choice);
    design.dtypes.push_back(choice.dtype);
    count_use(choice.dtype, info, design.result.types);
    design.result.bytes_in += info.bytes;
    design.result.bytes_out += tensor_bytes(choice.dtype, info.shape).value_or(0);
  }
  design.result.notes = notes.texts();
  std::sort(design.result.types.begin(), design.result.types.end(),
            [](const auto& a, const auto& b) { return a.bytes > b.bytes; });
  return design;
}

class Quantiser {
 public:
  Quantiser(const Checkpoint& source, const QuantiseJob& job, GgufWriter& writer)
      : source_(source), arena_(job.threads), listener_(job.progress), writer_(writer) {
    for (const TensorInfo& info : source.tensors()) progress_.bytes_total += info.bytes;
    progress_.tensors_total = uint32_t(source.tensors().size());
  }

  Status run(std::span<const DType> dtypes) {
    for (size_t i = 0; i < dtypes.size(); ++i) {
      const TensorInfo& info = source_.tensors()[i];
      source_.will_need(info);
      if (Status status = write_tensor(info, dtypes[i]); !status.ok()) return status;
      source_.dont_need(info);
    }
    return Status();
  }

 private:
  Status write_tensor(const TensorInfo& info, DType dtype) {
    const TensorCopy copy(source_, info, dtype);
    for (uint64_t begin = 0; begin < copy.elements(); begin += kWindowElements) {
      const uint64_t count = std::min(kWindowElements, copy.elements() - begin);
      window_.resize(bytes_of(dtype, count));
      if (Status status = copy.encode_window(arena_, begin, count, window_); !status.ok()) {
        return status;
      }
      if (Status status = writer_.write(window_); !status.ok()) return status;
      progress_.bytes_done += bytes_of(info.dtype, count);
      progress_.tensors_done += begin + count == copy.elements();
      if (listener_ && !listener_->advance(progress_)) {
        return Status(Code::kCancelled, "quantising was stopped by its caller");
      }
    }
    return Status();
  }

  const Checkpoint& source_;
  TaskArena arena_;
  LoadProgress* listener_;
  GgufWriter& writer_;
  Progress progress_;
  std::vector<std::byte> window_;
};

Status check_job(const std::string& from, const std::string& to, const QuantiseJob& job) {
  if (!gguf_file_type(job.dtype)) {
    return Status(
        Code::kUnsupported,
        (Text() << "expected the type Q8_0, Q4_0, Q4_K, Q5_K, Q6_K, IQ4_NL or MXFP4, found "
                << dtype_name(job.dtype))
            .str());
  }
  std::error_code error;  // "not there" is no error here
  if (std::filesystem::equivalent(from, to, error)) {
    return Status(Code::kInvalid, from + ": the new file would replace its source; name another");
  }
  return Status();
}

Result<QuantiseResult> quantise(const std::string& from, const std::string& to,
                                const QuantiseJob& job) {
  if (Status status = check_job(from, to, job); !status.ok()) return status;
  const Result<Checkpoint> source = Checkpoint::open(from);
  if (!source.ok()) return source.status();
  if (source->kind() != CheckpointKind::kGguf) {
    return Status(Code::kUnsupported,
                  from +
                      ": expected a GGUF file, found a Hugging Face directory; convert it to "
                      "GGUF first");
  }
  Result<Design> plan = design(*source, job);
  if (!plan.ok()) return plan.status();
  Result<GgufWriter> writer = GgufWriter::create(to, std::move(plan->outline));
  if (!writer.ok()) return writer.status();
  if (Status status = Quantiser(*source, job, *writer).run(plan->dtypes); !status.ok()) {
    return status;
  }
  if (Status status = writer->finish(); !status.ok()) return status;
  return std::move(plan->result);
}

}  // namespace

Result<QuantiseResult> quantise_gguf(const std::string& from, const std::string& to,
                                     const QuantiseJob& job) {
  try {
    return quantise(from, to, job);
  } catch (const std::bad_alloc&) {
    return Status(Code::kExhausted, from + ": out of memory while quantising");
  }
}

}  // namespace llmos
