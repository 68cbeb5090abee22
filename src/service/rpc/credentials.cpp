#include "service/rpc/credentials.h"

#include <atomic>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <string>

namespace cipherfit::service {
namespace {

// gRPC's C++ face cannot replace certificates by command; its C face asks for them at each
// handshake.
class ReloadedCredentials final : public grpc::ServerCredentials {
  public:
    explicit ReloadedCredentials(const Certificates& certificates) : certificates_(certificates) {
        auto* options = grpc_ssl_server_credentials_create_options_using_config_fetcher(
            GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY, fetch, this);
        credentials_ = grpc_ssl_server_credentials_create_with_options(options);
    }
    ~ReloadedCredentials() override { grpc_server_credentials_release(credentials_); }
    ReloadedCredentials(const ReloadedCredentials&) = delete;
    ReloadedCredentials& operator=(const ReloadedCredentials&) = delete;

    void SetAuthMetadataProcessor(
        const std::shared_ptr<grpc::AuthMetadataProcessor>& /*processor*/) override {}

  private:
    int AddPortToServer(const std::string& address, grpc_server* server) override {
        return grpc_server_add_http2_port(server, address.c_str(), credentials_);
    }

    static grpc_ssl_certificate_config_reload_status fetch(
        void* self, grpc_ssl_server_certificate_config** config) {
        auto& credentials = *static_cast<ReloadedCredentials*>(self);
        const std::uint64_t generation = credentials.certificates_.generation();
        if (credentials.shown_.exchange(generation) == generation) {
            return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
        }
        const ServerIdentity identity = credentials.certificates_.identity();
        const grpc_ssl_pem_key_cert_pair pair{identity.key.c_str(), identity.certificate.c_str()};
        *config = grpc_ssl_server_certificate_config_create(identity.authority.c_str(), &pair, 1);
        return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
    }

    const Certificates& certificates_;
    grpc_server_credentials* credentials_ = nullptr;
    std::atomic<std::uint64_t> shown_{0};
};

}  // namespace

std::shared_ptr<grpc::ServerCredentials> server_credentials(const Certificates& certificates) {
    return std::make_shared<ReloadedCredentials>(certificates);
}

}  // namespace cipherfit::service
