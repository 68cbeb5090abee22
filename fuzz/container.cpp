// The container reader on bytes that nobody vouches for: as they come, and with the digests
// renewed, since mutations alone never find a SHA-256. What is accepted must come out unchanged
// when it is written again.
#include "cipherfit/io/container.h"

#include "container_digests.h"
#include "fuzz_support.h"

#include <vector>

namespace cipherfit {
namespace {

constexpr std::uint64_t max_length = std::uint64_t{1} << 20U;

void read(const Bytes& bytes) {
    auto reader = ContainerReader::open(std::make_unique<MemorySource>(bytes));
    claim_clear_refusal(reader);
    if (!reader) {
        return;
    }
    Bytes copy;
    auto writer = value_or_throw(ContainerWriter::create(std::make_unique<MemorySink>(copy),
                                                         reader->kind(), reader->identity()));
    for (;;) {
        const auto next = reader->peek();
        claim_clear_refusal(next);
        if (!next) {
            return;
        }
        if (!*next) {
            break;
        }
        const auto payload = reader->section((*next)->tag, (*next)->index, max_length);
        claim_clear_refusal(payload);
        if (!payload) {
            return;
        }
        claim(writer.section((*next)->tag, (*next)->index, *payload).has_value());
    }
    const auto end = reader->verify_end();
    claim_clear_refusal(end);
    if (end) {
        claim(writer.commit().has_value());
        claim(copy == bytes);
    }
}

}  // namespace
}  // namespace cipherfit

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const cipherfit::Bytes bytes(data, data + size);
    cipherfit::read(bytes);
    cipherfit::read(cipherfit::with_digests(bytes));
    return 0;
}
