// Charters, signed charters and messages from bytes that nobody vouches for. What is accepted must
// come out unchanged when it is written again.
#include "cipherfit/parties/charter.h"

#include "cipherfit/parties/member_card.h"
#include "cipherfit/parties/message.h"
#include "cipherfit/parties/pooled_sums.h"
#include "fuzz_support.h"

#include <algorithm>
#include <span>
#include <vector>

namespace cipherfit {
namespace {

using Bytes = std::vector<std::uint8_t>;

template <class T>
void same_again(const Expected<T>& read, std::span<const std::uint8_t> bytes) {
    claim_clear_refusal(read);
    if (read) {
        claim(std::ranges::equal(to_bytes(*read), bytes));
    }
}

// A payload's digest is beyond mutations: this renews it. The header ends with the digest, the
// length, and the signature.
Bytes with_digest(Bytes bytes) {
    constexpr std::size_t fields = 4 + 16 + 4 + 32 + 16 + 32;
    constexpr std::size_t header = fields + 32 + 8;
    if (bytes.size() >= header + 64) {
        const Digest digest = sha256(std::span(bytes).subspan(header + 64));
        std::ranges::copy(digest, bytes.begin() + fields);
        std::uint64_t length = bytes.size() - header - 64;
        for (std::size_t i = 0; i < 8; ++i, length >>= 8U) {
            bytes[fields + 32 + i] = static_cast<std::uint8_t>(length);
        }
    }
    return bytes;
}

}  // namespace
}  // namespace cipherfit

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace cipherfit;
    const std::span bytes(data, size);
    same_again(charter_from_bytes(bytes), bytes);
    same_again(signed_charter_from_bytes(bytes), bytes);
    same_again(member_card_from_bytes(bytes), bytes);
    claim_clear_refusal(message_head(bytes));
    same_again(message_from_bytes(bytes), bytes);
    const Bytes renewed = with_digest({bytes.begin(), bytes.end()});
    same_again(message_from_bytes(renewed), renewed);
    const auto sums = masked_from_bytes(bytes);
    claim_clear_refusal(sums);
    claim(!sums || std::ranges::equal(masked_to_bytes(*sums), bytes));
    return 0;
}
