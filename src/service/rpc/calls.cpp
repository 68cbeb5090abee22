#include "service/rpc/calls.h"

#include <grpc/grpc_security_constants.h>

#include <nlohmann/json.hpp>

namespace cipherfit::service {

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
    const auto failed = [&](const char* why) {  // a path of the server is nobody's business
        log_warning("failed", {{"method", method}, {"error", why}});
        status = {grpc::StatusCode::INTERNAL, "the server could not do it; its log has why"};
    };
    const auto refused = [&](const Refusal& refusal) {
        if (refusal.status() == Status::internal) {
            failed(refusal.what());
            return;
        }
        status = grpc::Status(static_cast<grpc::StatusCode>(refusal.status()), refusal.what());
        if (!refusal.code().empty()) {
            context.AddTrailingMetadata("cipherfit-code", refusal.code());
        }
        if (refusal.status() == Status::unauthenticated) {
            note_refused(refusal.what());
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
        refused(refusal_of(error.info()));
    } catch (const std::exception& error) {
        failed(error.what());
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
    std::string who;
    const grpc::Status refused = guarded(*context, method, began, false, [&] {
        who = client(*context);
        unary_.open(who);
    });
    if (!refused.ok()) {
        reactor->Finish(refused);
        return reactor;
    }
    workers.give(who, [this, context, method, began, reactor, who, body = std::move(body)] {
        const grpc::Status status =
            guarded(*context, method, began, true, [&] { body(client(*context)); });
        unary_.close(who);
        reactor->Finish(status);
    });
    return reactor;
}

grpc::Status Calls::open_stream(grpc::CallbackServerContext& context, const char* method,
                                std::chrono::steady_clock::time_point began, std::string& client) {
    return guarded(context, method, began, false, [&] {
        std::string name = this->client(context);
        streams_.open(name);
        client = std::move(name);
    });
}

void Calls::note_refused(const std::string& why) {
    const auto before = refused_.next();
    if (!before) {
        return;
    }
    const std::string more = *before == 0 ? "" : fmt::format(" ({} more before it)", *before);
    try {
        service_.audit().add({.who = "unknown", .what = "refused", .detail = why + more});
    } catch (const std::exception& error) {  // the caller is refused all the same
        log_warning("audit", {{"error", error.what()}});
    }
}

}  // namespace cipherfit::service
