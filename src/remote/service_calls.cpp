#include "remote/service_calls.h"

#include "remote/rpc.h"

#include <cstdlib>
#include <grpc/support/log.h>
#include <mutex>

namespace cipherfit {
namespace {

// gRPC writes to the standard error on its own; what it has to say comes back as a status.
void keep_library_quiet() {
    static std::once_flag once;
    std::call_once(once, [] {
        if (std::getenv("GRPC_VERBOSITY") == nullptr) {
            gpr_set_log_function([](gpr_log_func_args*) {});
        }
    });
}

}  // namespace

CallError call_error_of(const PendingCall& pending, const grpc::Status& status) {
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

std::shared_ptr<grpc::Channel> service_channel(const std::string& address,
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

}  // namespace cipherfit
