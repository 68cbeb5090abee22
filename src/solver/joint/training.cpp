#include "cipherfit/solver/joint/training.h"

#include "cipherfit/circuit/evaluator_operations.h"
#include "cipherfit/ckks/evaluator.h"

#include <cmath>
#include <utility>

namespace cipherfit {
namespace {

JointContribution copied(const JointContribution& contribution) {
    JointContribution copy;
    for (const Ciphertext& block : contribution.gram) {
        copy.gram.push_back(block.copy());
    }
    copy.moments = contribution.moments.copy();
    return copy;
}

}  // namespace

Expected<void> check_contribution(const JointPlan& plan, const JointContribution& contribution) {
    const auto fits = [&](const Ciphertext& block, double scale) {
        return block.size() == 2 && block.level() == plan.upload_level() &&
               block.part(0).n() == plan.parameters().n() && block.scale() == scale;
    };
    bool all = contribution.gram.size() == plan.gram_ciphertexts() &&
               fits(contribution.moments, plan.moments_scale());
    for (const Ciphertext& block : contribution.gram) {
        all = all && fits(block, plan.upload_scale());
    }
    if (!all) {
        return make_error(ErrorCode::corrupt_data,
                          "a contribution must be {} ciphertexts of level {} at the plan's scales: "
                          "it was made for another plan",
                          plan.gram_ciphertexts() + 1, plan.upload_level());
    }
    return {};
}

Expected<void> JointSum::add(const JointContribution& contribution) {
    if (auto checked = check_contribution(plan_, contribution); !checked) {
        return checked;
    }
    if (count_ == plan_.task().contributors) {
        return make_error(ErrorCode::bad_input,
                          "the plan is for {} contributors: more would break its bound",
                          plan_.task().contributors);
    }
    if (count_++ == 0) {
        sum_ = copied(contribution);
        return {};
    }
    const EvaluationKeys none(plan_.parameters());
    const Evaluator evaluator(none);
    for (std::size_t i = 0; i < sum_.gram.size(); ++i) {
        evaluator.add_inplace(sum_.gram[i], contribution.gram[i]);
    }
    evaluator.add_inplace(sum_.moments, contribution.moments);
    return {};
}

const JointContribution& JointSum::sum() const {
    require(count_ > 0, ErrorCode::invalid_argument, "there is no contribution yet");
    return sum_;
}

Handle joint_circuit(const JointPlan& plan, Operations& operations, std::vector<Handle> gram,
                     Handle moments, const std::function<void(int)>& after_iteration) {
    operations.phase("unpack");
    const std::vector<Handle> diagonals =
        unpack_diagonals(operations, plan.layout(), std::move(gram));
    const std::vector<JointStep>& steps = plan.steps();
    const auto done = [&](std::size_t t) {
        if (after_iteration) {
            after_iteration(static_cast<int>(t) + 1);
        }
    };
    Handle state = operations.reinterpret(operations.copy(moments), steps[0].update);
    Handle before;
    done(0);
    for (std::size_t t = 1; t < steps.size(); ++t) {
        operations.phase("iteration");
        const JointStep& step = steps[t];
        const Handle part = operations.reinterpret(
            multiply_symmetric(operations, plan.layout(), diagonals, state), step.update);
        const std::size_t level = part.level();
        const double scale = part.scale();
        // All terms meet before the rescaling, where factors are large integers.
        Handle sum = operations.multiply_scalar(moments, step.update, scale, level);
        operations.add_inplace(sum, operations.multiply_scalar(state, step.kept, scale, level));
        if (t > 1) {
            operations.add_inplace(sum,
                                   operations.multiply_scalar(before, step.previous, scale, level));
        }
        Handle next = operations.rescale(operations.rescale(operations.subtract(sum, part)));
        before = std::move(state);
        state = std::move(next);
        done(t);
    }
    return state;
}

Ciphertext train_jointly(const JointPlan& plan, const EvaluationKeys& keys,
                         const JointContribution& sum,
                         const std::function<void(int)>& after_iteration) {
    if (auto checked = check_contribution(plan, sum); !checked) {
        throw Error(checked.error());
    }
    keys.check(plan.keys());
    const Evaluator evaluator(keys);
    EvaluatorOperations operations(evaluator);
    std::vector<Handle> gram;
    gram.reserve(sum.gram.size());
    for (const Ciphertext& block : sum.gram) {
        gram.emplace_back(block.copy());
    }
    Ciphertext model = joint_circuit(plan, operations, std::move(gram), Handle::borrow(sum.moments),
                                     after_iteration)
                           .release();
    require(model.level() == plan.release_level() && model.scale() == plan.release_scale(),
            ErrorCode::internal, "a joint training ended at level {} and scale 2^{:.9f}",
            model.level(), std::log2(model.scale()));
    return model;
}

Ciphertext noiseless(const Parameters& parameters, const Plaintext& message) {
    std::vector<RnsPoly> parts;
    parts.push_back(message.poly().copy());
    parts.emplace_back(parameters.n(), message.level() + 1, true);
    return {std::move(parts), {message.level(), message.scale()}};
}

}  // namespace cipherfit
