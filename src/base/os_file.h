// SPDX-License-Identifier: Apache-2.0
// Files. With os_memory, os_cpu and os_cgroup the only places that call the operating system.
//
// Failure  Every error says operation, path and cause: "open model.gguf: ENOENT (No such file or
//          directory)". kNotFound, kDenied, kExhausted (disk or a bound) and kInvalid (not a
//          regular file) follow the cause; kCorrupt is a file that ends too early. Interrupted and
//          partial system calls are continued inside.
// Blocking Only regular files are opened for reading, so that a FIFO or terminal in the place of a
//          file is an error and cannot hang the caller. Writing accepts character devices too.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "llmos/status.h"

namespace llmos::os {

enum class OpenMode : uint8_t {
  kRead,    // an existing file
  kUpdate,  // an existing file, for reading and writing
  kCreate,  // made new, or emptied
  kAppend,  // made if missing; every write goes to the end
};

// An open file. Move-only; closed by the destructor.
// Threads: read_at() and write_at() from any number; the others one at a time.
class File {
 public:
  static Result<File> open(const std::string& path, OpenMode mode);
  // An empty file for reading and writing in `directory` that only this process sees: its name is
  // taken away at once (and its place on the disk when it is closed, whatever ends the process),
  // its mode lets nobody else in.
  static Result<File> scratch(const std::string& directory);
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  ~File();

  const std::string& path() const noexcept { return path_; }
  Result<uint64_t> size() const;

  // Exactly into.size() bytes, or an error; after one the content of `into` is undefined.
  Status read(std::span<std::byte> into);  // from the current place, which moves on
  Status read_at(uint64_t offset, std::span<std::byte> into) const;

  // All of `from`, or an error; after one a part may be written.
  Status write(std::span<const std::byte> from);
  Status write(std::string_view from) { return write(std::as_bytes(std::span(from))); }
  Status write_at(uint64_t offset, std::span<const std::byte> from);

  // What was written is on the device when this returns ok.
  Status sync();
  // Reports what a delayed write could not do. Further calls fail.
  Status close();

 private:
  friend class MappedFile;
  friend Result<std::string> read_file(const std::string& path, size_t bytes_max);
  friend class AtomicFile;
  File(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}

  int descriptor_;  // -1: closed
  std::string path_;
};

// The whole file, at most `bytes_max` (kExhausted beyond). Also for files of /proc and /sys, which
// claim to be empty.
Result<std::string> read_file(const std::string& path, size_t bytes_max);

// The files that this code may have been loaded from: the shared library, if it is one, and the
// program. Empty where the system does not tell.
std::vector<std::string> code_paths();

// A file's new content while it is written: a temporary file beside it, which commit() puts in its
// place. After a crash at any moment either the old or the new content is there, whole; without
// commit() the old one stays and the temporary file is removed. Keeps the permissions of the old
// file. A symbolic link is itself replaced. Move-only; one thread at a time.
class AtomicFile {
 public:
  static Result<AtomicFile> create(const std::string& path);
  AtomicFile(AtomicFile&& other) noexcept
      : file_(std::move(other.file_)), path_(std::exchange(other.path_, {})) {}
  AtomicFile& operator=(AtomicFile&& other) = delete;
  ~AtomicFile();

  File& file() noexcept { return file_; }
  // What was written is on the device and under the name when this returns ok. Last call.
  Status commit();

 private:
  AtomicFile(File file, std::string path) : file_(std::move(file)), path_(std::move(path)) {}

  File file_;
  std::string path_;  // empty: moved from, or committed
};

// Replaces or makes the file through an AtomicFile.
Status write_file_atomic(const std::string& path, std::string_view content);

// How a part of a mapping will be read.
enum class Access : uint8_t {
  kNormal,
  kSequential,  // once, forwards: read ahead far, drop behind
  kWillNeed,    // soon: start reading now
  kDontNeed,    // not soon: its memory may go; it is read again from the file
};

// A file's content as memory, read-only. Move-only.
// The file must not shrink while it is mapped: reading what is gone ends the process (SIGBUS). A
// program that cannot trust its files for that long reads them instead.
// Threads: all const methods from any number.
class MappedFile {
 public:
  static Result<MappedFile> open(const std::string& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  const std::string& path() const noexcept { return path_; }
  std::span<const std::byte> bytes() const noexcept { return {address_, bytes_}; }
  // kCorrupt when the range is not inside the file, whatever the numbers: a format's offsets may be
  // passed unchecked.
  Result<std::span<const std::byte>> slice(uint64_t offset, uint64_t size) const;
  // A hint for the pages of a range, cut to the file; refusal is harmless.
  void advise(Access access, uint64_t offset = 0, uint64_t size = UINT64_MAX) const noexcept;

 private:
  MappedFile(const std::byte* address, size_t bytes, std::string path)
      : address_(address), bytes_(bytes), path_(std::move(path)) {}

  const std::byte* address_;  // null when empty
  size_t bytes_;
  std::string path_;
};

namespace detail {

struct Transferred {
  size_t bytes;
  int error;  // errno, or 0: all done, or the end of the file
};

// Calls `step(done)` for the rest after `done` bytes, like read(2), until `bytes` are done, it
// answers 0, or it fails for another reason than a signal.
template <class Step>
Transferred transfer(size_t bytes, Step&& step) {
  size_t done = 0;
  while (done < bytes) {
    const auto count = step(done);
    if (count > 0) {
      done += size_t(count);
    } else if (count == 0) {
      break;
    } else if (errno != EINTR) {
      return {done, errno};
    }
  }
  return {done, 0};
}

}  // namespace detail
}  // namespace llmos::os
