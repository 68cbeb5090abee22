#include "rlwe/uniform.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace cipherfit {

void expand_uniform(std::uint64_t* out, std::size_t n, const Seed& seed, std::uint64_t stream,
                    const Modulus& q) {
    KeyStream key_stream(seed, stream);
    // 2^64 mod q; words below 2^64 - that are a whole number of copies of [0, q).
    const std::uint64_t excess = reduce128(1, 0, q);
    const std::uint64_t limit = 0 - excess;
    std::array<std::uint8_t, 4096> bytes{};
    std::size_t done = 0;
    while (done < n) {
        const std::size_t words = std::min(bytes.size() / 8, n - done);
        key_stream.fill(std::span(bytes).first(words * 8));
        for (std::size_t i = 0; i < words; ++i) {
            std::uint64_t word = 0;
            std::memcpy(&word, bytes.data() + 8 * i, 8);  // little-endian, as x86-64 is
            if (word < limit) {
                out[done++] = reduce(word, q);
            }
        }
    }
}

}  // namespace cipherfit
