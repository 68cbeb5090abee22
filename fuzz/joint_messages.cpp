// What members and servers of several owners send after the keys, from bytes that nobody vouches
// for: uploads, a server's result, release requests, the texts of a charter's public map, masked
// sums.
#include "cipherfit/io/bytes.h"
#include "cipherfit/parties/attestation.h"
#include "cipherfit/parties/pooled_sums.h"
#include "cipherfit/protocol/joint_map.h"
#include "cipherfit/protocol/joint_training.h"
#include "fuzz_support.h"

#include <algorithm>
#include <span>
#include <string_view>

namespace cipherfit {
namespace {

// Two columns of two classes on the smallest ring.
const CharterPlan& small_plan() {
    static const CharterPlan plan = [] {
        JointTerms terms;
        terms.features = 1;
        terms.classes = 2;
        terms.task.iterations = 2;
        terms.task.holders = 1;
        terms.task.threshold = 1;
        terms.task.contributors = 2;
        terms.task.log_n = 5;
        terms.task.least_bits = 0;
        terms.task.insecure_for_tests_only = true;
        return CharterPlan::create(terms);
    }();
    return plan;
}

void read(std::span<const std::uint8_t> bytes) {
    UploadSum sum(small_plan());
    try {
        sum.add(bytes, "member 1");
        claim(sum.sum().gram.size() == small_plan().joint().gram_ciphertexts());
    } catch (const Error& error) {
        claim(error.code() == ErrorCode::corrupt_data);
        claim(std::string_view(error.what()).find('\n') == std::string_view::npos);
    }

    Charter charter;
    charter.features = {"x1"};
    charter.classes = {"no", "yes"};
    small_plan().write_to(charter);
    Contributions contributions;
    const auto result = result_from_bytes(bytes, charter, small_plan(), contributions.root);
    claim_clear_refusal(result);
    if (result) {
        claim(std::ranges::equal(
            value_or_throw(result_to_bytes(charter, contributions.root, *result)), bytes));
    }
    const auto asked = asked_release_from_bytes(bytes, 5, 3);
    claim_clear_refusal(asked);
    claim(!asked || std::ranges::equal(to_bytes(*asked), bytes));

    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const auto map = JointMap::from_text(text);
    claim_clear_refusal(map);
    claim(!map || map->to_text() == text);

    const auto masked = masked_from_bytes(bytes);
    claim_clear_refusal(masked);
    claim(!masked || std::ranges::equal(masked_to_bytes(*masked), bytes));
}

}  // namespace
}  // namespace cipherfit

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    cipherfit::read({data, size});
    return 0;
}
