// Several owners in one process: keys from dealers' shares, contributors with rows of given kinds,
// the server's training, and the error of what would be released.
#pragma once

#include "cipherfit/solver/joint/plan.h"
#include "cipherfit/solver/joint/training.h"
#include "cipherfit/solver/owner/joint/contribution.h"
#include "cipherfit/solver/owner/joint/model.h"
#include "rlwe/multiparty/parties.h"

#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace cipherfit::test {

// Rows that are hard in one way or another, all of them in range.
enum class JointRows {
    random,
    one_direction,   // all rows alike: one eigenvalue of 1, all others 0
    orthogonal,      // all eigenvalues alike
    slow_direction,  // one large eigenvalue, and many small ones that labels agree with
    one_sided,       // all labels the same
};

inline JointStatistics joint_rows(const JointPlan& plan, JointRows kind, unsigned seed) {
    const auto d = static_cast<Eigen::Index>(plan.task().columns);
    const auto c = static_cast<Eigen::Index>(plan.task().classes);
    std::mt19937 generator(seed);
    std::normal_distribution<double> normal;
    const Eigen::Index n = 2 * d;
    RowMatrix x(n, d);
    RowMatrix y(n, c);
    for (Eigen::Index i = 0; i < n; ++i) {
        for (Eigen::Index j = 0; j < d; ++j) {
            const bool own = i % d == j;
            switch (kind) {
                case JointRows::one_direction:
                    x(i, j) = 1;
                    break;
                case JointRows::orthogonal:
                    x(i, j) = own ? 1 : 0;
                    break;
                case JointRows::slow_direction:
                    x(i, j) = own ? (j == 0 ? 1 : 0.15) : 0;
                    break;
                default:
                    x(i, j) = j == 0 ? 1 : normal(generator);
            }
        }
        for (Eigen::Index m = 0; m < c; ++m) {
            y(i, m) = kind == JointRows::random ? (generator() % 2 == 0 ? 1 : 0)
                                                : (kind == JointRows::one_sided ? 0 : 1);
        }
    }
    return value_or_throw(joint_statistics(plan, x, y, 1e6));
}

struct JointRun {
    JointRun(const JointTask& task, std::uint64_t number)
        : plan(value_or_throw(JointPlan::create(task))),
          parties(plan.parameters(), task.threshold, number),
          public_key(parties.public_key()),
          keys(plan.parameters()) {
        const KeyRequest request = plan.keys();
        for (const auto& [id, level] : request.levels()) {
            keys.insert(id.is_relinearization() ? parties.relinearization_key(level)
                                                : parties.switching_key(id, level));
        }
    }

    // What contributors send, added up, and the same without noise.
    JointContribution encrypted(const std::vector<JointStatistics>& all) const {
        JointSum sum(plan);
        for (const JointStatistics& one : all) {
            const auto sent =
                value_or_throw(encrypt_contribution(plan, scaling_of(all), one, public_key));
            EXPECT_TRUE(sum.add(sent).has_value());
        }
        JointContribution result;
        for (const Ciphertext& block : sum.sum().gram) {
            result.gram.push_back(block.copy());
        }
        result.moments = sum.sum().moments.copy();
        return result;
    }
    JointContribution exact(const std::vector<JointStatistics>& all) const {
        JointSum sum(plan);
        for (const JointStatistics& one : all) {
            const auto messages = value_or_throw(joint_messages(plan, scaling_of(all), one));
            JointContribution sent;
            for (std::size_t i = 0; i + 1 < messages.size(); ++i) {
                sent.gram.push_back(noiseless(plan.parameters(), messages[i]));
            }
            sent.moments = noiseless(plan.parameters(), messages.back());
            EXPECT_TRUE(sum.add(sent).has_value());
        }
        JointContribution result;
        for (const Ciphertext& block : sum.sum().gram) {
            result.gram.push_back(block.copy());
        }
        result.moments = sum.sum().moments.copy();
        return result;
    }

    // The Euclidean norm over the coefficients that a release opens, of the difference of the two.
    double error_norm(const Ciphertext& model, const Ciphertext& reference) const {
        const Ring& ring = plan.parameters().ring();
        const Integers secret = parties.secret();
        const auto of = [&](const Ciphertext& ciphertext, std::size_t limb) {
            RnsPoly sum = to_limb(ring, limb, secret);
            const Modulus& q = ring.modulus(limb);
            kernels().multiply(sum.limb(0), sum.limb(0), ciphertext.part(1).limb(limb), ring.n(),
                               q);
            kernels().add(sum.limb(0), sum.limb(0), ciphertext.part(0).limb(limb), ring.n(), q);
            return sum;
        };
        RnsPoly difference = of(model, 0);
        const RnsPoly exact = of(reference, 0);
        kernels().subtract(difference.limb(0), difference.limb(0), exact.limb(0), ring.n(),
                           ring.modulus(0));
        ring.inverse(difference.limb(0), 0);
        double sum = 0;
        for (std::size_t i = 0; i < ring.n(); i += plan.gap()) {
            const auto value = static_cast<double>(centred(difference.limb(0)[i], ring.modulus(0)));
            sum += value * value;
        }
        return std::sqrt(sum);
    }

    JointPlan plan;
    Parties parties;
    JointPublicKey public_key;
    EvaluationKeys keys;
};

}  // namespace cipherfit::test
