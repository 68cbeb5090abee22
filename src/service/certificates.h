// What the server reads of certificates: its own, the authority's, and who a caller is.
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

namespace cipherfit::service {

// The server's certificate, key and authority as text, checked to belong together.
struct ServerIdentity {
    std::string authority, certificate, key;
};

// DIR/ca.pem, cert.pem, key.pem and, where it is there, crl.pem: of one authority, which has signed
// the clients' certificates itself, so that the list tells of each of them. They are replaced as a
// whole by reload(), and stay as they are where the new ones cannot be used.
class Certificates {
  public:
    // Throws Error(bad_input, io_failure) for what cannot be used.
    explicit Certificates(std::filesystem::path directory);
    ~Certificates();
    Certificates(const Certificates&) = delete;
    Certificates& operator=(const Certificates&) = delete;

    // Throws as the constructor; then nothing has changed.
    void reload();
    ServerIdentity identity() const;
    // Counts the reloads.
    std::uint64_t generation() const;

    // The client that a certificate names, which the authority has signed, as the connection has
    // verified. Throws Refusal(unauthenticated) if it has expired, was revoked or names no client.
    std::string client_of(const std::string& certificate) const;

  private:
    struct State;
    std::filesystem::path directory_;
    mutable std::mutex mutex_;
    std::shared_ptr<const State> state_;
    std::uint64_t generation_ = 0;
    struct Caller;
    // What was read of the certificates that called, by their text; of bounded size.
    mutable std::unordered_map<std::string, Caller> callers_;
};

}  // namespace cipherfit::service
