#include "protocol/joint_bytes.h"

#include "cipherfit/ckks/evaluator.h"
#include "protocol/packing.h"
#include "rlwe/ring.h"

#include <utility>
#include <vector>

namespace cipherfit {

void write_poly(ByteWriter& out, const Parameters& parameters, const RnsPoly& poly) {
    std::vector<std::uint8_t> bytes;
    pack_poly(parameters.ring(), poly, poly.limbs() - 1, bytes);
    out.bytes(bytes);
}

RnsPoly read_poly(ByteReader& in, const Parameters& parameters, std::size_t level) {
    const auto bytes = in.bytes(packed_poly_bytes(parameters.ring(), level + 1, level));
    if (!in.ok()) {
        return {};
    }
    try {
        return unpack_poly(parameters.ring(), level + 1, level, bytes);
    } catch (const Error& error) {
        in.fail(error.what());
        return {};
    }
}

void write_contribution(ByteWriter& out, const JointPlan& plan,
                        const JointContribution& contribution) {
    const auto write = [&](const Ciphertext& ciphertext) {
        for (std::size_t part = 0; part < 2; ++part) {
            write_poly(out, plan.parameters(), ciphertext.part(part));
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
            parts.push_back(read_poly(in, plan.parameters(), plan.upload_level()));
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
