// OpenSSL's objects, freed at the end of their scope.
#pragma once

#include <memory>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

namespace cipherfit::service {

template <auto free>
struct Freed {
    template <class T>
    void operator()(T* object) const noexcept {
        free(object);
    }
};

using KeyHandle = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using CertificateHandle = std::unique_ptr<X509, Freed<X509_free>>;
using CrlHandle = std::unique_ptr<X509_CRL, Freed<X509_CRL_free>>;
using BioHandle = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using ExtensionHandle = std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>>;
using NamesHandle = std::unique_ptr<GENERAL_NAMES, Freed<GENERAL_NAMES_free>>;
using RevokedHandle = std::unique_ptr<X509_REVOKED, Freed<X509_REVOKED_free>>;
using TimeHandle = std::unique_ptr<ASN1_TIME, Freed<ASN1_TIME_free>>;

}  // namespace cipherfit::service
