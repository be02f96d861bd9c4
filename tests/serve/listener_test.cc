#include "serve/listener.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "support/temporary.h"

namespace holdfast::serve {
namespace {

using holdfast::testing::TemporaryDirectory;
using ::testing::HasSubstr;

TEST(Listener, PicksAFreePortAndRefusesABusyOne) {
  const auto first = Listener::open({"127.0.0.1", 0, ""});
  ASSERT_TRUE(first) << first.error().what;
  const int port = first->address().port;
  EXPECT_GT(port, 0);
  const auto second = Listener::open({"127.0.0.1", port, ""});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().what, "cannot bind 127.0.0.1:" + std::to_string(port) + ": address in use");
  EXPECT_THAT(second.error().hint, HasSubstr("choose another port"));
}

TEST(Listener, GivesItsPortBack) {
  int port = 0;
  {
    const auto listener = Listener::open({"localhost", 0, ""});
    ASSERT_TRUE(listener);
    port = listener->address().port;
  }
  EXPECT_TRUE(Listener::open({"127.0.0.1", port, ""}));
}

TEST(Listener, TellsAnAddressThatIsNone) {
  const auto listener = Listener::open({"127.1.2", 0, ""});
  ASSERT_FALSE(listener);
  EXPECT_THAT(listener.error().what, HasSubstr("not an address"));
}

TEST(Listener, GivesAUnixSocketToItsOwnerAlone) {
  const TemporaryDirectory directory;
  const std::string path = directory.file("heap.sock");
  const auto listener = Listener::open({"", 0, path});
  ASSERT_TRUE(listener) << listener.error().what;
  struct stat status = {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_TRUE(S_ISSOCK(status.st_mode));
  EXPECT_EQ(status.st_mode & 0777u, 0600u);
  listener->remove_name();
  EXPECT_EQ(directory.entries(), 0);
}

TEST(Listener, RemovesAStaleUnixSocketButNoneThatSomebodyListensAt) {
  const TemporaryDirectory directory;
  const std::string path = directory.file("heap.sock");
  {
    const auto crashed = Listener::open({"", 0, path});  // leaves its name behind
    ASSERT_TRUE(crashed);
    const auto second = Listener::open({"", 0, path});
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().what, "cannot bind unix:" + path + ": address in use");
  }
  EXPECT_EQ(directory.entries(), 1);
  EXPECT_TRUE(Listener::open({"", 0, path}));
}

TEST(Listener, TouchesNoFileThatIsNoSocket) {
  const TemporaryDirectory directory;
  const std::string path = directory.file("precious");
  holdfast::testing::write_text(path, "content");
  const auto listener = Listener::open({"", 0, path});
  ASSERT_FALSE(listener);
  EXPECT_THAT(listener.error().what, HasSubstr("a file of that name exists"));
  EXPECT_EQ(holdfast::testing::read_text(path), "content");
}

TEST(Listener, LeavesANameThatAnotherHasTakenSince) {
  const TemporaryDirectory directory;
  const std::string path = directory.file("heap.sock");
  const auto first = Listener::open({"", 0, path});
  ASSERT_TRUE(first);
  // Aside, not away: a removed inode could be given to the second socket.
  std::filesystem::rename(path, directory.file("aside"));
  const auto second = Listener::open({"", 0, path});
  ASSERT_TRUE(second);
  first->remove_name();
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST(Listener, TellsADirectoryThatIsMissing) {
  const auto listener = Listener::open({"", 0, "/nowhere/at/all/heap.sock"});
  ASSERT_FALSE(listener);
  EXPECT_THAT(listener.error().hint, HasSubstr("directory"));
}

}  // namespace
}  // namespace holdfast::serve
