// TLS with certificates that can be replaced while the server runs.
#pragma once

#include "service/certificates.h"

#include <grpcpp/security/server_credentials.h>
#include <memory>

namespace cipherfit::service {

// Every new connection is asked for a certificate that the authority has signed, and shown the
// server's newest one. `certificates` must outlive the server.
std::shared_ptr<grpc::ServerCredentials> server_credentials(const Certificates& certificates);

}  // namespace cipherfit::service
