// The secret key's file. What is accepted is a ternary key that is written as it was read; a sealed
// one needs its passphrase, and says in bounds how it was sealed.
#include "cipherfit/protocol/owner/secret_key_file.h"
#include "container_digests.h"

#include <cstdio>
#include <string>

namespace cipherfit {
namespace {

// Of the ring, in the parameters' first bytes: large ones take long and teach the fuzzer nothing.
bool is_small(const Bytes& bytes) {
    constexpr std::size_t at = header_fields + 32 + 16;
    return bytes.size() <= at || bytes[at] <= 10 || bytes[at] > 17;
}

void read(const Bytes& bytes) {
    if (!is_small(bytes)) {
        return;
    }
    const MemoryFile file(bytes);
    const auto sealed = needs_passphrase(file.path());
    claim_clear_refusal(sealed);
    // A passphrase for keys in the clear alone: to derive a key takes long.
    const bool ask = sealed && !*sealed;
    const auto refused = read_secret_key(file.path(), ask ? "wrong" : "", TestParameters::allow);
    claim_clear_refusal(refused);
    claim(!refused);
    const auto key = read_secret_key(file.path(), "", TestParameters::allow);
    claim_clear_refusal(key);
    if (key) {
        claim(sealed && !*sealed);
        claim(key->coefficients().size() == key->parameters().n());
        claim(!read_secret_key(file.path(), "") == key->parameters().insecure_for_tests_only());
    }
}

}  // namespace
}  // namespace cipherfit

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace cipherfit;
    const Bytes bytes(data, data + size);
    read(bytes);
    read(with_digests(bytes));
    return 0;
}
