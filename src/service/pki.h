// A small certificate authority for a trial: ECDSA on P-256, one directory for each party.
//
//     ca/      ca.pem  key.pem                 the authority: keep it off the server
//     server/  ca.pem  cert.pem  key.pem  crl.pem
//     NAME/    ca.pem  cert.pem  key.pem       a client, whose certificate names it
//
// A client's name stands in the certificate's subject alternative name, as the URI
// cipherfit:client:NAME.
#pragma once

#include "cipherfit/base/error.h"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace cipherfit::service {

inline constexpr std::string_view client_uri = "cipherfit:client:";

// 1 to 64 of lower-case letters, digits, '_', '-' and '.', the first one a letter or digit.
bool is_client_name(std::string_view name) noexcept;

struct PkiRequest {
    std::filesystem::path directory;
    std::vector<std::string> servers;  // host names and IPv4 addresses of the server
    std::vector<std::string> clients;
    std::vector<std::string> revoked;  // clients whose certificates end
    int days = 365;                    // of the certificates; the authority has ten years
};

// Makes what is missing and leaves what is there, so that clients can be added later. Throws
// Error(bad_input) for names, io_failure.
void make_pki(const PkiRequest& request);

}  // namespace cipherfit::service
