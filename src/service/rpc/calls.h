// What all calls share: who calls, threads that may wait, and failures as statuses.
#pragma once

#include "service/certificates.h"
#include "service/clock.h"
#include "service/journal.h"
#include "service/service.h"
#include "service/workers.h"

#include <chrono>
#include <functional>
#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>
#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace cipherfit::service {

class Calls {
  public:
    Calls(Service& service, const Certificates& certificates)
        : service_(service), certificates_(certificates) {}

    Service& service() noexcept { return service_; }
    // For what is over in milliseconds, and for what reads, writes or computes for longer.
    Workers& quick() noexcept { return quick_; }
    Workers& bulk() noexcept { return bulk_; }

    // Throws Refusal: unauthenticated, unavailable while the service ends.
    std::string client(const grpc::CallbackServerContext& context) const;
    // Does `body` and turns what it throws into a status; counts the call if `ends`.
    grpc::Status guarded(grpc::CallbackServerContext& context, const char* method,
                         std::chrono::steady_clock::time_point began, bool ends,
                         const std::function<void()>& body);

    // A call of one message each way.
    grpc::ServerUnaryReactor* unary(grpc::CallbackServerContext* context, const char* method,
                                    Workers& workers,
                                    std::function<void(const std::string& client)> body);

    // Streams that a client has open; throws Refusal(resource_exhausted) beyond the limit.
    void open_stream(const std::string& client);
    void close_stream(const std::string& client);

  private:
    Service& service_;
    const Certificates& certificates_;
    std::mutex mutex_;
    std::map<std::string, unsigned> streams_;
    Workers quick_{4}, bulk_{3};
};

}  // namespace cipherfit::service
