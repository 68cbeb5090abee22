#include "cipherfit/io/container.h"

#include <algorithm>

namespace cipherfit {
namespace {

// The first eight bytes are enough to tell two files apart by eye.
std::string shortened(std::span<const std::uint8_t> fingerprint) {
    const bool none = std::ranges::all_of(fingerprint, [](std::uint8_t b) { return b == 0; });
    return none ? std::string("none") : to_hex(fingerprint.first(8));
}

struct Comparison {
    std::span<const std::uint8_t> actual;
    std::span<const std::uint8_t> expected;
    std::string_view problem;
    std::string_view remedy;
};

Comparison comparison(const ContainerIdentity& actual, const ContainerIdentity& expected,
                      IdentityPart part) {
    switch (part) {
        case IdentityPart::parameters:
            return {actual.parameters, expected.parameters, "made under other parameters",
                    "use files that were made with one and the same parameters file"};
        case IdentityPart::key:
            return {actual.key, expected.key, "made with another key",
                    "use the key that this job's files were made with"};
        case IdentityPart::plan:
            return {actual.plan, expected.plan, "made for another plan",
                    "use the plan that this job's files were made with, or prepare them anew"};
        case IdentityPart::job:
            break;
    }
    return {actual.nonce, expected.nonce, "belongs to another job",
            "use the files that were prepared together"};
}

}  // namespace

std::string_view name(ContainerKind kind) noexcept {
    switch (kind) {
        case ContainerKind::parameters:
            return "parameters";
        case ContainerKind::plan:
            return "plan";
        case ContainerKind::public_key:
            return "public_key";
        case ContainerKind::secret_key:
            return "secret_key";
        case ContainerKind::evaluation_keys:
            return "evaluation_keys";
        case ContainerKind::training_data:
            return "training_data";
        case ContainerKind::model:
            return "model";
        case ContainerKind::checkpoint:
            return "checkpoint";
        case ContainerKind::training_batch:
            return "training_batch";
        case ContainerKind::prediction_plan:
            return "prediction_plan";
        case ContainerKind::prediction_rows:
            return "prediction_rows";
        case ContainerKind::prediction_model:
            return "prediction_model";
        case ContainerKind::prediction_scores:
            return "prediction_scores";
        case ContainerKind::ciphertexts:
            return "ciphertexts";
        case ContainerKind::keys:
            return "keys";
    }
    return "unknown";
}

Expected<void> check_identity(std::string_view file, const ContainerIdentity& actual,
                              const ContainerIdentity& expected,
                              std::initializer_list<IdentityPart> parts) {
    for (const IdentityPart part : parts) {
        const Comparison c = comparison(actual, expected, part);
        if (!std::ranges::equal(c.actual, c.expected)) {
            return make_error(ErrorCode::fingerprint_mismatch, "{}: {} ({} here, {} expected); {}",
                              file, c.problem, shortened(c.actual), shortened(c.expected),
                              c.remedy);
        }
        if (part == IdentityPart::parameters && actual.flags != expected.flags) {
            const bool insecure = (actual.flags & flag_insecure_parameters) != 0;
            return make_error(ErrorCode::fingerprint_mismatch,
                              "{}: {} insecure test-only parameters, unlike what it is used with; "
                              "use files that were made with one and the same parameters file",
                              file, insecure ? "made under" : "not made under");
        }
    }
    return {};
}

}  // namespace cipherfit
