// The owner's answer to a review, as the server reads it: nothing counts without the owner's
// signature, and without a key nothing but the two words for this job and iteration.
#include "cipherfit/protocol/owner/answer_signer.h"
#include "cipherfit/protocol/review.h"
#include "fuzz_support.h"

#include <cstdlib>
#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;

// A job directory of this process, of which only the answer matters.
const JobFiles& files() {
    static const JobFiles made = [] {
        std::string name = (fs::temp_directory_path() / "cipherfit-fuzz-XXXXXX").string();
        claim(::mkdtemp(name.data()) != nullptr);
        fs::create_directories(JobFiles{name}.answer(1).parent_path());
        return JobFiles{name};
    }();
    return made;
}

const DirectoryStore& store() {
    static const DirectoryStore made(files().directory);
    return made;
}

const ContainerIdentity& identity() {
    static const ContainerIdentity made{{1}, {2}, {3}, {4}, 0};
    return made;
}

const AnswerKey& key() {
    static const AnswerKey made = [] {
        const Parameters parameters =
            Parameters::create(ParametersLiteral{.log_n = 9,
                                                 .q_bits = {45},
                                                 .p_bits = {50},
                                                 .digits = 1,
                                                 .insecure_for_tests_only = true});
        const std::vector<std::int8_t> coefficients(parameters.n(), 1);
        return AnswerSigner(SecretKey::from_coefficients(parameters, coefficients, {9}))
            .public_key();
    }();
    return made;
}

}  // namespace
}  // namespace cipherfit

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace cipherfit;
    value_or_throw(write_file(files().answer(1), {data, size}));
    const auto answer = read_answer(store(), identity(), 1);
    claim_clear_refusal(answer);
    const auto is_signed = read_answer(store(), identity(), 1, key());
    claim_clear_refusal(is_signed);
    if (is_signed) {  // Ed25519 is deterministic: only the owner's own two answers
        claim(answer && *answer == *is_signed);
    }
    if (answer) {
        const auto json = nlohmann::json::parse(data, data + size);
        claim(json.at("answer") == name(**answer) && json.at("iteration") == 1);
    }
    return 0;
}
