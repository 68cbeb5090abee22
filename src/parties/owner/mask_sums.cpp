#include "cipherfit/parties/owner/mask_sums.h"

#include "rlwe/multiparty/hashing.h"
#include "rlwe/owner/multiparty/derive.h"

#include <algorithm>
#include <cstring>

namespace cipherfit {

std::vector<std::uint64_t> mask_sums(const Charter& charter, std::uint32_t self,
                                     const MemberIdentity& identity, std::uint32_t round,
                                     std::span<const std::uint64_t> numbers) {
    const auto contributors = charter.contributors();
    require(std::ranges::find(contributors, self) != contributors.end() &&
                charter.members[self].sealing == identity.sealing_key(),
            ErrorCode::invalid_argument, "{} is no contributor of this charter, or another member",
            charter.describe(self));
    const Digest context =
        FieldHash("cipherfit pooled round 1").field(charter_digest(charter)).number(round).finish();
    std::vector<std::uint64_t> result(numbers.begin(), numbers.end());
    for (const std::uint32_t other : contributors) {
        if (other == self) {
            continue;
        }
        const SecretSeed seed(
            identity.pair_secret(charter.members[other].sealing, "pooled sums", context));
        KeyStream stream(seed.value(), 0);
        SecretVector<std::uint8_t> bytes(8 * numbers.size());
        stream.fill(bytes.span());
        for (std::size_t i = 0; i < numbers.size(); ++i) {
            std::uint64_t mask = 0;
            std::memcpy(&mask, bytes.data() + 8 * i, 8);  // little-endian, as x86-64 is
            result[i] += self < other ? mask : 0 - mask;
        }
    }
    return result;
}

}  // namespace cipherfit
