// SPDX-License-Identifier: Apache-2.0
#include "kv_swap_bench.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

#include "kv/swapper.h"

namespace llmos::bench {
namespace {

using Seconds = std::chrono::duration<double>;
using Time = std::chrono::steady_clock;

// A block file that can be made to reach the device, and to forget what it has in memory.
class PlainFile final : public BlockFile {
 public:
  explicit PlainFile(const std::string& path)
      : path_(path), descriptor_(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600)) {
    ::unlink(path.c_str());
  }
  ~PlainFile() override { ::close(descriptor_); }
  Status read_at(uint64_t offset, std::span<std::byte> into) override {
    return whole(::pread(descriptor_, into.data(), into.size(), off_t(offset)), into.size());
  }
  Status write_at(uint64_t offset, std::span<const std::byte> from) override {
    return whole(::pwrite(descriptor_, from.data(), from.size(), off_t(offset)), from.size());
  }
  const std::string& path() const override { return path_; }
  void drop_cache() {
    ::fsync(descriptor_);
    ::posix_fadvise(descriptor_, 0, 0, POSIX_FADV_DONTNEED);
  }
  void sync() { ::fdatasync(descriptor_); }

 private:
  static Status whole(ssize_t done, size_t size) {
    return done == ssize_t(size) ? Status() : Status(Code::kInternal, "short transfer");
  }
  std::string path_;
  int descriptor_;
};

struct Rates {
  double out = 0, in = 0;  // bytes a second
};

Rates plain(PlainFile& file, std::vector<std::byte>& memory, size_t block) {
  const size_t count = memory.size() / block;
  const auto start = Time::now();
  for (size_t i = 0; i < count; ++i) {
    (void)file.write_at(i * block, std::span(memory).subspan(i * block, block));
  }
  file.sync();
  const Seconds out = Time::now() - start;
  file.drop_cache();
  const auto again = Time::now();
  for (size_t i = 0; i < count; ++i) {
    (void)file.read_at(i * block, std::span(memory).subspan(i * block, block));
  }
  return {double(memory.size()) / out.count(),
          double(memory.size()) / Seconds(Time::now() - again).count()};
}

Rates swapped(PlainFile* file, Swapper& swapper, BlockPool& pool) {
  const double bytes = double(pool.capacity()) * double(pool.layout().block_bytes());
  BlockTable table(pool, int64_t(pool.capacity()) * 16);
  if (!table.append(int64_t(pool.capacity()) * 16)) return {};
  const auto start = Time::now();
  const std::optional<ParkId> id = swapper.park(table);
  if (!id || !swapper.wait_idle(std::chrono::seconds(300))) return {};
  file->sync();
  const Seconds out = Time::now() - start;
  file->drop_cache();
  BlockTable back(pool, int64_t(pool.capacity()) * 16);
  const auto again = Time::now();
  if (!swapper.resume(*id, back) || !swapper.wait_idle(std::chrono::seconds(300))) return {};
  const Seconds in = Time::now() - again;
  const Resumed resumed = swapper.take(*id);
  if (!resumed.status.ok()) return {};
  return {bytes / out.count(), bytes / in.count()};
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

int print_swap(const std::string& directory, uint64_t mib) {
  const BlockLayout layout =
      BlockLayout::create(
          {.layers = 16, .kv_heads = 4, .head_dim = 128, .block_tokens = 16, .dtype = DType::kF16})
          .value();  // 512 KiB
  const auto blocks = uint32_t((mib << 20) / layout.block_bytes());
  auto memory = Pool::create();
  auto pool = memory.ok() ? BlockPool::create(**memory, layout, blocks)
                          : Result<BlockPool>(memory.status());
  if (!pool) {
    std::fprintf(stderr, "%s\n", pool.status().to_string().c_str());
    return 1;
  }
  std::vector<std::byte> plain_memory(size_t(blocks) * layout.block_bytes(), std::byte{1});
  std::vector<double> plain_out, plain_in, out, in;
  for (int round = 0; round < 5; ++round) {
    PlainFile raw(directory + "/llmos_swap_plain");
    const Rates a = plain(raw, plain_memory, layout.block_bytes());
    auto file = std::make_unique<PlainFile>(directory + "/llmos_swap_tier");
    PlainFile* const seen = file.get();
    auto tier = FileTier::create(
        std::move(file), {.block_bytes = layout.block_bytes(), .bytes_max = (mib << 20) * 2});
    if (!tier.ok()) return 1;
    Swapper swapper(*pool, *std::move(tier));
    const Rates b = swapped(seen, swapper, *pool);
    plain_out.push_back(a.out), plain_in.push_back(a.in);
    out.push_back(b.out), in.push_back(b.in);
  }
  std::printf("%u blocks of %zu KiB, medians of 5:\n", blocks, layout.block_bytes() >> 10);
  std::printf("out: plain %.2f GB/s, swapper %.2f GB/s, share %.2f\n", median(plain_out) / 1e9,
              median(out) / 1e9, median(out) / median(plain_out));
  std::printf("in:  plain %.2f GB/s, swapper %.2f GB/s, share %.2f\n", median(plain_in) / 1e9,
              median(in) / 1e9, median(in) / median(plain_in));
  return 0;
}

}  // namespace llmos::bench
