// Calls with a stream: uploads, downloads, watching. Each object lives from the call's start to its
// end and deletes itself.
#pragma once

#include "service/rpc/calls.h"

#include <cipherfit/v1/charters.pb.h>
#include <cipherfit/v1/jobs.pb.h>
#include <functional>
#include <grpcpp/support/server_callback.h>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace cipherfit::service {

// Ends uploads on which nothing arrives.
class StallWatch {
  public:
    struct Stream {
        std::mutex mutex;
        bool is_reading = false;   // the next message is waited for
        bool is_finished = false;  // Finish() was called, or is about to be
        std::chrono::steady_clock::time_point since;
        std::function<void()> end;  // called once, by whoever set is_finished
    };
    explicit StallWatch(double seconds);
    ~StallWatch();
    StallWatch(const StallWatch&) = delete;
    StallWatch& operator=(const StallWatch&) = delete;
    void add(const std::shared_ptr<Stream>& stream);

  private:
    void sweep();

    std::chrono::steady_clock::duration limit_;
    std::mutex mutex_;
    std::vector<std::weak_ptr<Stream>> streams_;
    std::jthread thread_;
};

grpc::ServerReadReactor<v1::UploadRequest>* start_upload(Calls& calls, StallWatch& stalls,
                                                         grpc::CallbackServerContext* context,
                                                         v1::FileState* response, bool is_post);

grpc::ServerWriteReactor<v1::DownloadResponse>* start_download(Calls& calls,
                                                               grpc::CallbackServerContext* context,
                                                               const v1::DownloadRequest& request);

// Sends what `look` makes of the job, whenever that differs from what was sent; ends after what
// is final.
template <class Event>
using Look = std::function<bool(const std::string& client, Event& event)>;  // true: final
grpc::ServerWriteReactor<v1::JobEvent>* start_watch(Calls& calls,
                                                    grpc::CallbackServerContext* context,
                                                    const std::string& id, Look<v1::JobEvent> look);
grpc::ServerWriteReactor<v1::CharterEvent>* start_watch(Calls& calls,
                                                        grpc::CallbackServerContext* context,
                                                        const std::string& id,
                                                        Look<v1::CharterEvent> look);

}  // namespace cipherfit::service
