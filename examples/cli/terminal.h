// SPDX-License-Identifier: Apache-2.0
// What the tool reads and writes: whole files, standard input and output, and a progress bar.
#pragma once

#include <llmos/extend.h>
#include <llmos/status.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace cli {

// The bytes as they are.
llmos::Result<std::string> read_stdin();
llmos::Result<std::string> read_file(const std::string& path);

// All of it and a flush; an error where the reader has gone.
llmos::Status write_stdout(std::string_view text);
bool stdout_is_terminal();

// As printf, at most 511 bytes.
__attribute__((format(printf, 1, 2))) std::string formatted(const char* format, ...);

// "1.5 GiB", "12.0 KiB", "17 bytes".
std::string bytes_text(uint64_t bytes);

// Draws a bar on standard error while it is a terminal, and nothing elsewhere.
class ProgressBar : public llmos::LoadProgress {
 public:
  explicit ProgressBar(std::string title);
  ~ProgressBar() override;  // clears the line
  bool advance(const llmos::Progress& progress) override;
  // `part` of 1 is done, of something worded like "12 chunks".
  void draw(double part, const std::string& all);

 private:
  std::string title_;
  bool shown_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point next_{};
};

}  // namespace cli
