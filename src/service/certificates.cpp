#include "service/certificates.h"

#include "cipherfit/io/file.h"
#include "service/openssl_handles.h"
#include "service/pki.h"
#include "service/refusal.h"

#include <utility>

#include <openssl/pem.h>

namespace cipherfit::service {
namespace {

constexpr std::size_t largest_certificate_file = std::size_t{1} << 22U;
constexpr std::size_t most_callers = 10'000;

std::string text_of(const std::filesystem::path& path) {
    const auto bytes = value_or_throw(read_file(path, largest_certificate_file));
    return {bytes.begin(), bytes.end()};
}

BioHandle bio_of(const std::string& text) {
    return BioHandle(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

CertificateHandle parse_certificate(const std::string& text) {
    return CertificateHandle(PEM_read_bio_X509(bio_of(text).get(), nullptr, nullptr, nullptr));
}

// The one thing of its kind in the text; nothing if there are none or several.
template <class Handle, auto read>
Handle only_one_of(const std::string& text) {
    const BioHandle from = bio_of(text);
    Handle first(read(from.get(), nullptr, nullptr, nullptr));
    const Handle second(read(from.get(), nullptr, nullptr, nullptr));
    return second ? Handle() : std::move(first);
}

// The name in the URI of the project, or empty.
std::string client_name_of(X509* certificate) {
    const NamesHandle names(static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
    std::string client;
    for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
        const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
        if (name->type != GEN_URI) {
            continue;
        }
        const ASN1_IA5STRING* uri = name->d.uniformResourceIdentifier;
        const std::string text(reinterpret_cast<const char*>(ASN1_STRING_get0_data(uri)),
                               static_cast<std::size_t>(ASN1_STRING_length(uri)));
        if (text.starts_with(client_uri)) {
            // Two names would be none.
            if (!client.empty()) {
                return {};
            }
            client = text.substr(client_uri.size());
        }
    }
    return is_client_name(client) ? client : std::string();
}

}  // namespace

struct Certificates::State {
    ServerIdentity identity;
    CertificateHandle authority;
    CrlHandle crl;
};

struct Certificates::Caller {
    std::string name;
    std::shared_ptr<X509> certificate;
    bool is_of_authority = false;  // signed by it, and not by one that it has signed
};

Certificates::Certificates(std::filesystem::path directory) : directory_(std::move(directory)) {
    reload();
}

Certificates::~Certificates() = default;

void Certificates::reload() {
    auto state = std::make_shared<State>();
    state->identity = {text_of(directory_ / "ca.pem"), text_of(directory_ / "cert.pem"),
                       text_of(directory_ / "key.pem")};
    state->authority = only_one_of<CertificateHandle, PEM_read_bio_X509>(state->identity.authority);
    const CertificateHandle& authority = state->authority;
    const CertificateHandle own = parse_certificate(state->identity.certificate);
    const KeyHandle key(
        PEM_read_bio_PrivateKey(bio_of(state->identity.key).get(), nullptr, nullptr, nullptr));
    const std::string where = directory_.string();
    require(authority && own && key, ErrorCode::bad_input,
            "{}: ca.pem, cert.pem and key.pem must be one authority, a certificate and its key in "
            "PEM",
            where);
    require(X509_check_private_key(own.get(), key.get()) == 1, ErrorCode::bad_input,
            "{}: key.pem is not the key of cert.pem", where);
    require(X509_cmp_current_time(X509_get0_notAfter(own.get())) > 0, ErrorCode::bad_input,
            "{}: cert.pem has expired: make a new one", where);
    if (std::filesystem::exists(directory_ / "crl.pem")) {
        const std::string text = text_of(directory_ / "crl.pem");
        state->crl = only_one_of<CrlHandle, PEM_read_bio_X509_CRL>(text);
        require(
            state->crl && X509_CRL_verify(state->crl.get(), X509_get0_pubkey(authority.get())) == 1,
            ErrorCode::bad_input,
            "{}: crl.pem is no list of revoked certificates that this authority has signed", where);
        const ASN1_TIME* next = X509_CRL_get0_nextUpdate(state->crl.get());
        require(next == nullptr || X509_cmp_current_time(next) > 0, ErrorCode::bad_input,
                "{}: crl.pem is out of date: have the authority make a new one", where);
    }
    const std::lock_guard lock(mutex_);
    // A list that is gone must not give the revoked their access back.
    require(!state_ || !state_->crl || state->crl, ErrorCode::bad_input,
            "{}: crl.pem is gone: put it back, or start the service again to do without", where);
    state_ = std::move(state);
    callers_.clear();
    ++generation_;
}

ServerIdentity Certificates::identity() const {
    const std::lock_guard lock(mutex_);
    return state_->identity;
}

std::uint64_t Certificates::generation() const {
    const std::lock_guard lock(mutex_);
    return generation_;
}

std::string Certificates::client_of(const std::string& certificate) const {
    Caller caller;
    std::shared_ptr<const State> state;
    {
        const std::lock_guard lock(mutex_);
        state = state_;
        const auto found = callers_.find(certificate);
        if (found == callers_.end()) {
            caller.certificate =
                std::shared_ptr<X509>(parse_certificate(certificate).release(), X509_free);
            if (caller.certificate) {
                caller.name = client_name_of(caller.certificate.get());
                caller.is_of_authority = X509_verify(caller.certificate.get(),
                                                     X509_get0_pubkey(state->authority.get())) == 1;
            }
            if (callers_.size() >= most_callers) {
                callers_.clear();
            }
            callers_.emplace(certificate, caller);
        } else {
            caller = found->second;
        }
    }
    if (caller.name.empty()) {
        refuse(Status::unauthenticated,
               "the certificate names no client: it needs the subject alternative name "
               "URI:{}NAME",
               client_uri);
    }
    // A list of revoked certificates holds those of its authority alone.
    if (!caller.is_of_authority) {
        refuse(Status::unauthenticated,
               "the certificate of '{}' was not signed by the service's authority itself",
               caller.name);
    }
    if (X509_cmp_current_time(X509_get0_notAfter(caller.certificate.get())) <= 0) {
        refuse(Status::unauthenticated, "the certificate of '{}' has expired", caller.name);
    }
    X509_REVOKED* entry = nullptr;
    if (state->crl &&
        X509_CRL_get0_by_serial(state->crl.get(), &entry,
                                X509_get_serialNumber(caller.certificate.get())) == 1) {
        refuse(Status::unauthenticated, "the certificate of '{}' was revoked", caller.name);
    }
    return caller.name;
}

}  // namespace cipherfit::service
