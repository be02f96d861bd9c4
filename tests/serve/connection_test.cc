#include "serve/connection.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <csignal>
#include <thread>

namespace holdfast::serve {
namespace {

using namespace std::chrono_literals;

class ConnectionTest : public ::testing::Test {
 protected:
  ConnectionTest() {
    int pair[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    client_ = Socket(pair[1]);
    connection_.emplace(Channel(Socket(pair[0])), stop_.fd());
    connection_->begin_request();
  }
  void send(std::string_view bytes) {
    EXPECT_EQ(::send(client_.fd(), bytes.data(), bytes.size(), 0), ssize_t(bytes.size()));
  }
  static bool never() { return false; }

  Socket stop_{::eventfd(0, EFD_CLOEXEC)};
  Socket client_;
  std::optional<Connection> connection_;
};

TEST_F(ConnectionTest, ReadsWhatComesAndThenTheEnd) {
  send("hello");
  ::shutdown(client_.fd(), SHUT_WR);
  char bytes[8] = {};
  EXPECT_EQ(connection_->read(bytes, 2), 2);
  EXPECT_EQ(connection_->read(bytes + 2, 8), 3);
  EXPECT_STREQ(bytes, "hello");
  EXPECT_EQ(connection_->read(bytes, 1), 0);
}

TEST_F(ConnectionTest, TakesNoMoreThanARequestMayHold) {
  std::thread flood([this] {
    const std::string chunk(64 << 10, 'x');
    const int flags = ::fcntl(client_.fd(), F_GETFL);
    ::fcntl(client_.fd(), F_SETFL, flags & ~O_NONBLOCK);
    while (::send(client_.fd(), chunk.data(), chunk.size(), MSG_NOSIGNAL) > 0) {
    }
  });
  std::size_t total = 0;
  std::vector<char> bytes(4096);
  for (ssize_t got; (got = connection_->read(bytes.data(), bytes.size())) > 0;)
    total += static_cast<std::size_t>(got);
  EXPECT_EQ(total, Connection::kRequestBytes);
  connection_.reset();
  flood.join();
}

TEST_F(ConnectionTest, StopsWaitingWhenTheEndpointEnds) {
  std::thread end([this] { ::eventfd_write(stop_.fd(), 1); });
  char byte;
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_LT(connection_->read(&byte, 1), 0);
  EXPECT_EQ(connection_->await_request(60s, -1, never), Connection::Next::closed);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 4s);  // below the time a request may take
  end.join();
}

TEST_F(ConnectionTest, YieldsWhenIdleToAClientAtTheDoor) {
  const Socket door(::eventfd(1, EFD_CLOEXEC));  // readable: somebody is there
  EXPECT_EQ(connection_->await_request(60s, door.fd(), [] { return true; }), Connection::Next::yielded);
  send("G");
  EXPECT_EQ(connection_->await_request(60s, door.fd(), [] { return true; }), Connection::Next::request);
}

TEST_F(ConnectionTest, ClosesWhenNothingComes) {
  EXPECT_EQ(connection_->await_request(10ms, -1, never), Connection::Next::closed);
}

TEST_F(ConnectionTest, WritesToAGoneClientWithoutASignal) {
  // Were it raised, the default action would end this test.
  ASSERT_NE(std::signal(SIGPIPE, SIG_DFL), SIG_ERR);
  EXPECT_TRUE(connection_->client_waits());
  client_.close();
  EXPECT_FALSE(connection_->client_waits());
  EXPECT_LT(connection_->write("gone", 4), 0);
}

}  // namespace
}  // namespace holdfast::serve
