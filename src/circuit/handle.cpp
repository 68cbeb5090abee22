#include "cipherfit/circuit/handle.h"

#include "cipherfit/base/error.h"

#include <utility>

namespace cipherfit {
namespace {

void require_value(bool has_value) {
    require(has_value, ErrorCode::internal,
            "a recorded circuit has no ciphertexts: execute it to have them");
}

}  // namespace

Handle Handle::borrow(const Ciphertext& ciphertext) {
    Handle handle;
    handle.borrowed_ = &ciphertext;
    return handle;
}

Handle Handle::symbolic(MessageInfo info, std::size_t parts) {
    require(parts == 2 || parts == 3, ErrorCode::invalid_argument,
            "a ciphertext has 2 or 3 parts, got {}", parts);
    Handle handle;
    handle.info_ = info;
    handle.parts_ = parts;
    return handle;
}

const Ciphertext& Handle::ciphertext() const {
    require_value(!is_symbolic());
    return value();
}

Ciphertext Handle::release() && {
    require_value(!is_symbolic());
    note_.reset();
    return borrowed_ != nullptr ? borrowed_->copy() : std::move(owned_);
}

std::vector<Handle> to_handles(std::vector<Ciphertext> ciphertexts) {
    std::vector<Handle> handles;
    handles.reserve(ciphertexts.size());
    for (Ciphertext& ciphertext : ciphertexts) {
        handles.emplace_back(std::move(ciphertext));
    }
    return handles;
}

std::vector<Handle> borrow_all(std::span<const Ciphertext> ciphertexts) {
    std::vector<Handle> handles;
    handles.reserve(ciphertexts.size());
    for (const Ciphertext& ciphertext : ciphertexts) {
        handles.push_back(Handle::borrow(ciphertext));
    }
    return handles;
}

std::vector<Ciphertext> release_all(std::vector<Handle> handles) {
    std::vector<Ciphertext> ciphertexts;
    ciphertexts.reserve(handles.size());
    for (Handle& handle : handles) {
        ciphertexts.push_back(std::move(handle).release());
    }
    return ciphertexts;
}

const HoistedCiphertext& HoistedHandle::digits() const {
    require_value(digits_.has_value());
    return *digits_;
}

const Plaintext& MaskHandle::plaintext() const {
    require_value(plaintext_.has_value());
    return *plaintext_;
}

}  // namespace cipherfit
