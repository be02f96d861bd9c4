// holdfast_drive_grpc: what holdfast_drive is for the other stories, for http2_streams. A program of its own, so that
// those do without gRPC.
#include <grpcpp/create_channel.h>

#include "scenarios/common/driver.h"
#include "scenarios/common/http_visitor.h"
#include "streams.grpc.pb.h"

namespace {

using namespace holdfast::scenarios;

// Opens one stream after another over one connection, and reads each to its end.
class StreamVisitor : public Visitor {
 public:
  explicit StreamVisitor(const std::string& address)
      : feed_(Feed::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()))) {}

  std::string send(std::uint64_t number) override {
    grpc::ClientContext context;
    Watched watched;
    watched.set_topic("topic " + std::to_string(number));
    const auto stream = feed_->Watch(&context, watched);
    int updates = 0;
    for (Update update; stream->Read(&update);) ++updates;
    const grpc::Status status = stream->Finish();
    if (!status.ok()) return "Watch: " + status.error_message();
    return updates == 3 ? std::string() : "Watch: " + std::to_string(updates) + " updates";
  }

 private:
  std::unique_ptr<Feed::Stub> feed_;
};

std::unique_ptr<Visitor> visit(const std::string& app) {
  const auto client = connect(app);
  if (!client) return nullptr;
  const auto port = client->Get("/feed");
  if (!port) return nullptr;
  return std::make_unique<StreamVisitor>("127.0.0.1:" + port->body);
}

}  // namespace

int main(int argc, char** argv) { return drive_main(argc, argv, {{"http2_streams", visit}}); }
