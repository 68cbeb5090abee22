#include "protocol/joint_bytes.h"

#include "cipherfit/ckks/evaluator.h"
#include "parties/packing.h"

#include <utility>
#include <vector>

namespace cipherfit {

void write_contribution(ByteWriter& out, const JointPlan& plan,
                        const JointContribution& contribution) {
    const auto write = [&](const Ciphertext& ciphertext) {
        for (std::size_t part = 0; part < 2; ++part) {
            write_poly(out, plan.parameters().ring(), ciphertext.part(part), plan.upload_level());
        }
    };
    for (const Ciphertext& ciphertext : contribution.gram) {
        write(ciphertext);
    }
    write(contribution.moments);
}

JointContribution read_contribution(ByteReader& in, const JointPlan& plan) {
    const auto read = [&](double scale) {
        std::vector<RnsPoly> parts;
        parts.reserve(2);
        for (int part = 0; part < 2; ++part) {
            parts.push_back(read_poly(in, plan.parameters().ring(), plan.upload_level() + 1,
                                      plan.upload_level()));
        }
        return in.ok() ? Ciphertext(std::move(parts),
                                    MessageInfo{.level = plan.upload_level(), .scale = scale})
                       : Ciphertext();
    };
    JointContribution result;
    for (std::size_t i = 0; i < plan.gram_ciphertexts() && in.ok(); ++i) {
        result.gram.push_back(read(plan.upload_scale()));
    }
    result.moments = read(plan.moments_scale());
    return result;
}

}  // namespace cipherfit
