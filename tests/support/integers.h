// Exact integers of OpenSSL, for what tests check against its definition.
#pragma once

#include <cstdint>
#include <memory>

#include <openssl/bn.h>

namespace cipherfit::test {

struct FreeInteger {
    void operator()(BIGNUM* x) const { BN_free(x); }
    void operator()(BN_CTX* x) const { BN_CTX_free(x); }
};
using Integer = std::unique_ptr<BIGNUM, FreeInteger>;
using IntegerContext = std::unique_ptr<BN_CTX, FreeInteger>;

inline Integer integer(std::uint64_t value = 0) {
    Integer x(BN_new());
    BN_set_word(x.get(), value);
    return x;
}

}  // namespace cipherfit::test
