// B_e, the bound on all errors of a release together, against what is measured.
#include "solver/owner/joint/fine_transform.h"
#include "support/joint_tasks.h"
#include "support/noise_probe.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <cstdlib>
#include <numbers>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

using test::contributors_of;
using test::JointRows;
using test::JointRun;
using test::NoiseProbe;
using test::toy_joint_task;

// B_e against the norm of what would be released: random rows and adversarial ones.
TEST(JointErrorBound, IsAboveEveryMeasuredNorm) {
    const bool full = std::getenv("CIPHERFIT_FULL") != nullptr;
    const int runs = full ? 200 : 20;
    double largest = 0;
    int at = 0;
    for (int key = 0; at < runs; ++key) {
        JointTask task = toy_joint_task();
        task.threshold = 1 + static_cast<unsigned>(key) % 3;
        task.holders = std::max(3U, task.threshold);
        const JointRun run(task, 50 + static_cast<std::uint64_t>(key));
        for (const JointRows kind :
             {JointRows::random, JointRows::one_direction, JointRows::orthogonal,
              JointRows::slow_direction, JointRows::one_sided}) {
            const auto all = contributors_of(run.plan, kind, static_cast<unsigned>(at));
            const Ciphertext exact = train_jointly(run.plan, run.keys, run.exact(all));
            const Ciphertext model = train_jointly(run.plan, run.keys, run.encrypted(all));
            const double ratio = run.error_norm(model, exact) / run.plan.error_bound().total;
            EXPECT_LT(ratio, 1) << "rows of kind " << static_cast<int>(kind);
            EXPECT_GT(ratio, 0);
            largest = std::max(largest, ratio);
            ++at;
        }
    }
    // Worst cases over spectra, labels and tails: what is measured stays some bits below.
    EXPECT_GT(largest, 0x1p-9);
    RecordProperty("largest_ratio", std::to_string(largest));
}

constexpr std::array all_rows{JointRows::random, JointRows::one_direction, JointRows::orthogonal,
                              JointRows::slow_direction, JointRows::one_sided};

// The terms of B_e one by one: runs in which no other operation makes noise.
TEST(JointErrorBound, EachTermIsAboveWhatItsOperationsMake) {
    const int keys = std::getenv("CIPHERFIT_FULL") != nullptr ? 40 : 4;
    struct Term {
        const char* name;
        double least;  // of the largest ratio to the bound: how far the bound may be above
        double largest = 0;
    };
    Term gram{"gram", 0x1p-8};
    Term unpacking{"unpacking", 0x1p-11};
    Term turns{"turns", 0x1p-12};
    Term rounding{"rounding", 0x1p-6};
    Term moments{"moments", 0x1p-5};
    for (int key = 0; key < keys; ++key) {
        JointTask task = toy_joint_task();
        task.threshold = 1 + static_cast<unsigned>(key) % 3;
        const JointRun run(task, 900 + static_cast<std::uint64_t>(key));
        const JointErrorBound& bound = run.plan.error_bound();
        const Evaluator evaluator(run.keys);
        std::uint64_t seed = 10 * static_cast<std::uint64_t>(key);
        for (const JointRows kind : all_rows) {
            const auto all = contributors_of(run.plan, kind, static_cast<unsigned>(key) + 3);
            const JointContribution exact = run.exact(all);
            const JointContribution noisy = run.encrypted(all);
            const auto train = [&](NoiseProbe::Kind probed, bool noisy_gram, bool noisy_moments) {
                NoiseProbe probe(evaluator, run.plan.parameters(), run.parties.secret(), probed,
                                 ++seed);
                std::vector<Handle> blocks;
                for (std::size_t i = 0; i < exact.gram.size(); ++i) {
                    blocks.emplace_back(probe.decrypted((noisy_gram ? noisy : exact).gram[i]));
                }
                return joint_circuit(run.plan, probe, std::move(blocks),
                                     probe.decrypted((noisy_moments ? noisy : exact).moments))
                    .release();
            };
            const Ciphertext reference = train(NoiseProbe::Kind::nothing, false, false);
            const auto measure = [&](Term& term, double most, const Ciphertext& model) {
                const double ratio = run.error_norm(model, reference) / most;
                EXPECT_LT(ratio, 1) << term.name << ", rows of kind " << static_cast<int>(kind);
                term.largest = std::max(term.largest, ratio);
            };
            measure(gram, bound.gram, train(NoiseProbe::Kind::nothing, true, false));
            measure(moments, bound.moments, train(NoiseProbe::Kind::nothing, false, true));
            measure(unpacking, bound.unpacking, train(NoiseProbe::Kind::unpacking, false, false));
            measure(turns, bound.turns, train(NoiseProbe::Kind::turns, false, false));
            measure(rounding, bound.rounding, train(NoiseProbe::Kind::rescaling, false, false));
        }
    }
    for (const Term* term : {&gram, &unpacking, &turns, &rounding, &moments}) {
        EXPECT_GT(term->largest, term->least) << term->name;
        RecordProperty(term->name, std::to_string(std::log2(term->largest)));
    }
}

using Real = long double;
__extension__ using Wide = __int128;
using LongMatrix = Eigen::Matrix<Real, Eigen::Dynamic, Eigen::Dynamic>;

// The slots of a polynomial in X^step from coefficient `first` on, by the definition.
std::vector<std::complex<Real>> slots_of(const std::vector<Real>& coefficients, std::size_t first,
                                         std::size_t step) {
    const std::size_t slots = coefficients.size() / step / 2;
    std::vector<std::complex<Real>> result(slots);
    std::size_t power = 1;
    for (std::complex<Real>& slot : result) {
        for (std::size_t k = 0; k < 2 * slots; ++k) {
            const Real angle = std::numbers::pi_v<Real> *
                               static_cast<Real>(power * k % (4 * slots)) /
                               static_cast<Real>(2 * slots);
            slot += coefficients[first + step * k] *
                    std::complex<Real>(std::cos(angle), std::sin(angle));
        }
        power = power * 5 % (4 * slots);
    }
    return result;
}

// What rounding to integers does to G and b, through the recurrence, in long doubles throughout.
TEST(JointErrorBound, EncodingIsThatOfALongDoubleTwin) {
    double largest = 0;
    const JointPlan plan = value_or_throw(JointPlan::create(toy_joint_task()));
    const JointLayout& layout = plan.layout();
    const Ring& ring = plan.parameters().ring();
    const auto d = static_cast<Eigen::Index>(layout.rows());
    const auto c = static_cast<Eigen::Index>(layout.classes());
    // A message's coefficients at scale 1. They are below half of two primes.
    const auto coefficients_of = [&](const Plaintext& message) {
        RnsPoly poly = message.poly().copy();
        const Real first = static_cast<Real>(plan.parameters().q(0));
        std::vector<Real> result(ring.n());
        for (std::size_t limb = 0; limb < 2; ++limb) {
            ring.inverse(poly.limb(limb), limb);
        }
        // x = x_0 + q_0 ((x_1 - x_0) / q_0 mod q_1), centred.
        const auto q0 = static_cast<Wide>(plan.parameters().q(0));
        const auto q1 = static_cast<Wide>(plan.parameters().q(1));
        Wide inverse = 1;
        for (Wide base = q0 % q1, power = q1 - 2; power > 0; power /= 2) {
            inverse = power % 2 == 1 ? inverse * base % q1 : inverse;
            base = base * base % q1;
        }
        for (std::size_t i = 0; i < ring.n(); ++i) {
            const auto x0 = static_cast<Wide>(poly.limb(0)[i]);
            Wide lift = (static_cast<Wide>(poly.limb(1)[i]) - x0) % q1;
            lift = (lift + q1) % q1 * inverse % q1;
            lift = lift > q1 / 2 ? lift - q1 : lift;
            result[i] = (static_cast<Real>(x0) + first * static_cast<Real>(lift)) /
                        static_cast<Real>(message.scale());
        }
        return result;
    };
    for (const JointRows kind : all_rows) {
        const auto all = contributors_of(plan, kind, 8);
        const JointScaling scaling = scaling_of(all);
        LongMatrix gram = LongMatrix::Zero(d, d);
        LongMatrix moments = LongMatrix::Zero(d, c);
        LongMatrix exact_gram = gram;
        LongMatrix exact_moments = moments;
        const double norm = std::sqrt(scaling.rows * scaling.largest_eigenvalue);
        for (const JointStatistics& one : all) {
            exact_gram += one.gram.cast<Real>() / static_cast<Real>(scaling.largest_eigenvalue);
            exact_moments += one.moments.cast<Real>() / static_cast<Real>(norm);
            const auto messages = value_or_throw(joint_messages(plan, scaling, one));
            for (std::size_t block = 0; block + 1 < messages.size(); ++block) {
                const auto values = coefficients_of(messages[block]);
                for (std::size_t place = 0; place < layout.places(); ++place) {
                    const auto slots = slots_of(values, place, layout.places());
                    for (const bool imaginary : {false, true}) {
                        const std::size_t o = layout.diagonal_at(block, place, imaginary);
                        const std::size_t back = o / layout.babies() * layout.babies();
                        for (std::size_t i = 0; i + o < layout.rows(); ++i) {
                            const auto& slot = slots[(i + back) % layout.padded_rows()];
                            const auto row = static_cast<Eigen::Index>(i);
                            const auto column = static_cast<Eigen::Index>(i + o);
                            gram(row, column) += imaginary ? slot.imag() : slot.real();
                        }
                    }
                }
            }
            const auto slots = slots_of(coefficients_of(messages.back()), 0, layout.copies());
            for (Eigen::Index m = 0; m < c; ++m) {
                for (Eigen::Index i = 0; i < d; ++i) {
                    moments(i, m) += slots[static_cast<std::size_t>(m) * layout.padded_rows() +
                                           static_cast<std::size_t>(i)]
                                         .real();
                }
            }
        }
        gram.triangularView<Eigen::StrictlyLower>() = gram.transpose();
        const auto run = [&](const LongMatrix& g, const LongMatrix& b) {
            LongMatrix before = LongMatrix::Zero(d, c);
            LongMatrix state = before;
            for (const JointStep& step : plan.steps()) {
                const LongMatrix next = static_cast<Real>(step.kept) * state +
                                        static_cast<Real>(step.previous) * before +
                                        static_cast<Real>(step.update) * (b - g * state);
                before = state;
                state = next;
            }
            return state;
        };
        const Real difference = (run(gram, moments) - run(exact_gram, exact_moments)).norm();
        // A vector of p slots has coefficients of the norm |slots| / sqrt(p).
        const double measured = static_cast<double>(difference) * plan.release_scale() /
                                std::sqrt(static_cast<double>(layout.period()));
        const double ratio = measured / plan.error_bound().encoding;
        EXPECT_LT(ratio, 1) << "rows of kind " << static_cast<int>(kind);
        EXPECT_LT((gram - exact_gram).cwiseAbs().maxCoeff(), 0x1p-30);
        largest = std::max(largest, ratio);
    }
    EXPECT_GT(largest, 0x1p-7);
    RecordProperty("encoding", std::to_string(std::log2(largest)));
}

}  // namespace
}  // namespace cipherfit
