// The container reader on bytes that nobody vouches for: as they come, and with the digests
// renewed, since mutations alone never find a SHA-256. What is accepted must come out unchanged
// when it is written again.
#include "cipherfit/io/container.h"

#include "cipherfit/io/bytes.h"
#include "fuzz_support.h"

#include <algorithm>
#include <vector>

namespace cipherfit {
namespace {

using Bytes = std::vector<std::uint8_t>;
constexpr std::size_t header_fields = 132;
constexpr std::uint64_t max_length = std::uint64_t{1} << 20U;

void copy_digest(const Digest& digest, Bytes& bytes, std::size_t at) {
    std::ranges::copy(digest, bytes.begin() + static_cast<std::ptrdiff_t>(at));
}

// Puts the right digest wherever the bytes, read as a container, should have one.
Bytes with_digests(Bytes bytes) {
    if (bytes.size() < header_fields + 32) {
        return bytes;
    }
    const Digest header = sha256(std::span(bytes).first(header_fields));
    copy_digest(header, bytes, header_fields);
    Sha256 chain;
    chain.update(header);
    std::size_t at = header_fields + 32;
    while (bytes.size() - at >= 48) {
        ByteReader in(std::span<const std::uint8_t>(bytes).subspan(at));
        const std::uint32_t tag = in.u32();
        (void)in.u32();
        const std::uint64_t length = in.u64();
        if (length > bytes.size() - at - 48) {
            break;
        }
        const std::size_t covered = 16 + static_cast<std::size_t>(length);
        const auto content = std::span<const std::uint8_t>(bytes).subspan(at, covered);
        if (tag == section_tag("END ")) {
            chain.update(content);
            copy_digest(chain.finish(), bytes, at + covered);
            break;
        }
        const Digest digest = sha256(content);
        chain.update(digest);
        copy_digest(digest, bytes, at + covered);
        at += covered + 32;
    }
    return bytes;
}

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
