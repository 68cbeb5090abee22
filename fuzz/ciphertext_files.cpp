// Files of ciphertexts and of keys, as programs that compute with CKKS alone exchange them. What is
// accepted comes out unchanged when it is written again.
#include "cipherfit/protocol/ciphertext_files.h"

#include "container_digests.h"

#include <memory>
#include <utility>
#include <vector>

namespace cipherfit {
namespace {

Expected<std::unique_ptr<ByteSource>> source_of(const Bytes& bytes) {
    return std::unique_ptr<ByteSource>(std::make_unique<MemorySource>(bytes));
}

void read(const Bytes& bytes) {
    const auto file = read_ciphertexts(source_of(bytes), TestParameters::allow);
    claim_clear_refusal(file);
    if (file) {
        std::vector<const Ciphertext*> ciphertexts;
        for (const Ciphertext& ciphertext : file->ciphertexts) {
            ciphertexts.push_back(&ciphertext);
        }
        Bytes written;
        claim(write_ciphertexts(
                  Expected<std::unique_ptr<ByteSink>>(std::make_unique<MemorySink>(written)),
                  file->parameters, file->key, ciphertexts)
                  .has_value());
        claim(written == bytes);
    }
    claim_clear_refusal(read_keys(source_of(bytes), TestParameters::allow));
}

}  // namespace
}  // namespace cipherfit

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace cipherfit;
    const Bytes bytes(data, data + size);
    for (const Bytes& input : {bytes, with_digests(bytes)}) {
        read(input);
    }
    return 0;
}
