#include "service/rpc/calls.h"

#include <grpc/grpc_security_constants.h>

#include <nlohmann/json.hpp>

namespace cipherfit::service {
namespace {

constexpr unsigned most_streams = 256;  // of one client

}  // namespace

std::string Calls::client(const grpc::CallbackServerContext& context) const {
    if (service_.is_ending()) {
        refuse(Status::unavailable, "the server ends: try again later");
    }
    const auto certificate =
        context.auth_context()->FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME);
    if (certificate.size() != 1) {
        refuse(Status::unauthenticated, "the connection has no client's certificate");
    }
    return certificates_.client_of(std::string(certificate[0].data(), certificate[0].size()));
}

grpc::Status Calls::guarded(grpc::CallbackServerContext& context, const char* method,
                            std::chrono::steady_clock::time_point began, bool ends,
                            const std::function<void()>& body) {
    grpc::Status status;
    const auto refused = [&](const Refusal& refusal) {
        status = grpc::Status(static_cast<grpc::StatusCode>(refusal.status()), refusal.what());
        if (!refusal.code().empty()) {
            context.AddTrailingMetadata("cipherfit-code", refusal.code());
        }
        if (refusal.status() == Status::unauthenticated) {
            try {
                service_.audit().add(
                    {.who = "unknown", .what = "refused", .detail = refusal.what()});
            } catch (const std::exception& error) {  // the caller is refused all the same
                log_warning("audit", {{"error", error.what()}});
            }
        }
        log_info("refused", {{"method", method},
                             {"peer", context.peer()},
                             {"status", static_cast<int>(refusal.status())},
                             {"why", refusal.what()}});
    };
    try {
        body();
    } catch (const Refusal& refusal) {
        refused(refusal);
    } catch (const Error& error) {
        const Refusal refusal = refusal_of(error.info());
        if (refusal.status() == Status::internal) {  // a path of the server is nobody's business
            log_warning("failed", {{"method", method}, {"error", error.what()}});
            status = {grpc::StatusCode::INTERNAL, "the server could not do it; its log has why"};
        } else {
            refused(refusal);
        }
    } catch (const std::exception& error) {
        log_warning("failed", {{"method", method}, {"error", error.what()}});
        status = {grpc::StatusCode::INTERNAL, "the server could not do it; its log has why"};
    }
    if (ends || !status.ok()) {
        const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - began;
        service_.metrics().count_call(method, static_cast<int>(status.error_code()), spent.count());
    }
    return status;
}

grpc::ServerUnaryReactor* Calls::unary(grpc::CallbackServerContext* context, const char* method,
                                       Workers& workers,
                                       std::function<void(const std::string& client)> body) {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    const auto began = std::chrono::steady_clock::now();
    workers.give([this, context, method, began, reactor, body = std::move(body)] {
        reactor->Finish(guarded(*context, method, began, true, [&] { body(client(*context)); }));
    });
    return reactor;
}

void Calls::open_stream(const std::string& client) {
    const std::lock_guard lock(mutex_);
    unsigned& streams = streams_[client];
    if (streams >= most_streams) {
        refuse(Status::resource_exhausted, "'{}' has {} streams open, which is the most", client,
               streams);
    }
    ++streams;
}

void Calls::close_stream(const std::string& client) {
    const std::lock_guard lock(mutex_);
    const auto found = streams_.find(client);
    if (found != streams_.end() && --found->second == 0) {
        streams_.erase(found);
    }
}

}  // namespace cipherfit::service
