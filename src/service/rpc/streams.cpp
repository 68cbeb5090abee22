#include "service/rpc/streams.h"

#include "service/rpc/messages.h"

#include <optional>
#include <utility>

namespace cipherfit::service {
namespace {

using SteadyClock = std::chrono::steady_clock;

class UploadReactor final : public grpc::ServerReadReactor<v1::UploadRequest> {
  public:
    UploadReactor(Calls& calls, StallWatch& stalls, grpc::CallbackServerContext* context,
                  v1::FileState* response, bool is_post)
        : calls_(calls),
          context_(context),
          response_(response),
          is_post_(is_post),
          stream_(std::make_shared<StallWatch::Stream>()) {
        stream_->end = [this] {
            Finish({grpc::StatusCode::DEADLINE_EXCEEDED,
                    "nothing arrived for too long: go on from what the server has"});
        };
        if (const grpc::Status refused = calls_.open_stream(*context_, method(), began_, client_);
            !refused.ok()) {
            finish(refused);
            return;
        }
        stalls.add(stream_);
        read();
    }

    void OnReadDone(bool is_message) override {
        {
            const std::lock_guard lock(stream_->mutex);
            stream_->is_reading = false;
            if (stream_->is_finished) {
                return;
            }
            if (!is_message) {
                stream_->is_finished = true;
            }
        }
        calls_.bulk().give(client_, [this, is_message] {
            if (is_message) {
                take();
            } else {
                end();
            }
        });
    }
    void OnDone() override {
        if (!client_.empty()) {
            calls_.close_stream(client_);
        }
        delete this;
    }

  private:
    void read() {
        {
            const std::lock_guard lock(stream_->mutex);
            stream_->is_reading = true;
            stream_->since = SteadyClock::now();
        }
        StartRead(&request_);
    }
    const char* method() const { return is_post_ ? "Post" : "Upload"; }

    void take() {
        const grpc::Status status = calls_.guarded(*context_, method(), began_, false, [this] {
            if (!upload_) {
                const std::string client = calls_.client(*context_);
                if (!request_.has_header()) {
                    refuse(Status::invalid_argument, "an upload begins with its header");
                }
                const v1::UploadHeader& header = request_.header();
                upload_ = calls_.service().upload(client, {.id = header.id(),
                                                           .name = header.name(),
                                                           .bytes = header.bytes(),
                                                           .sha256 = span_of(header.sha256()),
                                                           .is_post = is_post_});
            } else if (!request_.has_chunk()) {
                refuse(Status::invalid_argument, "after the header there are chunks alone");
            } else {
                upload_->append(request_.chunk().offset(), span_of(request_.chunk().data()));
                came_ += request_.chunk().data().size();
                require_rate();
            }
        });
        if (!status.ok()) {
            finish(status);
        } else if (upload_->is_done()) {
            finish_with_file();
        } else {
            read();
        }
    }
    // A byte now and then would keep a stream for good.
    void require_rate() const {
        const Settings& settings = calls_.service().settings();
        const double spent = std::chrono::duration<double>(SteadyClock::now() - began_).count();
        if (spent > settings.stall_seconds &&
            static_cast<double>(came_) < settings.least_rate * spent) {
            refuse(Status::deadline_exceeded,
                   "bytes come too slowly: go on from what the server has");
        }
    }
    // The client has sent everything, or the line is broken: what came decides.
    void end() {
        if (upload_ && upload_->is_large()) {
            calls_.checks().give(client_, [this] { conclude(); });
        } else {
            conclude();
        }
    }
    void conclude() {
        const grpc::Status status = calls_.guarded(*context_, method(), began_, true, [this] {
            if (!upload_) {
                refuse(Status::invalid_argument, "an upload begins with its header");
            }
            fill(*response_, upload_->finish());
        });
        Finish(status);
    }
    void finish_with_file() {
        finish(calls_.guarded(*context_, method(), began_, true,
                              [this] { fill(*response_, upload_->finish()); }));
    }
    void finish(const grpc::Status& status) {
        {
            const std::lock_guard lock(stream_->mutex);
            stream_->is_finished = true;
        }
        Finish(status);
    }

    Calls& calls_;
    grpc::CallbackServerContext* context_;
    v1::FileState* response_;
    bool is_post_;
    std::shared_ptr<StallWatch::Stream> stream_;
    SteadyClock::time_point began_ = SteadyClock::now();
    v1::UploadRequest request_;
    std::uint64_t came_ = 0;
    std::optional<Upload> upload_;
    std::string client_;
};

class DownloadReactor final : public grpc::ServerWriteReactor<v1::DownloadResponse> {
  public:
    DownloadReactor(Calls& calls, grpc::CallbackServerContext* context,
                    const v1::DownloadRequest& request)
        : calls_(calls), context_(context), request_(request) {
        if (const grpc::Status refused = calls_.open_stream(*context_, "Download", began_, client_);
            !refused.ok()) {
            Finish(refused);
            return;
        }
        calls_.bulk().give(client_, [this] { begin(); });
    }
    void OnWriteDone(bool is_written) override {
        if (!is_written) {  // the client is gone
            Finish(grpc::Status::CANCELLED);
            return;
        }
        calls_.bulk().give(client_, [this] { go_on(); });
    }
    void OnDone() override {
        if (!client_.empty()) {
            calls_.close_stream(client_);
        }
        delete this;
    }

  private:
    void begin() {
        const grpc::Status status = calls_.guarded(*context_, "Download", began_, false, [this] {
            download_ =
                calls_.service().download(calls_.client(*context_), request_.id(), request_.name(),
                                          request_.offset(), span_of(request_.sha256()));
            fill(*response_.mutable_file(), FileView{download_->file(), download_->file().bytes});
        });
        if (!status.ok()) {
            Finish(status);
            return;
        }
        StartWrite(&response_);
    }
    void go_on() {
        const grpc::Status status = calls_.guarded(*context_, "Download", began_, false, [this] {
            if (calls_.service().is_ending()) {
                refuse(Status::unavailable, "the server ends: try again later");
            }
            v1::Chunk& chunk = *response_.mutable_chunk();
            chunk.set_offset(download_->offset());
            const std::vector<std::uint8_t> bytes = download_->next();
            chunk.set_data(bytes.data(), bytes.size());
        });
        if (!status.ok()) {
            Finish(status);
        } else if (response_.chunk().data().empty()) {
            Finish(calls_.guarded(*context_, "Download", began_, true, [] {}));
        } else {
            StartWrite(&response_);
        }
    }

    Calls& calls_;
    grpc::CallbackServerContext* context_;
    v1::DownloadRequest request_;
    SteadyClock::time_point began_ = SteadyClock::now();
    v1::DownloadResponse response_;
    std::optional<Download> download_;
    std::string client_;
};

// One step at a time is given to the workers, or one message is being written: `is_busy_`. Only a
// step calls Finish().
template <class Event>
class WatchReactor final : public grpc::ServerWriteReactor<Event> {
  public:
    WatchReactor(Calls& calls, grpc::CallbackServerContext* context, std::string id,
                 Look<Event> look)
        : calls_(calls), context_(context), id_(std::move(id)), look_(std::move(look)) {
        if (const grpc::Status refused = calls_.open_stream(*context_, "Watch", began_, client_);
            !refused.ok()) {
            is_finished_ = true;
            this->Finish(refused);
            return;
        }
        {
            // No step begins, and none removes the watcher, before its number is known.
            const std::lock_guard lock(mutex_);
            is_busy_ = true;
        }
        const std::uint64_t number = calls_.service().watchers().add(id_, [this] { change(); });
        {
            const std::lock_guard lock(mutex_);
            number_ = number;
            is_busy_ = false;
        }
        change();
    }
    void OnWriteDone(bool is_written) override {
        {
            const std::lock_guard lock(mutex_);
            is_busy_ = false;
            is_cancelled_ = is_cancelled_ || !is_written;
            if (!is_changed_ && !is_cancelled_) {
                return;
            }
        }
        change();
    }
    void OnCancel() override {
        {
            const std::lock_guard lock(mutex_);
            is_cancelled_ = true;
        }
        change();
    }
    void OnDone() override {
        if (!client_.empty()) {
            calls_.close_stream(client_);
        }
        delete this;
    }

  private:
    void change() {
        const std::lock_guard lock(mutex_);
        is_changed_ = true;
        if (is_busy_ || is_finished_) {
            return;
        }
        is_busy_ = true;
        calls_.quick().give(client_, [this] { step(); });
    }
    void step() {
        bool is_cancelled = false;
        {
            const std::lock_guard lock(mutex_);
            is_changed_ = false;
            is_cancelled = is_cancelled_;
        }
        if (is_cancelled) {
            finish(grpc::Status::CANCELLED);
            return;
        }
        bool is_last = false;
        Event event;
        const grpc::Status status = calls_.guarded(*context_, "Watch", began_, false, [&] {
            is_last = look_(calls_.client(*context_), event);
        });
        if (!status.ok()) {
            finish(status);
            return;
        }
        const std::string text = event.SerializeAsString();
        if (text == sent_ && !is_last) {
            const std::lock_guard lock(mutex_);
            if (is_changed_) {
                calls_.quick().give(client_, [this] { step(); });
            } else {
                is_busy_ = false;  // another step may end it all: nothing is touched after this
            }
            return;
        }
        sent_ = text;
        event_ = std::move(event);
        if (!is_last) {
            this->StartWrite(&event_);
            return;
        }
        leave();
        this->StartWriteAndFinish(&event_, grpc::WriteOptions(),
                                  calls_.guarded(*context_, "Watch", began_, true, [] {}));
    }
    void leave() {
        {
            const std::lock_guard lock(mutex_);
            is_finished_ = true;
        }
        calls_.service().watchers().remove(id_, number_);
    }
    void finish(const grpc::Status& status) {
        leave();
        this->Finish(status);
    }

    Calls& calls_;
    grpc::CallbackServerContext* context_;
    std::string id_;
    Look<Event> look_;
    SteadyClock::time_point began_ = SteadyClock::now();
    std::uint64_t number_ = 0;
    std::mutex mutex_;
    bool is_busy_ = false, is_changed_ = false, is_cancelled_ = false, is_finished_ = false;
    std::string sent_, client_;
    Event event_;
};

}  // namespace

grpc::ServerReadReactor<v1::UploadRequest>* start_upload(Calls& calls, StallWatch& stalls,
                                                         grpc::CallbackServerContext* context,
                                                         v1::FileState* response, bool is_post) {
    return new UploadReactor(calls, stalls, context, response, is_post);
}

grpc::ServerWriteReactor<v1::DownloadResponse>* start_download(Calls& calls,
                                                               grpc::CallbackServerContext* context,
                                                               const v1::DownloadRequest& request) {
    return new DownloadReactor(calls, context, request);
}

grpc::ServerWriteReactor<v1::JobEvent>* start_watch(Calls& calls,
                                                    grpc::CallbackServerContext* context,
                                                    const std::string& id,
                                                    Look<v1::JobEvent> look) {
    return new WatchReactor<v1::JobEvent>(calls, context, id, std::move(look));
}

grpc::ServerWriteReactor<v1::CharterEvent>* start_watch(Calls& calls,
                                                        grpc::CallbackServerContext* context,
                                                        const std::string& id,
                                                        Look<v1::CharterEvent> look) {
    return new WatchReactor<v1::CharterEvent>(calls, context, id, std::move(look));
}

}  // namespace cipherfit::service
