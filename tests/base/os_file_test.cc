// SPDX-License-Identifier: Apache-2.0
#include "base/os_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <thread>
#include <vector>

#include "support/temp_dir.h"

namespace llmos::os {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string text_of(std::span<const std::byte> bytes) {
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

std::string content_of(const std::string& path) {
  return read_file(path, 1 << 20).value_or("unreadable");
}

class OsFile : public ::testing::Test {
 protected:
  test::TempDir dir_;
};

TEST_F(OsFile, WritesAndReadsBack) {
  Result<File> file = File::open(dir_ / "a", OpenMode::kCreate);
  ASSERT_TRUE(file.ok()) << file.status().to_string();
  ASSERT_TRUE(file->write("hello ").ok());
  ASSERT_TRUE(file->write("world").ok());
  ASSERT_TRUE(file->write_at(0, std::as_bytes(std::span("J", 1))).ok());
  ASSERT_TRUE(file->sync().ok());
  EXPECT_EQ(*file->size(), 11u);
  std::vector<std::byte> bytes(5);
  ASSERT_TRUE(file->read_at(6, bytes).ok());
  EXPECT_EQ(text_of(bytes), "world");
  ASSERT_TRUE(file->close().ok());
  EXPECT_FALSE(file->sync().ok());

  file = File::open(dir_ / "a", OpenMode::kRead);
  ASSERT_TRUE(file->read(bytes).ok());
  EXPECT_EQ(text_of(bytes), "Jello");
  ASSERT_TRUE(file->read(bytes).ok());
  EXPECT_EQ(text_of(bytes), " worl");
}

TEST_F(OsFile, ModesCreateEmptyUpdateAndAppend) {
  const std::string path = dir_.write("a", "12345");
  ASSERT_TRUE(File::open(path, OpenMode::kAppend)->write("67").ok());
  EXPECT_EQ(content_of(path), "1234567");
  ASSERT_TRUE(File::open(path, OpenMode::kUpdate)->write("ab").ok());
  EXPECT_EQ(content_of(path), "ab34567");
  ASSERT_TRUE(File::open(path, OpenMode::kCreate).ok());
  EXPECT_EQ(content_of(path), "");
  EXPECT_EQ(File::open(dir_ / "none", OpenMode::kUpdate).status().code(), Code::kNotFound);
}

TEST_F(OsFile, MissingFileSaysOperationPathAndCause) {
  const std::string path = dir_ / "none";
  const Status status = File::open(path, OpenMode::kRead).status();
  EXPECT_EQ(status.code(), Code::kNotFound);
  EXPECT_EQ(status.message(), "open " + path + ": ENOENT (No such file or directory)");
  EXPECT_EQ(read_file(path, 1).status().code(), Code::kNotFound);
  EXPECT_EQ(MappedFile::open(path).status().code(), Code::kNotFound);
}

// A test is a program: there is no library, and the link of the system names it.
TEST_F(OsFile, CodePathsNameTheProgram) {
  const std::vector<std::string> paths = code_paths();
  ASSERT_FALSE(paths.empty());
  EXPECT_EQ(paths.back(), std::filesystem::read_symlink("/proc/self/exe"));
  for (const std::string& path : paths) EXPECT_TRUE(std::filesystem::exists(path)) << path;
}

TEST_F(OsFile, DirectoryIsNotAFile) {
  EXPECT_EQ(File::open(dir_.path(), OpenMode::kRead).status().message(),
            "open " + dir_.path() + ": expected a regular file, found a directory");
  EXPECT_EQ(File::open(dir_.path(), OpenMode::kCreate).status().code(), Code::kInvalid);
  EXPECT_EQ(MappedFile::open(dir_.path()).status().code(), Code::kInvalid);
  EXPECT_EQ(write_file_atomic(dir_.path(), "x").code(), Code::kInvalid);
}

// Each of these would wait for a writer for ever.
TEST_F(OsFile, FifoIsRefusedAtOnce) {
  const std::string path = dir_ / "fifo";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  for (const OpenMode mode : {OpenMode::kRead, OpenMode::kUpdate, OpenMode::kCreate}) {
    const Status status = File::open(path, mode).status();
    EXPECT_EQ(status.code(), Code::kInvalid);
    EXPECT_THAT(status.message(), HasSubstr("found a FIFO"));
  }
  EXPECT_FALSE(File::open(path, OpenMode::kAppend).ok());
  EXPECT_FALSE(read_file(path, 100).ok());
  EXPECT_FALSE(MappedFile::open(path).ok());
}

TEST_F(OsFile, DevicesAreWrittenButNotRead) {
  EXPECT_TRUE(File::open("/dev/null", OpenMode::kCreate)->write("x").ok());
  EXPECT_THAT(File::open("/dev/zero", OpenMode::kRead).status().message(),
              HasSubstr("found a character device"));
}

// In a process of its own, which gives up root's right to read everything.
TEST_F(OsFile, PermissionIsDenied) {
  const std::string path = dir_.write("secret", "x");
  ASSERT_EQ(chmod(path.c_str(), 0), 0);
  constexpr uid_t kNobody = 65534;
  EXPECT_EXIT(
      {
        if (geteuid() == 0 && setuid(kNobody) != 0) std::_Exit(2);
        std::_Exit(File::open(path, OpenMode::kRead).status().code() == Code::kDenied ? 0 : 1);
      },
      ::testing::ExitedWithCode(0), "");
}

TEST_F(OsFile, FullDiskIsExhausted) {
  Result<File> file = File::open("/dev/full", OpenMode::kCreate);
  ASSERT_TRUE(file.ok()) << file.status().to_string();
  const Status status = file->write("x");
  EXPECT_EQ(status.code(), Code::kExhausted);
  EXPECT_EQ(status.message(), "write /dev/full: ENOSPC (No space left on device)");
}

TEST_F(OsFile, FileThatEndsEarlyIsCorrupt) {
  const std::string path = dir_.write("short", "12345");
  Result<File> file = File::open(path, OpenMode::kRead);
  std::vector<std::byte> bytes(8);
  const Status status = file->read_at(2, bytes);
  EXPECT_EQ(status.code(), Code::kCorrupt);
  EXPECT_EQ(status.message(),
            "read " + path + ": expected 8 bytes, found the end of the file after 3");
  EXPECT_EQ(file->read(bytes).code(), Code::kCorrupt);
  EXPECT_EQ(file->read_at(1000, bytes).code(), Code::kCorrupt);
}

TEST_F(OsFile, AbsurdOffsetsAreInvalid) {
  Result<File> file = File::open(dir_ / "a", OpenMode::kCreate);
  std::vector<std::byte> bytes(8);
  for (const uint64_t offset : {~uint64_t{0}, uint64_t{1} << 63, (uint64_t{1} << 63) - 4}) {
    EXPECT_EQ(file->read_at(offset, bytes).code(), Code::kInvalid);
    EXPECT_EQ(file->write_at(offset, bytes).code(), Code::kInvalid);
  }
}

TEST_F(OsFile, MoveHandsTheDescriptorOver) {
  File first = *File::open(dir_ / "a", OpenMode::kCreate);
  File second = std::move(first);
  EXPECT_TRUE(second.write("x").ok());
  EXPECT_FALSE(first.write("x").ok());  // NOLINT(bugprone-use-after-move): the contract under test
  first = std::move(second);
  EXPECT_TRUE(first.write("y").ok());
  EXPECT_EQ(content_of(dir_ / "a"), "xy");
}

TEST_F(OsFile, ScratchFilesHaveNoName) {
  Result<File> file = File::scratch(dir_.path());
  ASSERT_TRUE(file.ok()) << file.status().to_string();
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path()));
  const std::array<std::byte, 3> written{std::byte{1}, std::byte{2}, std::byte{3}};
  ASSERT_TRUE(file->write_at(5, written).ok());
  std::array<std::byte, 3> read{};
  ASSERT_TRUE(file->read_at(5, read).ok());
  EXPECT_EQ(read, written);
  EXPECT_EQ(File::scratch(dir_ / "none").status().code(), Code::kNotFound);
}

TEST(OsTransfer, ContinuesAfterSignalsAndPartialCalls) {
  int calls = 0;
  const auto all = detail::transfer(10, [&](size_t done) -> ssize_t {
    EXPECT_LE(done, 10u);
    if (++calls % 2) {
      errno = EINTR;
      return -1;
    }
    return 3 < 10 - done ? 3 : ssize_t(10 - done);
  });
  EXPECT_EQ(all.bytes, 10u);
  EXPECT_EQ(all.error, 0);
  EXPECT_EQ(calls, 8);

  calls = 0;
  const auto failing = detail::transfer(10, [&](size_t) -> ssize_t {
    errno = EIO;
    return ++calls > 2 ? -1 : 2;
  });
  EXPECT_EQ(failing.bytes, 4u);
  EXPECT_EQ(failing.error, EIO);

  const auto ending = detail::transfer(10, [](size_t done) -> ssize_t { return done ? 0 : 4; });
  EXPECT_EQ(ending.bytes, 4u);
  EXPECT_EQ(ending.error, 0);
}

TEST_F(OsFile, ReadFileHoldsItsBoundExactly) {
  const std::string path = dir_.write("a", std::string(1000, 'x'));
  EXPECT_EQ(read_file(path, 1000)->size(), 1000u);
  const Status status = read_file(path, 999).status();
  EXPECT_EQ(status.code(), Code::kExhausted);
  EXPECT_EQ(status.message(), "read " + path + ": expected at most 999 B, found more");
  EXPECT_EQ(*read_file(dir_.write("empty", ""), 0), "");
  EXPECT_EQ(read_file(path, ~size_t{0})->size(), 1000u);
}

// A sparse file of 2^62 bytes: more than any memory, whatever the caller allows.
TEST_F(OsFile, ReadFileBeyondMemoryIsExhausted) {
  const std::string path = dir_.write("sparse", "");
  off_t size = off_t{1} << 62;  // file systems differ in the most they take
  while (size > (off_t{1} << 42) && truncate(path.c_str(), size) != 0) size /= 2;
  if (size <= off_t{1} << 42) GTEST_SKIP() << "the file system takes no large sparse files";
  EXPECT_EQ(read_file(path, ~size_t{0}).status().code(), Code::kExhausted);
}

TEST_F(OsFile, ReadFileReadsWhatClaimsToBeEmpty) {
  EXPECT_THAT(*read_file("/proc/self/status", 1 << 20), StartsWith("Name:"));
  EXPECT_EQ(read_file("/proc/self/status", 10).status().code(), Code::kExhausted);
}

TEST_F(OsFile, AtomicWriteReplacesAndKeepsPermissions) {
  const std::string path = dir_ / "a";
  ASSERT_TRUE(write_file_atomic(path, "one").ok());
  EXPECT_EQ(content_of(path), "one");
  ASSERT_EQ(chmod(path.c_str(), 0640), 0);
  ASSERT_TRUE(write_file_atomic(path, "two").ok());
  EXPECT_EQ(content_of(path), "two");
  struct stat info;
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0640u);
  EXPECT_EQ(dir_.entry_count(), 1u);
  EXPECT_EQ(write_file_atomic(dir_ / "none/a", "x").code(), Code::kNotFound);
}

// A file-size limit cuts the write short, as a disk that fills up does.
TEST_F(OsFile, FailedAtomicWriteLeavesTheOldContentAndNothingElse) {
  const std::string path = dir_.write("a", "old");
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 4096;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const Status status = write_file_atomic(path, std::string(10000, 'x'));
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(status.code(), Code::kExhausted) << status.to_string();
  EXPECT_THAT(status.message(), HasSubstr("EFBIG"));
  EXPECT_EQ(content_of(path), "old");
  EXPECT_EQ(dir_.entry_count(), 1u);
}

TEST_F(OsFile, UncommittedAtomicFileLeavesNothing) {
  const std::string path = dir_.write("a", "old");
  {
    Result<AtomicFile> abandoned = AtomicFile::create(path);
    ASSERT_TRUE(abandoned.ok()) << abandoned.status().to_string();
    ASSERT_TRUE(abandoned->file().write("new").ok());
    EXPECT_EQ(dir_.entry_count(), 2u);
    AtomicFile moved = *std::move(abandoned);
    ASSERT_TRUE(moved.file().write("er").ok());
  }
  EXPECT_EQ(content_of(path), "old");
  EXPECT_EQ(dir_.entry_count(), 1u);
}

TEST_F(OsFile, ConcurrentAtomicWritesLeaveOneWhole) {
  const std::string path = dir_ / "a";
  std::vector<std::thread> threads;
  for (const char letter : {'a', 'b', 'c', 'd'}) {
    threads.emplace_back([&, letter] {
      for (int i = 0; i < 5; ++i) {
        EXPECT_TRUE(write_file_atomic(path, std::string(5000, letter)).ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const std::string content = content_of(path);
  EXPECT_EQ(content, std::string(5000, content[0]));
  EXPECT_EQ(dir_.entry_count(), 1u);
}

TEST_F(OsFile, MappingShowsTheContent) {
  const std::string text = std::string(10000, 'x') + "tail";
  Result<MappedFile> mapped = MappedFile::open(dir_.write("a", text));
  ASSERT_TRUE(mapped.ok()) << mapped.status().to_string();
  EXPECT_EQ(text_of(mapped->bytes()), text);
  EXPECT_EQ(text_of(*mapped->slice(10000, 4)), "tail");
  EXPECT_EQ(mapped->slice(10004, 0)->size(), 0u);
  for (const Access access :
       {Access::kSequential, Access::kWillNeed, Access::kDontNeed, Access::kNormal}) {
    mapped->advise(access);
    mapped->advise(access, 5000, 100);
    mapped->advise(access, 20000, 1);
    EXPECT_EQ(text_of(mapped->bytes()), text);
  }
  const MappedFile moved = *std::move(mapped);
  EXPECT_EQ(text_of(moved.bytes()), text);
  EXPECT_TRUE(mapped->bytes().empty());  // NOLINT(bugprone-use-after-move): the contract
}

TEST_F(OsFile, SliceOutsideTheFileIsCorrupt) {
  const std::string path = dir_.write("a", "12345");
  const Result<MappedFile> mapped = MappedFile::open(path);
  constexpr uint64_t kMost = ~uint64_t{0};
  for (const auto& [offset, size] : std::vector<std::pair<uint64_t, uint64_t>>{
           {0, 6}, {6, 0}, {5, 1}, {kMost, 1}, {1, kMost}, {kMost, kMost}}) {
    EXPECT_EQ(mapped->slice(offset, size).status().code(), Code::kCorrupt) << offset << " " << size;
  }
  EXPECT_EQ(mapped->slice(3, 4).status().message(),
            path + ": expected 4 bytes at offset 3, found a file of 5 bytes");
}

TEST_F(OsFile, EmptyFileMapsToNothing) {
  const Result<MappedFile> mapped = MappedFile::open(dir_.write("empty", ""));
  ASSERT_TRUE(mapped.ok());
  EXPECT_TRUE(mapped->bytes().empty());
  EXPECT_TRUE(mapped->slice(0, 0).ok());
  mapped->advise(Access::kWillNeed);
}

}  // namespace
}  // namespace llmos::os
