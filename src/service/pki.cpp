#include "service/pki.h"

#include "cipherfit/base/secure.h"
#include "cipherfit/io/file.h"
#include "service/openssl_handles.h"

#include <algorithm>
#include <array>
#include <span>
#include <sys/stat.h>

#include <openssl/ec.h>
#include <openssl/pem.h>

namespace cipherfit::service {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t largest_pem = std::size_t{1} << 20U;
constexpr long seconds_a_day = 86'400;

void require_made(bool made, const char* what) {
    require(made, ErrorCode::internal, "OpenSSL cannot make {}", what);
}

std::string contents_of(BIO* bio) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    return {data, static_cast<std::size_t>(std::max(size, 0L))};
}

template <class Write>
std::string as_pem(Write write) {
    const BioHandle bio(BIO_new(BIO_s_mem()));
    require_made(bio && write(bio.get()) == 1, "the text of a certificate");
    return contents_of(bio.get());
}

void save(const fs::path& path, const std::string& text, unsigned mode) {
    value_or_throw(write_file(
        path, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, {.mode = mode}));
}

std::string load(const fs::path& path) {
    const auto bytes = value_or_throw(read_file(path, largest_pem));
    return {bytes.begin(), bytes.end()};
}

BioHandle reader_of(const std::string& text) {
    return BioHandle(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

void make_private_directory(const fs::path& path) {
    fs::create_directories(path);
    fs::permissions(path, fs::perms::owner_all);
}

struct Authority {
    KeyHandle key;
    CertificateHandle certificate;
};

KeyHandle new_key() {
    KeyHandle key(EVP_EC_gen("P-256"));
    require_made(key != nullptr, "a key");
    return key;
}

void add_extension(X509* certificate, X509* issuer, int id, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    const ExtensionHandle extension(X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str()));
    require_made(extension && X509_add_ext(certificate, extension.get(), -1) == 1,
                 "an extension of a certificate");
}

CertificateHandle new_certificate(EVP_PKEY* key, const std::string& subject, int days) {
    CertificateHandle certificate(X509_new());
    require_made(certificate != nullptr, "a certificate");
    X509_set_version(certificate.get(), X509_VERSION_3);
    std::array<std::uint8_t, 16> serial{};
    random_bytes(serial);
    serial[0] = static_cast<std::uint8_t>((serial[0] & 0x3fU) | 0x40U);  // positive, of full length
    ASN1_INTEGER* number = X509_get_serialNumber(certificate.get());
    require_made(ASN1_STRING_set(number, serial.data(), serial.size()) == 1, "a serial number");
    // An hour back, for clocks that differ.
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), days * seconds_a_day);
    X509_set_pubkey(certificate.get(), key);
    X509_NAME* name = X509_get_subject_name(certificate.get());
    require_made(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                            reinterpret_cast<const unsigned char*>(subject.c_str()),
                                            -1, -1, 0) == 1,
                 "a subject");
    return certificate;
}

void sign(X509* certificate, const Authority& authority, X509* issuer) {
    X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
    add_extension(certificate, issuer, NID_subject_key_identifier, "hash");
    add_extension(certificate, issuer, NID_authority_key_identifier, "keyid");
    require_made(X509_sign(certificate, authority.key.get(), EVP_sha256()) > 0, "a signature");
}

Authority load_authority(const fs::path& directory) {
    Authority authority;
    const std::string key = load(directory / "key.pem");
    const std::string certificate = load(directory / "ca.pem");
    authority.key.reset(PEM_read_bio_PrivateKey(reader_of(key).get(), nullptr, nullptr, nullptr));
    authority.certificate.reset(
        PEM_read_bio_X509(reader_of(certificate).get(), nullptr, nullptr, nullptr));
    require(authority.key && authority.certificate &&
                X509_check_private_key(authority.certificate.get(), authority.key.get()) == 1,
            ErrorCode::bad_input, "{}: is no certificate authority: remove it, or name another one",
            directory.string());
    return authority;
}

Authority make_authority(const fs::path& directory) {
    Authority authority;
    authority.key = new_key();
    authority.certificate = new_certificate(authority.key.get(), "cipherfit trial authority", 3650);
    X509* own = authority.certificate.get();
    add_extension(own, own, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
    add_extension(own, own, NID_key_usage, "critical,keyCertSign,cRLSign");
    sign(own, authority, own);
    save(directory / "key.pem", as_pem([&](BIO* bio) {
             return PEM_write_bio_PrivateKey(bio, authority.key.get(), nullptr, nullptr, 0, nullptr,
                                             nullptr);
         }),
         0600);
    save(directory / "ca.pem", as_pem([&](BIO* bio) { return PEM_write_bio_X509(bio, own); }),
         0644);
    return authority;
}

// Neither over nor revoked.
bool is_in_force(const fs::path& certificate_file, const fs::path& crl_file) {
    const std::string text = load(certificate_file);
    const CertificateHandle certificate(
        PEM_read_bio_X509(reader_of(text).get(), nullptr, nullptr, nullptr));
    if (!certificate || X509_cmp_current_time(X509_get0_notAfter(certificate.get())) <= 0) {
        return false;
    }
    if (!fs::exists(crl_file)) {
        return true;
    }
    const std::string list = load(crl_file);
    const CrlHandle crl(PEM_read_bio_X509_CRL(reader_of(list).get(), nullptr, nullptr, nullptr));
    X509_REVOKED* entry = nullptr;
    return !crl || X509_CRL_get0_by_serial(crl.get(), &entry,
                                           X509_get_serialNumber(certificate.get())) == 0;
}

// What is there and in force stays.
void make_party(const fs::path& directory, const Authority& authority, const std::string& subject,
                const std::string& names, const char* usage, int days) {
    if (fs::exists(directory / "cert.pem") &&
        is_in_force(directory / "cert.pem", directory.parent_path() / "server/crl.pem")) {
        return;
    }
    make_private_directory(directory);
    const KeyHandle key = new_key();
    const CertificateHandle certificate = new_certificate(key.get(), subject, days);
    X509* issuer = authority.certificate.get();
    add_extension(certificate.get(), issuer, NID_basic_constraints, "critical,CA:FALSE");
    add_extension(certificate.get(), issuer, NID_key_usage, "critical,digitalSignature");
    add_extension(certificate.get(), issuer, NID_ext_key_usage, usage);
    add_extension(certificate.get(), issuer, NID_subject_alt_name, names);
    sign(certificate.get(), authority, issuer);
    save(directory / "ca.pem", as_pem([&](BIO* bio) { return PEM_write_bio_X509(bio, issuer); }),
         0644);
    save(directory / "key.pem", as_pem([&](BIO* bio) {
             return PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
         }),
         0600);
    // Last: a directory with a certificate has everything.
    save(directory / "cert.pem",
         as_pem([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate.get()); }), 0644);
}

// The list of revoked certificates, with those of `revoked` added.
void write_crl(const fs::path& file, const Authority& authority,
               const std::vector<fs::path>& revoked) {
    CrlHandle crl;
    if (fs::exists(file)) {
        const std::string text = load(file);
        crl.reset(PEM_read_bio_X509_CRL(reader_of(text).get(), nullptr, nullptr, nullptr));
        require(crl != nullptr, ErrorCode::bad_input, "{}: is no list of revoked certificates",
                file.string());
    } else {
        crl.reset(X509_CRL_new());
        require_made(crl != nullptr && X509_CRL_set_version(crl.get(), X509_CRL_VERSION_2) == 1,
                     "a list of revoked certificates");
        X509_CRL_set_issuer_name(crl.get(), X509_get_subject_name(authority.certificate.get()));
    }
    const TimeHandle now(X509_gmtime_adj(nullptr, 0));
    const TimeHandle next(X509_gmtime_adj(nullptr, 3650 * seconds_a_day));
    X509_CRL_set1_lastUpdate(crl.get(), now.get());
    X509_CRL_set1_nextUpdate(crl.get(), next.get());
    for (const fs::path& path : revoked) {
        const std::string text = load(path);
        const CertificateHandle certificate(
            PEM_read_bio_X509(reader_of(text).get(), nullptr, nullptr, nullptr));
        require(certificate != nullptr, ErrorCode::bad_input, "{}: is no certificate",
                path.string());
        X509_REVOKED* known = nullptr;
        ASN1_INTEGER* serial = X509_get_serialNumber(certificate.get());
        if (X509_CRL_get0_by_serial(crl.get(), &known, serial) != 0) {
            continue;
        }
        RevokedHandle entry(X509_REVOKED_new());
        require_made(entry && X509_REVOKED_set_serialNumber(entry.get(), serial) == 1 &&
                         X509_REVOKED_set_revocationDate(entry.get(), now.get()) == 1 &&
                         X509_CRL_add0_revoked(crl.get(), entry.get()) == 1,
                     "an entry of revoked certificates");
        static_cast<void>(entry.release());
    }
    X509_CRL_sort(crl.get());
    require_made(X509_CRL_sign(crl.get(), authority.key.get(), EVP_sha256()) > 0, "a signature");
    save(file, as_pem([&](BIO* bio) { return PEM_write_bio_X509_CRL(bio, crl.get()); }), 0644);
}

bool is_ipv4(std::string_view text) {
    return !text.empty() &&
           std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
}

bool is_host(std::string_view text) {
    return !text.empty() && text.size() <= 253 && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '-';
    });
}

std::string names_of(const std::vector<std::string>& servers) {
    std::string names;
    for (const std::string& server : servers) {
        require(is_host(server), ErrorCode::bad_input,
                "'{}' is neither a host's name nor an IPv4 address", server);
        names += fmt::format("{}{}:{}", names.empty() ? "" : ",", is_ipv4(server) ? "IP" : "DNS",
                             server);
        if (server == "localhost") {
            names += ",IP:127.0.0.1";
        }
    }
    return names;
}

}  // namespace

bool is_client_name(std::string_view name) noexcept {
    const auto is_plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
    return !name.empty() && name.size() <= 64 && is_plain(name.front()) &&
           std::ranges::all_of(
               name, [&](char c) { return is_plain(c) || c == '_' || c == '-' || c == '.'; });
}

void make_pki(const PkiRequest& request) {
    const fs::path authority_directory = request.directory / "ca";
    const bool is_there = fs::exists(authority_directory / "ca.pem");
    require(is_there || !request.servers.empty(), ErrorCode::bad_input,
            "{}: there is no authority yet: name the server's host as well",
            request.directory.string());
    for (const std::string& client : request.clients) {
        require(is_client_name(client) && client != "ca" && client != "server",
                ErrorCode::bad_input,
                "'{}' cannot name a client: use up to 64 lower-case letters, digits, '_', '-' and "
                "'.', other than 'ca' and 'server'",
                client);
    }
    const std::string names = names_of(request.servers);
    std::vector<fs::path> revoked;
    for (const std::string& client : request.revoked) {
        revoked.push_back(request.directory / client / "cert.pem");
        require(is_client_name(client) && fs::exists(revoked.back()), ErrorCode::bad_input,
                "{}: there is no certificate of '{}' to revoke", request.directory.string(),
                client);
    }
    make_private_directory(request.directory);
    make_private_directory(authority_directory);
    const Authority authority =
        is_there ? load_authority(authority_directory) : make_authority(authority_directory);
    const fs::path server = request.directory / "server";
    if (!request.servers.empty()) {
        make_party(server, authority, request.servers.front(), names, "serverAuth", request.days);
    }
    for (const std::string& client : request.clients) {
        make_party(request.directory / client, authority, client,
                   fmt::format("URI:{}{}", client_uri, client), "clientAuth", request.days);
    }
    if (fs::exists(server) && (!fs::exists(server / "crl.pem") || !revoked.empty())) {
        write_crl(server / "crl.pem", authority, revoked);
    }
}

}  // namespace cipherfit::service
