#include "base/files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "support/temporary.h"

namespace holdfast::base {
namespace {

using ::testing::HasSubstr;
using testing::read_text;
using testing::TemporaryDirectory;
using testing::write_text;

constexpr std::size_t kLimit = 1000;

bool is_root() { return ::geteuid() == 0; }

TEST(ReadFile, ReturnsEveryByteUpToTheLimit) {
  const TemporaryDirectory directory;
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, kLimit - 1, kLimit}) {
    std::string content(size, 'x');
    if (size > 1) content[1] = '\0';
    write_text(directory.file("data"), content);
    const auto bytes = read_file(directory.file("data"), kLimit);
    ASSERT_TRUE(bytes.ok()) << bytes.error().what;
    EXPECT_EQ(*bytes, content);
  }
}

TEST(ReadFile, RefusesOneByteMoreThanTheLimit) {
  const TemporaryDirectory directory;
  write_text(directory.file("data"), std::string(kLimit + 1, 'x'));
  const auto bytes = read_file(directory.file("data"), kLimit);
  ASSERT_FALSE(bytes.ok());
  EXPECT_THAT(bytes.error().what, HasSubstr("larger than 1000 B"));
}

TEST(ReadFile, StopsAtTheLimitOfAnEndlessDevice) {
  const auto bytes = read_file("/dev/zero", kLimit);
  ASSERT_FALSE(bytes.ok());
  EXPECT_THAT(bytes.error().what, HasSubstr("larger than"));
}

TEST(ReadFile, ReadsFilesThatClaimToBeEmpty) {
  const auto bytes = read_file("/proc/self/stat", kLimit);
  ASSERT_TRUE(bytes.ok());
  EXPECT_THAT(*bytes, HasSubstr(std::to_string(::getpid())));
}

TEST(ReadFile, SaysWhenTheFileIsMissingOrADirectory) {
  const TemporaryDirectory directory;
  const auto missing = read_file(directory.file("none"), kLimit);
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().what, "cannot read " + directory.file("none") + ": No such file or directory");
  EXPECT_EQ(missing.error().hint, "check the path");

  const auto folder = read_file(directory.path(), kLimit);
  ASSERT_FALSE(folder.ok());
  EXPECT_EQ(folder.error().what, directory.path() + " is a directory");
}

TEST(ReadFile, SaysWhenPermissionIsMissing) {
  if (is_root()) GTEST_SKIP() << "root may read everything";
  const TemporaryDirectory directory;
  write_text(directory.file("secret"), "x");
  ::chmod(directory.file("secret").c_str(), 0);
  const auto bytes = read_file(directory.file("secret"), kLimit);
  ASSERT_FALSE(bytes.ok());
  EXPECT_THAT(bytes.error().what, HasSubstr("Permission denied"));
}

TEST(OutputFile, ShowsTheOldContentUntilCommitted) {
  const TemporaryDirectory directory;
  const std::string path = directory.file("out");
  write_text(path, "old");
  auto file = OutputFile::open(path);
  ASSERT_TRUE(file.ok()) << file.error().what;
  ASSERT_TRUE(file->write("new ").ok());
  ASSERT_TRUE(file->write("content").ok());
  EXPECT_EQ(read_text(path), "old");
  ASSERT_TRUE(file->commit().ok());
  EXPECT_EQ(read_text(path), "new content");
  EXPECT_EQ(directory.entries(), 1);
}

TEST(OutputFile, LeavesNothingBehindWithoutACommit) {
  const TemporaryDirectory directory;
  {
    auto file = OutputFile::open(directory.file("out"));
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE(file->write("half").ok());
    EXPECT_EQ(directory.entries(), 1);
  }
  EXPECT_EQ(directory.entries(), 0);
}

TEST(OutputFile, KeepsItsTemporaryWhenMovedAndDropsTheOneItReplaces) {
  const TemporaryDirectory directory;
  auto first = OutputFile::open(directory.file("first"));
  auto second = OutputFile::open(directory.file("second"));
  ASSERT_TRUE(first.ok() && second.ok());
  *first = std::move(*second);
  EXPECT_EQ(directory.entries(), 1);
  ASSERT_TRUE(first->write("text").ok());
  ASSERT_TRUE(first->commit().ok());
  EXPECT_EQ(read_text(directory.file("second")), "text");
  EXPECT_FALSE(std::filesystem::exists(directory.file("first")));
}

TEST(OutputFile, GivesANewFileTheModeOfTheUmaskAndKeepsThatOfAnOldOne) {
  const TemporaryDirectory directory;
  const mode_t mask = ::umask(027);
  const bool created = write_file_atomically(directory.file("new"), "x").ok();
  ::umask(mask);
  ASSERT_TRUE(created);
  struct stat info {};
  ASSERT_EQ(::stat(directory.file("new").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0640u);

  ::chmod(directory.file("new").c_str(), 0604);
  ASSERT_TRUE(write_file_atomically(directory.file("new"), "y").ok());
  ASSERT_EQ(::stat(directory.file("new").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0604u);
}

TEST(OutputFile, WritesThroughASymbolicLink) {
  const TemporaryDirectory directory;
  write_text(directory.file("real"), "old");
  std::filesystem::create_symlink("real", directory.file("link"));
  ASSERT_TRUE(write_file_atomically(directory.file("link"), "new").ok());
  EXPECT_TRUE(std::filesystem::is_symlink(directory.file("link")));
  EXPECT_EQ(read_text(directory.file("real")), "new");
}

TEST(OutputFile, WritesDevicesInPlace) {
  ASSERT_TRUE(write_file_atomically("/dev/null", "gone").ok());
  EXPECT_FALSE(std::filesystem::is_regular_file("/dev/null"));
  const auto full = write_file_atomically("/dev/full", "too much");
  ASSERT_FALSE(full.ok());
  EXPECT_THAT(full.error().what, HasSubstr("No space left"));
}

TEST(OutputFile, SaysWhyItCannotBeOpened) {
  const TemporaryDirectory directory;
  EXPECT_THAT(OutputFile::open(directory.file("none/out")).error().hint, HasSubstr("create the directory"));
  EXPECT_THAT(OutputFile::open(directory.path()).error().what, HasSubstr("is a directory"));
  EXPECT_THAT(OutputFile::open("").error().what, HasSubstr("no name"));
  write_text(directory.file("file"), "x");
  EXPECT_THAT(OutputFile::open(directory.file("file/out")).error().what, HasSubstr("Not a directory"));
}

}  // namespace
}  // namespace holdfast::base
