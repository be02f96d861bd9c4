// http2_streams, a leak: a gRPC service keeps a record of each stream with its connection, to be freed when
// the connection closes. Clients open one stream after another over one connection that lives as long as they
// do; closed streams pile up.
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <holdfast/holdfast.h>

#include <map>
#include <mutex>

#include "scenarios/common/story.h"
#include "streams.grpc.pb.h"

namespace {

using holdfast::scenarios::Held;
using holdfast::scenarios::Settings;
using holdfast::scenarios::Update;
using holdfast::scenarios::Watched;

constexpr std::size_t kWindowBytes = 8 * 1024;
constexpr int kUpdates = 3;

struct Stream {
  std::string topic;
  std::string window;  // what may have to be sent again
  bool is_closed = false;
};

std::mutex mutex;
std::map<std::string, std::vector<std::unique_ptr<Stream>>>
    connections;  // by peer: streams since it connected
Held held;

// The leaking site: closed streams stay with their connection.
[[gnu::noinline]] Stream& open_stream(const std::string& peer, const std::string& topic) {
  auto stream = std::make_unique<Stream>();
  stream->topic = topic;
  stream->window.assign(kWindowBytes, '.');
  held.add(kWindowBytes + 1);
  const std::lock_guard lock(mutex);
  auto& streams = connections[peer];
  streams.push_back(std::move(stream));
  return *streams.back();
}

class FeedService final : public holdfast::scenarios::Feed::Service {
  grpc::Status Watch(grpc::ServerContext* context, const Watched* watched,
                     grpc::ServerWriter<Update>* writer) override {
    Stream& stream = open_stream(context->peer(), watched->topic());
    Update update;
    for (int i = 0; i < kUpdates; ++i) {
      update.set_payload(stream.topic + std::string(500, '.'));
      writer->Write(update);
    }
    stream.is_closed = true;  // and still in `connections`: the leak
    holdfast::add_work();
    return grpc::Status::OK;
  }
};

FeedService service;
std::unique_ptr<grpc::Server> feed;

void start_service(const Settings&, httplib::Server& server) {
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  feed = builder.BuildAndStart();
  server.Get("/feed", [port](const httplib::Request&, httplib::Response& response) {
    response.set_content(std::to_string(port), "text/plain");
  });
}

void stop_service() {
  feed->Shutdown(std::chrono::system_clock::now());
  feed.reset();
}

}  // namespace

int main(int argc, char** argv) {
  return holdfast::scenarios::run(argc, argv,
                                  {.about = "Closed gRPC streams kept while their connection lives: a leak.",
                                   .open = start_service,
                                   .truth = [] { return held.truth(); },
                                   .close = stop_service});
}
