#include "service/rpc/rpc_server.h"

#include "service/rpc/calls.h"
#include "service/rpc/credentials.h"
#include "service/rpc/messages.h"
#include "service/rpc/streams.h"

#include <chrono>
#include <cipherfit/v1/charters.grpc.pb.h>
#include <cipherfit/v1/jobs.grpc.pb.h>
#include <grpc/support/log.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <nlohmann/json.hpp>

namespace cipherfit::service {
namespace {

using grpc::CallbackServerContext;

bool ends_watch(JobState state) {
    return state != JobState::queued && state != JobState::running;
}

}  // namespace

class JobsCalls final : public v1::Jobs::CallbackService {
  public:
    JobsCalls(Calls& calls, StallWatch& stalls) : calls_(calls), stalls_(stalls) {}

    grpc::ServerUnaryReactor* CreateJob(CallbackServerContext* context,
                                        const v1::CreateJobRequest* request,
                                        v1::Job* response) override {
        return calls_.unary(context, "CreateJob", calls_.plans(), [=, this](const auto& client) {
            fill(*response,
                 core().create_job(client, {.plan = span_of(request->plan()),
                                            .label = request->label(),
                                            .choices = choices_of(request->training())}));
        });
    }
    grpc::ServerUnaryReactor* GetJob(CallbackServerContext* context,
                                     const v1::GetJobRequest* request, v1::Job* response) override {
        return calls_.unary(context, "GetJob", calls_.quick(), [=, this](const auto& client) {
            fill(*response, core().job(client, request->id()));
        });
    }
    grpc::ServerUnaryReactor* ListJobs(CallbackServerContext* context,
                                       const v1::ListJobsRequest* request,
                                       v1::ListJobsResponse* response) override {
        return calls_.unary(context, "ListJobs", calls_.quick(), [=, this](const auto& client) {
            for (const JobView& view :
                 core().jobs(client, request->before_id(), request->limit())) {
                fill(*response->add_jobs(), view);
            }
        });
    }
    grpc::ServerUnaryReactor* ListFiles(CallbackServerContext* context,
                                        const v1::ListFilesRequest* request,
                                        v1::ListFilesResponse* response) override {
        return calls_.unary(context, "ListFiles", calls_.quick(), [=, this](const auto& client) {
            for (const FileView& view : core().files(client, request->id())) {
                fill(*response->add_files(), view);
            }
        });
    }
    grpc::ServerReadReactor<v1::UploadRequest>* Upload(CallbackServerContext* context,
                                                       v1::FileState* response) override {
        return start_upload(calls_, stalls_, context, response, false);
    }
    grpc::ServerWriteReactor<v1::DownloadResponse>* Download(
        CallbackServerContext* context, const v1::DownloadRequest* request) override {
        return start_download(calls_, context, *request);
    }
    grpc::ServerUnaryReactor* StartJob(CallbackServerContext* context,
                                       const v1::StartJobRequest* request,
                                       v1::Job* response) override {
        return calls_.unary(context, "StartJob", calls_.quick(), [=, this](const auto& client) {
            fill(*response, core().start(client, request->id()));
        });
    }
    grpc::ServerWriteReactor<v1::JobEvent>* WatchJob(CallbackServerContext* context,
                                                     const v1::WatchJobRequest* request) override {
        return start_watch(calls_, context, request->id(),
                           [this, id = request->id()](const auto& client, v1::JobEvent& event) {
                               const JobView view = core().job(client, id);
                               fill(*event.mutable_job(), view);
                               return ends_watch(view.record.state);
                           });
    }
    grpc::ServerUnaryReactor* AnswerReview(CallbackServerContext* context,
                                           const v1::AnswerReviewRequest* request,
                                           v1::Job* response) override {
        return calls_.unary(context, "AnswerReview", calls_.bulk(), [=, this](const auto& client) {
            const auto iteration = static_cast<int>(std::min(request->iteration(), 1U << 30U));
            fill(*response,
                 core().answer(client, request->id(), iteration, span_of(request->answer())));
        });
    }
    grpc::ServerUnaryReactor* CancelJob(CallbackServerContext* context,
                                        const v1::CancelJobRequest* request,
                                        v1::Job* response) override {
        return calls_.unary(context, "CancelJob", calls_.quick(), [=, this](const auto& client) {
            fill(*response, core().cancel(client, request->id()));
        });
    }
    grpc::ServerUnaryReactor* DeleteJob(CallbackServerContext* context,
                                        const v1::DeleteJobRequest* request,
                                        v1::DeleteJobResponse* /*response*/) override {
        return calls_.unary(context, "DeleteJob", calls_.bulk(), [=, this](const auto& client) {
            core().remove(client, request->id());
        });
    }
    grpc::ServerUnaryReactor* GetServerInfo(CallbackServerContext* context,
                                            const v1::GetServerInfoRequest* /*request*/,
                                            v1::ServerInfo* response) override {
        return calls_.unary(context, "GetServerInfo", calls_.quick(),
                            [=, this](const auto& client) { inform(*response, client); });
    }

  private:
    service::Service& core() { return calls_.service(); }
    void inform(v1::ServerInfo& response, const std::string& client) {
        const Settings& settings = core().settings();
        const ServerFacts facts = core().facts(client);
        response.set_version(CIPHERFIT_VERSION);
        response.set_api("v1");
        response.set_client(client);
        response.set_max_memory_bytes(facts.memory_bytes);
        response.set_quota_bytes(settings.quota_bytes);
        response.set_used_bytes(facts.usage.bytes);
        response.set_quota_jobs(settings.quota_jobs);
        response.set_used_jobs(facts.usage.jobs);
        response.set_quota_hours(settings.quota_hours);
        response.set_used_hours(facts.usage.seconds / 3600);
        response.set_max_chunk_bytes(largest_chunk);
        response.set_retention_seconds(static_cast<std::uint64_t>(settings.retention_hours * 3600));
    }

    Calls& calls_;
    StallWatch& stalls_;
};

class ChartersCalls final : public v1::Charters::CallbackService {
  public:
    ChartersCalls(Calls& calls, StallWatch& stalls) : calls_(calls), stalls_(stalls) {}

    grpc::ServerUnaryReactor* CreateCharter(CallbackServerContext* context,
                                            const v1::CreateCharterRequest* request,
                                            v1::Job* response) override {
        return calls_.unary(
            context, "CreateCharter", calls_.plans(), [=, this](const auto& client) {
                fill(*response,
                     core().create_charter(client, {.charter = span_of(request->charter()),
                                                    .identities = {request->identities().begin(),
                                                                   request->identities().end()},
                                                    .member = request->member(),
                                                    .signature = span_of(request->signature())}));
            });
    }
    grpc::ServerUnaryReactor* ListBoard(CallbackServerContext* context,
                                        const v1::ListBoardRequest* request,
                                        v1::ListBoardResponse* response) override {
        return calls_.unary(context, "ListBoard", calls_.quick(), [=, this](const auto& client) {
            const auto round =
                request->has_round() ? std::optional(request->round()) : std::nullopt;
            for (const FileView& view : core().board(client, request->id(), round)) {
                fill(*response->add_files(), view);
            }
        });
    }
    grpc::ServerReadReactor<v1::UploadRequest>* Post(CallbackServerContext* context,
                                                     v1::FileState* response) override {
        return start_upload(calls_, stalls_, context, response, true);
    }
    grpc::ServerWriteReactor<v1::DownloadResponse>* Fetch(
        CallbackServerContext* context, const v1::DownloadRequest* request) override {
        return start_download(calls_, context, *request);
    }
    grpc::ServerUnaryReactor* StartCharter(CallbackServerContext* context,
                                           const v1::StartCharterRequest* request,
                                           v1::Job* response) override {
        return calls_.unary(context, "StartCharter", calls_.quick(), [=, this](const auto& client) {
            fill(*response, core().start(client, request->id()));
        });
    }
    grpc::ServerUnaryReactor* GetCharter(CallbackServerContext* context,
                                         const v1::GetCharterRequest* request,
                                         v1::Job* response) override {
        return calls_.unary(context, "GetCharter", calls_.quick(), [=, this](const auto& client) {
            fill(*response, core().job(client, request->id()));
        });
    }
    grpc::ServerWriteReactor<v1::CharterEvent>* WatchCharter(
        CallbackServerContext* context, const v1::WatchCharterRequest* request) override {
        return start_watch(calls_, context, request->id(),
                           [this, id = request->id()](const auto& client, v1::CharterEvent& event) {
                               fill(*event.mutable_job(), core().job(client, id));
                               event.set_entries(core().board_entries(id));
                               return false;
                           });
    }
    grpc::ServerUnaryReactor* DeleteCharter(CallbackServerContext* context,
                                            const v1::DeleteCharterRequest* request,
                                            v1::DeleteCharterResponse* /*response*/) override {
        return calls_.unary(context, "DeleteCharter", calls_.bulk(), [=, this](const auto& client) {
            core().remove(client, request->id());
        });
    }

  private:
    service::Service& core() { return calls_.service(); }
    Calls& calls_;
    StallWatch& stalls_;
};

namespace {

void limit_connections(grpc::ServerBuilder& builder) {
    builder.SetMaxReceiveMessageSize(static_cast<int>(largest_chunk) + (64 << 10));
    builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 10'000);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 300);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, 600'000);
    builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, 16 << 10);
    // What is under way when a line breaks is sent again: one chunk, and not as much as the line
    // holds.
    builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES,
                               static_cast<int>(largest_chunk));
    // Two servers must not share a port without knowing.
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    grpc::ResourceQuota quota("cipherfit");
    quota.Resize(std::size_t{512} << 20U).SetMaxThreads(16);
    builder.SetResourceQuota(quota);
    // The reflection service alone has threads of that kind.
    builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
    builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 1);
}

}  // namespace

struct RpcServer::Parts {
    Parts(Service& service, const Certificates& certificates)
        : stalls(service.settings().stall_seconds),
          calls(service, certificates),
          jobs(calls, stalls),
          charters(calls, stalls) {}
    StallWatch stalls;
    Calls calls;
    JobsCalls jobs;
    ChartersCalls charters;
    int port = 0;
    // Asked at each handshake: it must outlive the server.
    std::shared_ptr<grpc::ServerCredentials> credentials;
    std::unique_ptr<grpc::Server> server;
};

RpcServer::RpcServer(Service& service, const Certificates& certificates)
    : parts_(std::make_unique<Parts>(service, certificates)) {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    grpc::ServerBuilder builder;
    const std::string& address = service.settings().listen;
    parts_->credentials = server_credentials(certificates);
    builder.AddListeningPort(address, parts_->credentials, &parts_->port);
    builder.RegisterService(&parts_->jobs);
    builder.RegisterService(&parts_->charters);
    limit_connections(builder);
    parts_->server = builder.BuildAndStart();
    require(parts_->server != nullptr && parts_->port != 0, ErrorCode::io_failure,
            "{}: cannot listen there: give HOST:PORT of this machine with a port that is free",
            address);
}

RpcServer::~RpcServer() {
    shutdown();
}

int RpcServer::port() const noexcept {
    return parts_->port;
}

void RpcServer::shutdown() {
    parts_->server->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(2));
    parts_->server->Wait();
}

void log_for_grpc() {
    gpr_set_log_function([](gpr_log_func_args* said) {
        if (said->severity == GPR_LOG_SEVERITY_ERROR) {
            log_event("debug", "grpc", {{"message", said->message}});
        }
    });
}

}  // namespace cipherfit::service
