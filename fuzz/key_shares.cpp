// Shares, points and release shares of members from bytes that nobody vouches for, on a small ring.
// What is accepted must come out unchanged when it is written again.
#include "cipherfit/parties/owner/secret_bytes.h"
#include "cipherfit/parties/share_bytes.h"
#include "fuzz_support.h"

#include <algorithm>
#include <span>

namespace cipherfit {
namespace {

const Parameters& small_ring() {
    static const Parameters parameters = Parameters::create({.log_n = 5,
                                                             .q_bits = {30, 25, 25},
                                                             .p_bits = {40, 40},
                                                             .digits = 2,
                                                             .insecure_for_tests_only = true});
    return parameters;
}

void read(std::span<const std::uint8_t> bytes) {
    const Parameters& parameters = small_ring();
    const auto shares = key_shares_from_bytes(parameters, bytes);
    claim_clear_refusal(shares);
    if (shares) {
        claim(std::ranges::equal(to_bytes(parameters, *shares), bytes));
        for (const KeyShare& share : *shares) {
            claim(check_share(parameters, share).has_value());
        }
    }
    const auto point = release_point_from_bytes(parameters, 2, 1, bytes);
    claim_clear_refusal(point);
    claim(!point || std::ranges::equal(to_bytes(parameters, *point), bytes));

    const ReleaseRequest request{.charter = {},
                                 .ciphertext = {},
                                 .holders = HolderSet::create(3, 2, {1, 2}),
                                 .level = 1,
                                 .gap = 4,
                                 .sigma = 100};
    // The request's digest, which no mutation finds, comes from here.
    std::vector<std::uint8_t> answer(bytes.begin(), bytes.end());
    const Digest digest = request.digest(parameters);
    if (answer.size() >= 4 + digest.size()) {
        std::ranges::copy(digest, answer.begin() + 4);
    }
    const auto share = release_share_from_bytes(parameters, request, answer);
    claim_clear_refusal(share);
    claim(!share || to_bytes(parameters, *share) == answer);
}

}  // namespace
}  // namespace cipherfit

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    cipherfit::read({data, size});
    return 0;
}
