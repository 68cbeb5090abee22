// The service on the network: gRPC with mutual TLS. This header knows nothing of gRPC.
#pragma once

#include "service/certificates.h"
#include "service/service.h"

#include <memory>
#include <string>

namespace cipherfit::service {

class RpcServer {
  public:
    // Listens at settings.listen; port 0 takes one that is free. Both must outlive it. Throws
    // Error(io_failure).
    RpcServer(Service& service, const Certificates& certificates);
    ~RpcServer();
    RpcServer(const RpcServer&) = delete;
    RpcServer& operator=(const RpcServer&) = delete;

    int port() const noexcept;
    // Ends all calls.
    void shutdown();

  private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

// gRPC's own words go to the service's log. Once, before anything of gRPC.
void log_for_grpc();

}  // namespace cipherfit::service
