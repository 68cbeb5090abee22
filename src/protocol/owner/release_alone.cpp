#include "cipherfit/protocol/owner/release_alone.h"

#include "cipherfit/parties/owner/release_record.h"
#include "cipherfit/rlwe/owner/multiparty/holder.h"

#include <cmath>
#include <utility>
#include <vector>

namespace cipherfit {

RnsPoly release_alone(const JointPlan& plan, const SecretKey& key, const Ciphertext& model,
                      const Digest& recomputed, const ReleaseAlone& alone) {
    const Parameters& parameters = plan.parameters();
    require(plan.task().holders == 1, ErrorCode::invalid_argument,
            "a plan of {} holders is released by them together", plan.task().holders);
    require(key.parameters() == parameters && model.size() == 2 &&
                model.level() == plan.release_level() && model.scale() == plan.release_scale(),
            ErrorCode::invalid_argument,
            "the key or the ciphertext (level {}, scale 2^{:.3f}) is not of the plan, which "
            "releases at level {} and scale 2^{:.3f}",
            model.level(), std::log2(model.scale()), plan.release_level(),
            std::log2(plan.release_scale()));
    const ReleaseTerms terms = plan.release_terms(alone.job);
    const ReleaseRequest request{.charter = alone.job,
                                 .ciphertext = recomputed,
                                 .holders = HolderSet::create(1, 1, {1}),
                                 .level = terms.level,
                                 .gap = terms.gap,
                                 .sigma = terms.sigma};
    const Holder holder(parameters, terms,
                        ReleasePoint(parameters, 1, terms.level, key.ntt().copy(terms.level + 1)),
                        alone.noise_seed);
    // What is not the one recomputed spends no record.
    require(
        ciphertext_digest(parameters, model.level(), model.part(0), model.part(1)) == recomputed,
        ErrorCode::fingerprint_mismatch,
        "the ciphertext is not the one that recomputing the training gives: it is not released");
    value_or_throw(record_release(alone.record, request.digest(parameters)));
    std::vector<ReleaseShare> shares;
    shares.push_back(holder.release(request, model.part(0), model.part(1), recomputed, {}));
    return combine_release(parameters, request, model.part(0), shares);
}

}  // namespace cipherfit
