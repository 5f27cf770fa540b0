// SPDX-License-Identifier: Apache-2.0
#include "base/os_file.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <limits>

#include "base/os_memory.h"
#include "base/text.h"

namespace llmos::os {

namespace {

Code code_of(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return Code::kNotFound;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return Code::kExhausted;
    case EISDIR:
    case EINVAL:
    case ENAMETOOLONG:
    case ELOOP:
    case EBADF:
      return Code::kInvalid;
    default:
      return Code::kDenied;
  }
}

Status failed(std::string_view operation, const std::string& path, int error) {
  return Status(code_of(error),
                (Text() << operation << ' ' << path << ": " << errno_text(error)).str());
}

const char* kind_of(mode_t mode) {
  if (S_ISREG(mode)) return "a regular file";
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISSOCK(mode)) return "a socket";
  if (S_ISBLK(mode)) return "a block device";
  return "a character device";
}

int flags_of(OpenMode mode) {
  switch (mode) {
    case OpenMode::kRead:
      break;
    case OpenMode::kUpdate:
      return O_RDWR;
    case OpenMode::kCreate:
      return O_RDWR | O_CREAT | O_TRUNC;
    case OpenMode::kAppend:
      return O_WRONLY | O_CREAT | O_APPEND;
  }
  return O_RDONLY;
}

template <class Call>
auto retry_interrupted(Call&& call) {
  for (;;) {
    const auto result = call();
    if (result != -1 || errno != EINTR) return result;
  }
}

constexpr mode_t kNewFileMode = 0666;  // before the umask

// Refuses what is not a file, and lets reads and writes of what is wait again.
Status check_kind(int descriptor, const std::string& path, OpenMode mode) {
  struct stat info;
  if (fstat(descriptor, &info) != 0) return failed("stat", path, errno);
  const bool device = S_ISCHR(info.st_mode) && mode != OpenMode::kRead;
  if (!S_ISREG(info.st_mode) && !device) {
    return Status(Code::kInvalid, (Text() << "open " << path << ": expected a regular file, found "
                                          << kind_of(info.st_mode))
                                      .str());
  }
  const int flags = fcntl(descriptor, F_GETFL);
  if (flags < 0 || fcntl(descriptor, F_SETFL, flags & ~O_NONBLOCK) != 0) {
    return failed("open", path, errno);
  }
  return Status();
}

// An offset that the system call's signed type can hold.
Status check_range(std::string_view operation, const std::string& path, uint64_t offset,
                   size_t bytes) {
  constexpr uint64_t kOffsetMax = uint64_t(std::numeric_limits<off_t>::max());
  if (offset <= kOffsetMax && bytes <= kOffsetMax - offset) return Status();
  return Status(Code::kInvalid, (Text() << operation << ' ' << path << ": expected an offset below "
                                        << "2^63, found " << offset << " + " << bytes)
                                    .str());
}

Status read_result(const std::string& path, detail::Transferred got, size_t wanted) {
  if (got.error != 0) return failed("read", path, got.error);
  if (got.bytes == wanted) return Status();
  return Status(Code::kCorrupt, (Text() << "read " << path << ": expected " << wanted
                                        << " bytes, found the end of the file after " << got.bytes)
                                    .str());
}

Status write_result(const std::string& path, detail::Transferred put, size_t wanted) {
  if (put.error != 0) return failed("write", path, put.error);
  if (put.bytes == wanted) return Status();
  return Status(Code::kExhausted, (Text() << "write " << path << ": expected to write " << wanted
                                          << " bytes, the system took " << put.bytes)
                                      .str());
}

bool try_resize(std::string& text, size_t bytes) {
  try {
    text.resize(bytes);
    return true;
  } catch (const std::exception&) {  // bad_alloc, length_error
    return false;
  }
}

std::string directory_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == path.npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// The name is durable only when its directory is. Some file systems cannot say (EINVAL).
Status sync_directory(const std::string& path) {
  const std::string directory = directory_of(path);
  const int descriptor = retry_interrupted(
      [&] { return ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  if (descriptor < 0) return failed("open", directory, errno);
  const int result = retry_interrupted([&] { return fsync(descriptor); });
  const int error = errno;
  ::close(descriptor);
  return result == 0 || error == EINVAL ? Status() : failed("sync", directory, error);
}

std::string temporary_name(const std::string& path) {
  uint64_t number = 0;
  if (getrandom(&number, sizeof number, 0) != ssize_t(sizeof number)) number = uint64_t(getpid());
  char suffix[32];
  std::snprintf(suffix, sizeof suffix, ".%016llx.tmp", static_cast<unsigned long long>(number));
  return path + suffix;
}

}  // namespace

Result<File> File::open(const std::string& path, OpenMode mode) {
  // Without O_NONBLOCK the open itself would wait for the other end of a FIFO.
  const int flags = flags_of(mode) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  const int descriptor =
      retry_interrupted([&] { return ::open(path.c_str(), flags, kNewFileMode); });
  if (descriptor < 0) return failed("open", path, errno);
  File file(descriptor, path);
  if (Status status = check_kind(descriptor, path, mode); !status.ok()) return status;
  return file;
}

Result<File> File::scratch(const std::string& directory) {
  constexpr mode_t kMine = 0600;
  const std::string path = temporary_name(directory + "/llmos_scratch");
  const int descriptor = retry_interrupted(
      [&] { return ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, kMine); });
  if (descriptor < 0) return failed("create", path, errno);
  File file(descriptor, path);
  if (::unlink(path.c_str()) != 0) return failed("remove", path, errno);
  return file;
}

File::File(File&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), path_(std::move(other.path_)) {}

File& File::operator=(File&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(path_, other.path_);
  return *this;
}

File::~File() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<uint64_t> File::size() const {
  struct stat info;
  if (fstat(descriptor_, &info) != 0) return failed("stat", path_, errno);
  return uint64_t(info.st_size);
}

Status File::read(std::span<std::byte> into) {
  const auto got = detail::transfer(into.size(), [&](size_t done) {
    return ::read(descriptor_, into.data() + done, into.size() - done);
  });
  return read_result(path_, got, into.size());
}

Status File::read_at(uint64_t offset, std::span<std::byte> into) const {
  if (Status status = check_range("read", path_, offset, into.size()); !status.ok()) return status;
  const auto got = detail::transfer(into.size(), [&](size_t done) {
    return pread(descriptor_, into.data() + done, into.size() - done, off_t(offset + done));
  });
  return read_result(path_, got, into.size());
}

Status File::write(std::span<const std::byte> from) {
  const auto put = detail::transfer(from.size(), [&](size_t done) {
    return ::write(descriptor_, from.data() + done, from.size() - done);
  });
  return write_result(path_, put, from.size());
}

Status File::write_at(uint64_t offset, std::span<const std::byte> from) {
  if (Status status = check_range("write", path_, offset, from.size()); !status.ok()) return status;
  const auto put = detail::transfer(from.size(), [&](size_t done) {
    return pwrite(descriptor_, from.data() + done, from.size() - done, off_t(offset + done));
  });
  return write_result(path_, put, from.size());
}

Status File::sync() {
  if (retry_interrupted([&] { return fsync(descriptor_); }) == 0) return Status();
  return failed("sync", path_, errno);
}

Status File::close() {
  // Not retried: on Linux the descriptor is gone even when the call was interrupted.
  if (::close(std::exchange(descriptor_, -1)) == 0 || errno == EINTR) return Status();
  return failed("close", path_, errno);
}

Result<std::string> read_file(const std::string& path, size_t bytes_max) {
  Result<File> file = File::open(path, OpenMode::kRead);
  if (!file.ok()) return file.status();
  const Result<uint64_t> size = file->size();
  if (!size.ok()) return size.status();
  const auto too_large = [&] {
    return Status(Code::kExhausted, (Text() << "read " << path << ": expected at most "
                                            << bytes_text(bytes_max) << ", found more")
                                        .str());
  };
  if (*size > bytes_max) return too_large();
  // Not even tried. (Not physical_memory_bytes(), which reads files itself.)
  const uint64_t machine_bytes = uint64_t(sysconf(_SC_PHYS_PAGES)) * page_bytes();
  if (*size > machine_bytes) return failed("read", path, ENOMEM);
  // One byte more than there should be shows the end; what is still growing is read in steps.
  constexpr size_t kStepBytes = 64 << 10;
  bytes_max = std::min(bytes_max, size_t(std::numeric_limits<off_t>::max()) - 1);
  std::string content;
  size_t bytes = 0;
  for (size_t step = size_t(*size) + 1;; step = kStepBytes) {
    if (!try_resize(content, bytes + std::min(step, bytes_max - bytes + 1))) {
      return failed("read", path, ENOMEM);
    }
    const auto rest = std::as_writable_bytes(std::span(content)).subspan(bytes);
    const auto got = detail::transfer(rest.size(), [&](size_t done) {
      return pread(file->descriptor_, rest.data() + done, rest.size() - done, off_t(bytes + done));
    });
    if (got.error != 0) return failed("read", path, got.error);
    bytes += got.bytes;
    if (bytes > bytes_max) return too_large();
    if (got.bytes < rest.size()) break;
  }
  content.resize(bytes);
  return content;
}

std::vector<std::string> code_paths() {
  std::vector<std::string> paths;
  Dl_info info{};
  // A program's own code has the name that it was called by, which says nothing.
  if (dladdr(reinterpret_cast<const void*>(&code_paths), &info) != 0 && info.dli_fname &&
      info.dli_fname[0] == '/') {
    paths.emplace_back(info.dli_fname);
  }
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!error) paths.push_back(program.string());
  return paths;
}

Result<AtomicFile> AtomicFile::create(const std::string& path) {
  std::string temporary = temporary_name(path);
  const int descriptor = retry_interrupted([&] {
    return ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kNewFileMode);
  });
  if (descriptor < 0) return failed("create", temporary, errno);
  return AtomicFile(File(descriptor, std::move(temporary)), path);
}

AtomicFile::~AtomicFile() {
  if (!path_.empty()) unlink(file_.path().c_str());
}

Status AtomicFile::commit() {
  const std::string& temporary = file_.path();
  struct stat old;
  if (stat(path_.c_str(), &old) == 0 && fchmod(file_.descriptor_, old.st_mode & 07777) != 0) {
    return failed("set permissions of", temporary, errno);
  }
  if (Status status = file_.sync(); !status.ok()) return status;
  if (Status status = file_.close(); !status.ok()) return status;
  if (rename(temporary.c_str(), path_.c_str()) != 0) return failed("replace", path_, errno);
  return sync_directory(std::exchange(path_, {}));
}

Status write_file_atomic(const std::string& path, std::string_view content) {
  Result<AtomicFile> atomic = AtomicFile::create(path);
  if (!atomic.ok()) return atomic.status();
  if (Status status = atomic->file().write(content); !status.ok()) return status;
  return atomic->commit();
}

Result<MappedFile> MappedFile::open(const std::string& path) {
  const Result<File> file = File::open(path, OpenMode::kRead);
  if (!file.ok()) return file.status();
  const Result<uint64_t> size = file->size();
  if (!size.ok()) return size.status();
  if (*size == 0) return MappedFile(nullptr, 0, path);  // mmap refuses a length of 0
  if (*size > std::numeric_limits<size_t>::max()) return failed("map", path, ENOMEM);
  void* address = mmap(nullptr, size_t(*size), PROT_READ, MAP_PRIVATE, file->descriptor_, 0);
  if (address == MAP_FAILED) return failed("map", path, errno);
  return MappedFile(static_cast<const std::byte*>(address), size_t(*size), path);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : address_(std::exchange(other.address_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)),
      path_(std::move(other.path_)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(address_, other.address_);
  std::swap(bytes_, other.bytes_);
  std::swap(path_, other.path_);
  return *this;
}

MappedFile::~MappedFile() {
  if (address_) munmap(const_cast<std::byte*>(address_), bytes_);
}

Result<std::span<const std::byte>> MappedFile::slice(uint64_t offset, uint64_t size) const {
  if (offset <= bytes_ && size <= bytes_ - offset) {
    return bytes().subspan(size_t(offset), size_t(size));
  }
  return Status(Code::kCorrupt, (Text() << path_ << ": expected " << size << " bytes at offset "
                                        << offset << ", found a file of " << bytes_ << " bytes")
                                    .str());
}

void MappedFile::advise(Access access, uint64_t offset, uint64_t size) const noexcept {
  if (offset >= bytes_) return;
  static constexpr int kAdvice[] = {MADV_NORMAL, MADV_SEQUENTIAL, MADV_WILLNEED, MADV_DONTNEED};
  const uint64_t head = offset % page_bytes();  // madvise wants whole pages
  const uint64_t length = std::min<uint64_t>(size, bytes_ - offset) + head;
  madvise(const_cast<std::byte*>(address_) + (offset - head), size_t(length),
          kAdvice[size_t(access)]);
}

}  // namespace llmos::os
