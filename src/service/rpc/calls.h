// What all calls share: who calls, threads that may wait, and failures as statuses.
#pragma once

#include "service/certificates.h"
#include "service/client_counts.h"
#include "service/clock.h"
#include "service/journal.h"
#include "service/rare_notes.h"
#include "service/service.h"
#include "service/workers.h"

#include <chrono>
#include <functional>
#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>
#include <string>
#include <utility>

namespace cipherfit::service {

class Calls {
  public:
    Calls(Service& service, const Certificates& certificates)
        : service_(service), certificates_(certificates) {}

    Service& service() noexcept { return service_; }
    // For what is over in milliseconds, for what reads or writes for longer, and for plans, each of
    // which may take a processor for seconds.
    Workers& quick() noexcept { return quick_; }
    Workers& bulk() noexcept { return bulk_; }
    Workers& plans() noexcept { return plans_; }
    // For checks of large files: one at a time, and the threads above go on.
    Workers& checks() noexcept { return checks_; }

    // Throws Refusal: unauthenticated, unavailable while the service ends.
    std::string client(const grpc::CallbackServerContext& context) const;
    // Does `body` and turns what it throws into a status; counts the call if `ends`.
    grpc::Status guarded(grpc::CallbackServerContext& context, const char* method,
                         std::chrono::steady_clock::time_point began, bool ends,
                         const std::function<void()>& body);

    // A call of one message each way. The number that one client has under way is limited.
    grpc::ServerUnaryReactor* unary(grpc::CallbackServerContext* context, const char* method,
                                    Workers& workers,
                                    std::function<void(const std::string& client)> body);

    // A stream begins: sets `client`, whose number of open streams is limited. close_stream() has
    // to follow where the status is OK.
    grpc::Status open_stream(grpc::CallbackServerContext& context, const char* method,
                             std::chrono::steady_clock::time_point began, std::string& client);
    void close_stream(const std::string& client) { streams_.close(client); }

  private:
    void note_refused(const std::string& why);

    Service& service_;
    const Certificates& certificates_;
    ClientCounts streams_{"streams", 256}, unary_{"calls", 128};
    RareNotes refused_{60};
    Workers checks_{1};  // outlives those that give it work
    Workers quick_{4}, bulk_{3}, plans_{1};
};

}  // namespace cipherfit::service
