// Ends uploads on which nothing arrives.
#include "service/rpc/streams.h"

#include <utility>

namespace cipherfit::service {

StallWatch::StallWatch(double seconds)
    : limit_(std::chrono::duration_cast<std::chrono::steady_clock::duration>(
          std::chrono::duration<double>(seconds))),
      thread_([this](const std::stop_token& stop) {
          while (!stop.stop_requested()) {
              std::this_thread::sleep_for(std::chrono::milliseconds(250));
              sweep();
          }
      }) {}

StallWatch::~StallWatch() = default;

void StallWatch::add(const std::shared_ptr<Stream>& stream) {
    const std::lock_guard lock(mutex_);
    streams_.push_back(stream);
}

void StallWatch::sweep() {
    std::vector<std::shared_ptr<Stream>> streams;
    {
        const std::lock_guard lock(mutex_);
        std::erase_if(streams_, [](const auto& stream) { return stream.expired(); });
        for (const auto& stream : streams_) {
            if (auto alive = stream.lock()) {
                streams.push_back(std::move(alive));
            }
        }
    }
    const auto now = std::chrono::steady_clock::now();
    for (const auto& stream : streams) {
        {
            const std::lock_guard lock(stream->mutex);
            if (!stream->is_reading || stream->is_finished || now - stream->since < limit_) {
                continue;
            }
            stream->is_finished = true;
        }
        // The call lives on until this has been done.
        stream->end();
    }
}

}  // namespace cipherfit::service
