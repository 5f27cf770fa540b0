// SPDX-License-Identifier: Apache-2.0
// Whatever the bytes: a GGUF file is opened or refused, the same from memory and through reads;
// every value of an accepted one can be read in every way, and the file can be written again.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "format/checkpoint.h"
#include "format/fuzz_file.h"
#include "format/gguf.h"
#include "format/gguf_writer.h"
#include "format/memory_source.h"

namespace {

using namespace llmos;

// Asks for every key as every type; the sums keep the reads from being left out.
uint64_t read_values(const GgufMetadata& metadata) {
  uint64_t sum = 0;
  for (const GgufEntry& entry : metadata.entries()) {
    LLMOS_CHECK(metadata.find(entry.key) == &entry);
    sum += gguf_value_json(entry, 100).dump().size();
    if (const auto value = metadata.integer(entry.key, -5, 1 << 20); value.ok()) {
      LLMOS_CHECK(*value >= -5 && *value <= 1 << 20);
    }
    sum += metadata.number(entry.key).ok() + metadata.boolean(entry.key).ok();
    if (const auto text = metadata.string(entry.key); text.ok()) {
      for (const char c : *text) sum += uint8_t(c);
    }
    if (const auto texts = metadata.strings(entry.key); texts.ok()) {
      for (const std::string_view text : *texts) sum += text.empty() ? 0 : uint8_t(text.back());
    }
    if (const auto values = metadata.integers(entry.key); values.ok()) {
      for (const int64_t value : values->to_vector()) sum += uint64_t(value);
    }
    if (const auto values = metadata.numbers(entry.key); values.ok()) {
      sum += values->to_vector().size();
    }
    if (const auto values = metadata.booleans(entry.key); values.ok()) {
      sum += values->to_vector().size();
    }
  }
  return sum;
}

// Its header written by us is read as the same keys and tensors.
void write_again(const GgufHeader& header) {
  GgufOutline outline(header.alignment);
  for (const GgufEntry& entry : header.metadata.entries()) outline.set(entry);
  for (const TensorInfo& info : header.tensors) {
    LLMOS_CHECK(outline.add_tensor(info.name, info.dtype, info.shape).ok()) << info.name;
  }
  constexpr uint64_t kBytesMax = 4 << 20;
  std::string bytes = outline.header();
  if (bytes.size() + outline.data_bytes() > kBytesMax) return;  // alignments can be huge
  bytes.append(size_t(outline.data_bytes()), 'x');
  test::MemorySource source;
  source.add("again.gguf", bytes);
  const Result<WeightFile> file = WeightFile::of_source(source, "again.gguf");
  LLMOS_CHECK(file.ok());
  const Result<GgufHeader> again = read_gguf(*file);
  LLMOS_CHECK(again.ok()) << again.status().to_string();
  LLMOS_CHECK(again->tensors.size() == header.tensors.size());
  for (const GgufEntry& entry : again->metadata.entries()) {
    if (entry.key == "general.alignment") continue;
    const GgufEntry* before = header.metadata.find(entry.key);
    LLMOS_CHECK(before && before->type == entry.type && before->count == entry.count);
    LLMOS_CHECK(std::equal(before->bytes.begin(), before->bytes.end(), entry.bytes.begin(),
                           entry.bytes.end()));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  test::MemorySource shown(test::MemorySource::Mode::kInMemory), hidden;
  shown.add("m.gguf", bytes);
  hidden.add("m.gguf", bytes);
  const Result<Checkpoint> checkpoint = Checkpoint::open("m.gguf", {.source = &shown});
  const Result<Checkpoint> other = Checkpoint::open("m.gguf", {.source = &hidden});
  LLMOS_CHECK(checkpoint.status().to_string() == other.status().to_string());
  if (!checkpoint.ok()) {
    test::check_refusal(checkpoint.status());
    return 0;
  }
  test::check_tensors(*checkpoint);
  LLMOS_CHECK(read_values(checkpoint->metadata()) == read_values(other->metadata()));
  const Result<WeightFile> file = WeightFile::of_source(shown, "m.gguf");
  LLMOS_CHECK(file.ok());
  const Result<GgufHeader> header = read_gguf(*file);
  LLMOS_CHECK(header.ok()) << header.status().to_string();
  write_again(*header);
  return 0;
}
