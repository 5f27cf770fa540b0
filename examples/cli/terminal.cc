// SPDX-License-Identifier: Apache-2.0
#include "terminal.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

namespace cli {
namespace {

using llmos::Code;
using llmos::Result;
using llmos::Status;

Status io_error(const std::string& what) {
  const Code code = errno == ENOENT ? Code::kNotFound : Code::kDenied;
  return {code, what + ": " + std::strerror(errno)};
}

Result<std::string> read_all(std::FILE* file, const std::string& name) {
  std::string text;
  char buffer[1 << 16];
  while (const size_t count = std::fread(buffer, 1, sizeof buffer, file))
    text.append(buffer, count);
  if (std::ferror(file)) return io_error("read " + name);
  return text;
}

}  // namespace

Result<std::string> read_stdin() { return read_all(stdin, "standard input"); }

Result<std::string> read_file(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                             std::fclose);
  if (!file) return io_error("open " + path);
  return read_all(file.get(), path);
}

Status write_stdout(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    return io_error("write standard output");
  }
  return {};
}

bool stdout_is_terminal() { return isatty(STDOUT_FILENO) == 1; }

std::string formatted(const char* format, ...) {
  char text[512];
  va_list values;
  va_start(values, format);
  std::vsnprintf(text, sizeof text, format, values);
  va_end(values);
  return text;
}

std::string bytes_text(uint64_t bytes) {
  if (bytes < 1024) return std::to_string(bytes) + " bytes";
  constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = double(bytes) / 1024;
  size_t unit = 0;
  for (; value >= 1024; ++unit) value /= 1024;
  char text[32];
  std::snprintf(text, sizeof text, "%.1f %s", value, kUnits[unit]);
  return text;
}

ProgressBar::ProgressBar(std::string title)
    : title_(std::move(title)), shown_(isatty(STDERR_FILENO) == 1) {}

ProgressBar::~ProgressBar() {
  if (drawn_) std::fputs("\r\033[K", stderr);
}

bool ProgressBar::advance(const llmos::Progress& progress) {
  const double total = double(std::max<uint64_t>(progress.bytes_total, 1));
  draw(double(progress.bytes_done) / total, bytes_text(progress.bytes_total));
  return true;
}

void ProgressBar::draw(double part, const std::string& all) {
  using namespace std::chrono_literals;
  const auto now = std::chrono::steady_clock::now();
  if (!shown_ || now < next_) return;
  next_ = now + 100ms;  // ten times a second is as fast as one reads
  constexpr int kWidth = 30;
  const int filled = int(std::clamp(part, 0.0, 1.0) * kWidth);
  std::fprintf(stderr, "\r%s [%s%s] %3.0f %% of %s\033[K", title_.c_str(),
               std::string(size_t(filled), '#').c_str(),
               std::string(size_t(kWidth - filled), ' ').c_str(), part * 100, all.c_str());
  std::fflush(stderr);
  drawn_ = true;
}

}  // namespace cli
