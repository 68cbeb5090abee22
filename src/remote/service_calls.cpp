#include "remote/service_calls.h"

#include "remote/service_messages.h"

#include <algorithm>
#include <chrono>
#include <cipherfit/v1/charters.grpc.pb.h>
#include <cipherfit/v1/jobs.grpc.pb.h>
#include <cstdlib>
#include <grpc/support/log.h>
#include <grpcpp/grpcpp.h>
#include <mutex>
#include <utility>

namespace cipherfit {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr std::chrono::milliseconds tick{200};

// gRPC writes to the standard error on its own; what it has to say comes back as a status.
void keep_library_quiet() {
    static std::once_flag once;
    std::call_once(once, [] {
        if (std::getenv("GRPC_VERBOSITY") == nullptr) {
            gpr_set_log_function([](gpr_log_func_args*) {});
        }
    });
}

// A call with one operation under way at a time, whose tags are all the same.
class Pending {
  public:
    explicit Pending(const std::function<void()>& idle) : idle_(idle) {}
    Pending(const Pending&) = delete;
    Pending& operator=(const Pending&) = delete;

    grpc::ClientContext context;
    grpc::CompletionQueue queue;

    static void* tag() noexcept { return nullptr; }

    // Whether the operation under way succeeded. After `seconds` the call is cancelled.
    bool wait(double seconds) {
        const auto end = Clock::now() + Seconds(seconds);
        while (true) {
            void* which = nullptr;
            bool ok = false;
            const auto next = queue.AsyncNext(&which, &ok, std::chrono::system_clock::now() + tick);
            if (Clock::now() - idled_ >= tick) {
                idled_ = Clock::now();
                idle_();
            }
            if (next != grpc::CompletionQueue::TIMEOUT) {
                return ok && next == grpc::CompletionQueue::GOT_EVENT;
            }
            if (!timed_out_ && Clock::now() >= end) {
                timed_out_ = true;
                context.TryCancel();
            }
        }
    }
    bool timed_out() const noexcept { return timed_out_; }

    // Ends what is still under way, so that all it refers to may go.
    void drain() noexcept {
        context.TryCancel();
        queue.Shutdown();
        void* which = nullptr;
        bool ok = false;
        while (queue.Next(&which, &ok)) {
        }
    }

  private:
    const std::function<void()>& idle_;
    Clock::time_point idled_ = Clock::now();
    bool timed_out_ = false;
};

class Drain {
  public:
    explicit Drain(Pending& pending) noexcept : pending_(pending) {}
    ~Drain() { pending_.drain(); }
    Drain(const Drain&) = delete;
    Drain& operator=(const Drain&) = delete;

  private:
    Pending& pending_;
};

CallError error_of(const Pending& pending, const grpc::Status& status) {
    if (pending.timed_out()) {
        return {CallFailure::transient,
                {ErrorCode::io_failure, "the service did not answer in time"}};
    }
    std::string code;
    const auto& trailing = pending.context.GetServerTrailingMetadata();
    if (const auto found = trailing.find("cipherfit-code"); found != trailing.end()) {
        code.assign(found->second.data(), found->second.size());
    }
    return call_error(static_cast<int>(status.error_code()), status.error_message(), code);
}

std::shared_ptr<grpc::Channel> make_channel(const std::string& address,
                                            const ServiceIdentity& identity) {
    keep_library_quiet();
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(5 << 20);
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2000);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
    arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    if (address.starts_with("localhost:") || address.starts_with("127.") ||
        address.starts_with("[::1]:")) {
        arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    }
    const auto credentials = grpc::SslCredentials({.pem_root_certs = identity.authority,
                                                   .pem_private_key = identity.key,
                                                   .pem_cert_chain = identity.certificate});
    return grpc::CreateCustomChannel(address, credentials, arguments);
}

std::string as_bytes(std::span<const std::uint8_t> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

class ServiceCalls::Rpc {
  public:
    Rpc(const std::string& address, const ServiceIdentity& identity, std::function<void()> idle,
        const CallTimes& times)
        : idle_(std::move(idle)),
          times_(times),
          channel_(make_channel(address, identity)),
          jobs_(v1::Jobs::NewStub(channel_)),
          charters_(v1::Charters::NewStub(channel_)) {}

    const CallTimes& times() const noexcept { return times_; }
    const std::function<void()>& idle() const noexcept { return idle_; }
    v1::Jobs::Stub& jobs() noexcept { return *jobs_; }
    v1::Charters::Stub& charters() noexcept { return *charters_; }

    // `begin(context, queue)` starts the call.
    template <class Response, class Begin>
    Called<Response> ask(Begin&& begin) {
        Pending pending(idle_);
        grpc::Status status;
        Response response;
        const auto reader = begin(&pending.context, &pending.queue);
        const Drain drain(pending);
        reader->Finish(&response, &status, Pending::tag());
        static_cast<void>(pending.wait(times_.answer_seconds));
        if (!status.ok() || pending.timed_out()) {
            return tl::unexpected(error_of(pending, status));
        }
        return response;
    }
    template <class Begin>
    Called<RemoteJob> ask_job(Begin&& begin) {
        return ask<v1::Job>(std::forward<Begin>(begin)).map([](const v1::Job& job) {
            return remote_job(job);
        });
    }

  private:
    std::function<void()> idle_;
    CallTimes times_;
    std::shared_ptr<grpc::Channel> channel_;
    std::unique_ptr<v1::Jobs::Stub> jobs_;
    std::unique_ptr<v1::Charters::Stub> charters_;
};

ServiceCalls::ServiceCalls(const std::string& address, const ServiceIdentity& identity,
                           std::function<void()> idle, const CallTimes& times)
    : rpc_(std::make_unique<Rpc>(address, identity, std::move(idle), times)) {}

ServiceCalls::~ServiceCalls() = default;

Called<ServerFacts> ServiceCalls::server_info() {
    const v1::GetServerInfoRequest request;
    return rpc_
        ->ask<v1::ServerInfo>([&](auto* context, auto* queue) {
            return rpc_->jobs().AsyncGetServerInfo(context, request, queue);
        })
        .map([](const v1::ServerInfo& info) {
            return ServerFacts{one_line(info.version()), one_line(info.api()),
                               one_line(info.client())};
        });
}

Called<RemoteJob> ServiceCalls::create_job(std::span<const std::uint8_t> plan,
                                           const std::string& label,
                                           const RemoteTraining& training) {
    v1::CreateJobRequest request;
    request.set_plan(as_bytes(plan));
    request.set_label(label);
    auto& options = *request.mutable_training();
    options.set_keep_checkpoints_every(training.keep_every);
    options.set_checkpoint_every(training.checkpoint_every);
    options.set_review_every(training.review_every);
    return rpc_->ask_job([&](auto* context, auto* queue) {
        return rpc_->jobs().AsyncCreateJob(context, request, queue);
    });
}

Called<RemoteJob> ServiceCalls::create_charter(const SentCharter& charter) {
    v1::CreateCharterRequest request;
    request.set_charter(as_bytes(charter.charter));
    for (const std::string& client : charter.clients) {
        request.add_identities(client);
    }
    request.set_member(charter.member);
    request.set_signature(as_bytes(charter.signature));
    return rpc_->ask_job([&](auto* context, auto* queue) {
        return rpc_->charters().AsyncCreateCharter(context, request, queue);
    });
}

Called<RemoteJob> ServiceCalls::job(Shelf shelf, const std::string& id) {
    if (shelf == Shelf::charter) {
        v1::GetCharterRequest request;
        request.set_id(id);
        return rpc_->ask_job([&](auto* context, auto* queue) {
            return rpc_->charters().AsyncGetCharter(context, request, queue);
        });
    }
    v1::GetJobRequest request;
    request.set_id(id);
    return rpc_->ask_job([&](auto* context, auto* queue) {
        return rpc_->jobs().AsyncGetJob(context, request, queue);
    });
}

Called<std::vector<RemoteJob>> ServiceCalls::jobs(unsigned limit) {
    v1::ListJobsRequest request;
    request.set_limit(limit);
    return rpc_
        ->ask<v1::ListJobsResponse>([&](auto* context, auto* queue) {
            return rpc_->jobs().AsyncListJobs(context, request, queue);
        })
        .map([](const v1::ListJobsResponse& response) {
            std::vector<RemoteJob> jobs;
            for (const v1::Job& job : response.jobs()) {
                jobs.push_back(remote_job(job));
            }
            return jobs;
        });
}

Called<std::vector<RemoteFile>> ServiceCalls::files(Shelf shelf, const std::string& id) {
    const auto plain = [](const auto& response) {
        std::vector<RemoteFile> files;
        for (const v1::FileState& file : response.files()) {
            files.push_back(remote_file(file));
        }
        return files;
    };
    if (shelf == Shelf::charter) {
        v1::ListBoardRequest request;
        request.set_id(id);
        return rpc_
            ->ask<v1::ListBoardResponse>([&](auto* context, auto* queue) {
                return rpc_->charters().AsyncListBoard(context, request, queue);
            })
            .map(plain);
    }
    v1::ListFilesRequest request;
    request.set_id(id);
    return rpc_
        ->ask<v1::ListFilesResponse>([&](auto* context, auto* queue) {
            return rpc_->jobs().AsyncListFiles(context, request, queue);
        })
        .map(plain);
}

Called<RemoteJob> ServiceCalls::start(Shelf shelf, const std::string& id) {
    if (shelf == Shelf::charter) {
        v1::StartCharterRequest request;
        request.set_id(id);
        return rpc_->ask_job([&](auto* context, auto* queue) {
            return rpc_->charters().AsyncStartCharter(context, request, queue);
        });
    }
    v1::StartJobRequest request;
    request.set_id(id);
    return rpc_->ask_job([&](auto* context, auto* queue) {
        return rpc_->jobs().AsyncStartJob(context, request, queue);
    });
}

Called<RemoteJob> ServiceCalls::answer(const std::string& id, int iteration,
                                       std::span<const std::uint8_t> answer) {
    v1::AnswerReviewRequest request;
    request.set_id(id);
    request.set_iteration(static_cast<std::uint32_t>(iteration));
    request.set_answer(as_bytes(answer));
    return rpc_->ask_job([&](auto* context, auto* queue) {
        return rpc_->jobs().AsyncAnswerReview(context, request, queue);
    });
}

Called<RemoteJob> ServiceCalls::cancel(const std::string& id) {
    v1::CancelJobRequest request;
    request.set_id(id);
    return rpc_->ask_job([&](auto* context, auto* queue) {
        return rpc_->jobs().AsyncCancelJob(context, request, queue);
    });
}

Called<void> ServiceCalls::remove(Shelf shelf, const std::string& id) {
    const auto nothing = [](const auto&) {};
    if (shelf == Shelf::charter) {
        v1::DeleteCharterRequest request;
        request.set_id(id);
        return rpc_
            ->ask<v1::DeleteCharterResponse>([&](auto* context, auto* queue) {
                return rpc_->charters().AsyncDeleteCharter(context, request, queue);
            })
            .map(nothing);
    }
    v1::DeleteJobRequest request;
    request.set_id(id);
    return rpc_
        ->ask<v1::DeleteJobResponse>([&](auto* context, auto* queue) {
            return rpc_->jobs().AsyncDeleteJob(context, request, queue);
        })
        .map(nothing);
}

Called<RemoteFile> ServiceCalls::upload(Shelf shelf, const SentFile& file, std::uint64_t offset,
                                        const std::function<void(std::uint64_t)>& sent) {
    Pending pending(rpc_->idle());
    const CallTimes& times = rpc_->times();
    grpc::Status status;
    v1::FileState response;
    v1::UploadRequest request;
    const auto writer =
        shelf == Shelf::charter
            ? rpc_->charters().AsyncPost(&pending.context, &response, &pending.queue,
                                         Pending::tag())
            : rpc_->jobs().AsyncUpload(&pending.context, &response, &pending.queue, Pending::tag());
    const Drain drain(pending);
    bool open = pending.wait(times.answer_seconds);
    if (open) {
        auto& header = *request.mutable_header();
        header.set_id(file.id);
        header.set_name(file.name);
        header.set_bytes(file.bytes->size());
        header.set_sha256(as_bytes(file.sha256));
        writer->Write(request, Pending::tag());
        open = pending.wait(times.stall_seconds);
    }
    std::vector<std::uint8_t> piece(chunk_bytes);
    while (open && offset < file.bytes->size()) {
        const auto part = std::span(piece).first(static_cast<std::size_t>(
            std::min<std::uint64_t>(piece.size(), file.bytes->size() - offset)));
        value_or_throw(file.bytes->read_at(offset, part));
        auto& chunk = *request.mutable_chunk();
        chunk.set_offset(offset);
        chunk.set_data(part.data(), part.size());
        writer->Write(request, Pending::tag());
        offset += part.size();
        sent(offset);
        open = pending.wait(times.stall_seconds);
    }
    if (open) {
        writer->WritesDone(Pending::tag());
        open = pending.wait(times.stall_seconds);
    }
    // The server may have ended the call before it got everything: its status says why.
    writer->Finish(&status, Pending::tag());
    static_cast<void>(pending.wait(open ? times.accept_seconds : times.answer_seconds));
    if (!status.ok() || pending.timed_out()) {
        return tl::unexpected(error_of(pending, status));
    }
    return remote_file(response);
}

namespace {

// Reads a stream of the server's to its end, or until `take` returns false.
template <class Response, class Reader, class Take>
Called<void> read_all(Pending& pending, Reader& reader, double stall_seconds, Take&& take) {
    grpc::Status status;
    Response response;
    const Drain drain(pending);  // before what the operations refer to goes
    bool open = pending.wait(stall_seconds);
    while (open) {
        reader.Read(&response, Pending::tag());
        open = pending.wait(stall_seconds);
        if (open && !take(response)) {
            return {};
        }
    }
    reader.Finish(&status, Pending::tag());
    static_cast<void>(pending.wait(stall_seconds));
    if (!status.ok() || pending.timed_out()) {
        return tl::unexpected(error_of(pending, status));
    }
    return {};
}

}  // namespace

Called<void> ServiceCalls::download(
    Shelf shelf, const WantedFile& wanted, const std::function<bool(const RemoteFile&)>& begin,
    const std::function<void(std::span<const std::uint8_t>)>& piece) {
    v1::DownloadRequest request;
    request.set_id(wanted.id);
    request.set_name(wanted.name);
    request.set_offset(wanted.offset);
    if (wanted.sha256) {
        request.set_sha256(as_bytes(*wanted.sha256));
    }
    Pending pending(rpc_->idle());
    const auto reader =
        shelf == Shelf::charter
            ? rpc_->charters().AsyncFetch(&pending.context, request, &pending.queue, Pending::tag())
            : rpc_->jobs().AsyncDownload(&pending.context, request, &pending.queue, Pending::tag());
    bool told = false;
    std::uint64_t offset = wanted.offset;
    return read_all<v1::DownloadResponse>(
        pending, *reader, rpc_->times().stall_seconds, [&](const v1::DownloadResponse& response) {
            if (response.has_file()) {
                require(!told, ErrorCode::corrupt_data, "the service begins '{}' a second time",
                        wanted.name);
                told = true;
                return begin(remote_file(response.file()));
            }
            const v1::Chunk& chunk = response.chunk();
            require(told && chunk.offset() == offset, ErrorCode::corrupt_data,
                    "the service sends '{}' with a gap at byte {}", wanted.name, offset);
            offset += chunk.data().size();
            piece(
                {reinterpret_cast<const std::uint8_t*>(chunk.data().data()), chunk.data().size()});
            return true;
        });
}

Called<void> ServiceCalls::watch(Shelf shelf, const std::string& id,
                                 const std::function<bool(const RemoteJob&)>& event) {
    Pending pending(rpc_->idle());
    const double stall = rpc_->times().stall_seconds;
    if (shelf == Shelf::charter) {
        v1::WatchCharterRequest request;
        request.set_id(id);
        const auto reader = rpc_->charters().AsyncWatchCharter(&pending.context, request,
                                                               &pending.queue, Pending::tag());
        return read_all<v1::CharterEvent>(
            pending, *reader, stall,
            [&](const v1::CharterEvent& told) { return event(remote_job(told.job())); });
    }
    v1::WatchJobRequest request;
    request.set_id(id);
    const auto reader =
        rpc_->jobs().AsyncWatchJob(&pending.context, request, &pending.queue, Pending::tag());
    return read_all<v1::JobEvent>(pending, *reader, stall, [&](const v1::JobEvent& told) {
        return event(remote_job(told.job()));
    });
}

}  // namespace cipherfit
