#include "circuit/bootstrap_memory.h"

#include "ckks/bootstrap/stages.h"
#include "ckks/polynomial_plan.h"

#include <algorithm>
#include <bit>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace cipherfit {
namespace {

using Blocks = ReplayPool::Blocks;

std::vector<MatrixShape> shapes(const std::vector<DiagonalMatrix>& matrices) {
    std::vector<MatrixShape> result;
    result.reserve(matrices.size());
    for (const DiagonalMatrix& matrix : matrices) {
        result.push_back(shape_of(matrix));
    }
    return result;
}

// One bootstrapping on a pool. A ciphertext's blocks have one limb more than its level; a function
// of the same name as one of the evaluator's does in the pool what that one does.
class Run {
  public:
    Run(ReplayPool& pool, const BootstrapPlan& plan) : pool_(pool), stages_(plan.stages()) {}

    Blocks ciphertext(std::size_t level) { return pool_.take(2, level + 1); }

    void hold(const MatrixShape& matrix, std::size_t level) {
        for (const auto& [giant, diagonals] : matrix.giants) {
            for (const MatrixShape::Diagonal& diagonal : diagonals) {
                pool_.take_words(1, 2 * diagonal.period * raised_limbs(level));
                pool_.work(raised_limbs(level), 1);
            }
        }
    }

    // The message at level 0.
    Blocks prepare(std::size_t level) {
        if (level == 0) {
            return ciphertext(0);
        }
        const Blocks product = ciphertext(1);
        Blocks low = rescale(1);
        pool_.give(product);
        return low;
    }

    Blocks mod_raise() {
        const Blocks digit = pool_.take(1, 2);
        Blocks sparse;
        Blocks work = pool_.take(pool_.threads_of(2), 2);
        for (std::size_t part = 0; part < 2; ++part) {
            append(sparse, pool_.take(1, 1));
        }
        pool_.give(work);
        pool_.give(digit);
        const Blocks pair = raised_pair(top());
        pool_.work(raised_limbs(top()), 1);
        Blocks raised = lower(pair, top(), false);
        pool_.give(sparse);
        return raised;
    }

    // a + f(a) for a family of automorphisms.
    Blocks add_automorphisms(const Blocks& a, std::size_t level) {
        const Blocks digits = pool_.raise(level);
        Blocks sum = pool_.switch_and_sum(level);
        pool_.give(digits);
        pool_.give(a);
        return sum;
    }

    Blocks apply(const MatrixShape& matrix, const Blocks& a, std::size_t level) {
        const Blocks pair = apply_raised(matrix, level);
        Blocks result = lower(pair, level, true);
        pool_.give(a);
        return result;
    }

    // The last matrix and the conjugate: one ciphertext or two.
    std::vector<Blocks> coefficients(const MatrixShape& last, const Blocks& a, std::size_t level) {
        const Blocks slots = apply_raised(last, level);
        pool_.give(a);
        std::vector<Blocks> result;
        if (stages_.side_by_side()) {
            rotate_raised_pair(pool_.take(1, raised_limbs(level)), level);
            result.push_back(lower(slots, level, true));
            return result;
        }
        const Blocks sum = raised_pair(level);
        const Blocks difference = raised_pair(level);
        rotate_raised_pair(pool_.take(1, raised_limbs(level)), level);
        result.push_back(lower(sum, level, true));
        const Blocks lowered = lower(difference, level, true);
        const Blocks turned = ciphertext(level - 1);
        result.push_back(ciphertext(level - 1));
        pool_.give(turned);
        pool_.give(lowered);
        pool_.give(slots);
        return result;
    }

    Blocks reduce(const std::vector<Blocks>& coefficients) {
        Blocks reduced = eval_mod();
        if (coefficients.size() == 2) {
            const Blocks second = eval_mod();
            const Blocks turned = ciphertext(stages_.slots_to_coeffs_level());
            pool_.give(turned);
            pool_.give(second);
        }
        for (const Blocks& one : coefficients) {
            pool_.give(one);
        }
        return reduced;
    }

  private:
    std::size_t top() const { return stages_.parameters.max_level(); }
    std::size_t raised_limbs(std::size_t level) const {
        return level + 1 + stages_.parameters.special_primes();
    }
    Blocks raised_pair(std::size_t level) { return pool_.take(2, raised_limbs(level)); }
    static void append(Blocks& blocks, const Blocks& more) {
        blocks.insert(blocks.end(), more.begin(), more.end());
    }

    // lower() of ckks/bootstrap/raised_ciphertext.h: a part after the other.
    Blocks lower(const Blocks& pair, std::size_t level, bool rescale) {
        Blocks parts;
        for (const std::size_t raised : pair) {
            append(parts, pool_.take(1, rescale ? level : level + 1));
            pool_.give({raised});
        }
        return parts;
    }

    // `c1` is divided by P and goes.
    void rotate_raised_pair(const Blocks& c1, std::size_t level) {
        const Blocks lowered = pool_.take(1, level + 1);
        pool_.give(c1);
        const Blocks digits = pool_.raise(level);
        pool_.work(raised_limbs(level), 3);
        pool_.give(digits);
        pool_.give(lowered);
    }

    Blocks apply_raised(const MatrixShape& matrix, std::size_t level) {
        std::map<std::int64_t, Blocks> sums;
        const Blocks digits = pool_.raise(level);
        std::map<std::size_t, Blocks> babies;
        for (const auto& [giant, diagonals] : matrix.giants) {
            sums.emplace(giant, raised_pair(level));
            for (const MatrixShape::Diagonal& diagonal : diagonals) {
                if (!babies.contains(diagonal.baby)) {
                    babies.emplace(diagonal.baby, raised_pair(level));
                    if (diagonal.baby != 0) {
                        pool_.work(raised_limbs(level), 3);
                    }
                }
            }
        }
        pool_.work_words(raised_limbs(level), expanded_words(stages_.parameters.n()));
        pool_.give(digits);
        for (const auto& [baby, blocks] : babies) {
            pool_.give(blocks);
        }
        const auto sum_of = [&](std::int64_t giant) -> Blocks& {
            const auto found = sums.find(giant);
            return found != sums.end() ? found->second
                                       : sums.emplace(giant, raised_pair(level)).first->second;
        };
        for (const std::int64_t side : {1, -1}) {
            const std::int64_t outermost = side > 0 ? sums.rbegin()->first : -sums.begin()->first;
            for (std::int64_t giant = outermost; giant > 0; --giant) {
                const Blocks& sum = sum_of(side * giant);
                sum_of(side * (giant - 1));
                rotate_raised_pair({sum[1]}, level);
                pool_.give({sum[0]});
                sums.erase(side * giant);
            }
        }
        return sum_of(0);
    }

    Blocks rescale(std::size_t level) {
        const Blocks last = pool_.take(2, 1);
        Blocks result = pool_.take(2, level);
        pool_.give(last);
        return result;
    }
    // Takes a product, and gives its blocks back.
    Blocks relinearize_rescale(const Blocks& product, std::size_t level) {
        const Blocks digits = pool_.raise(level);
        Blocks result = pool_.switch_key(level, true, false);
        pool_.give(digits);
        pool_.give(product);
        return result;
    }

    // A sum at `level`, of 3 parts where it has products.
    Blocks evaluate(const PolynomialSum& sum, std::size_t level) {
        std::vector<Blocks> quotients;
        for (const PolynomialSum::Quotient& product : sum.products) {
            const Blocks quotient = evaluate(product.sum, level + 1);
            quotients.push_back(rescale_any(quotient, level + 1));
        }
        Blocks result = pool_.take(quotients.empty() ? 2 : 3, level + 1);
        for (const Blocks& quotient : quotients) {
            pool_.give(quotient);
        }
        return result;
    }
    Blocks rescale_any(const Blocks& a, std::size_t level) {
        if (a.size() == 3) {
            return relinearize_rescale(a, level);
        }
        Blocks result = rescale(level);
        pool_.give(a);
        return result;
    }

    // evaluate_polynomial() at `level`.
    Blocks evaluate(const Polynomial& polynomial, std::size_t level) {
        const PolynomialPlan plan = plan_polynomial(polynomial);
        std::vector<Blocks> powers;
        const Blocks copy = ciphertext(level);
        if (polynomial.basis == PolynomialBasis::monomial) {
            powers.push_back(copy);
        } else {
            powers.push_back(ciphertext(level));
            pool_.give(copy);
        }
        for (const std::size_t k : plan.powers) {
            if (k > 1) {
                // Power k is made ceil(log2 k) - 1 levels below x, and lies one lower.
                const std::size_t at = level + 1 - std::bit_width(k - 1);
                powers.push_back(relinearize_rescale(pool_.take(3, at + 1), at));
            }
        }
        const std::size_t last = level - plan.depth + 1;
        Blocks result = rescale_any(evaluate(plan.sum, last), last);
        for (const Blocks& power : powers) {
            pool_.give(power);
        }
        return result;
    }

    Blocks eval_mod() {
        const EvalMod& eval_mod = stages_.eval_mod;
        std::size_t level = stages_.eval_mod_level();
        const Blocks shifted = ciphertext(level);
        Blocks c = evaluate(eval_mod.sine(), level);
        pool_.give(shifted);
        level -= polynomial_depth(eval_mod.sine());
        for (unsigned i = 0; i < eval_mod.double_angles(); ++i, --level) {
            Blocks square = relinearize_rescale(pool_.take(3, level + 1), level);
            pool_.give(c);
            c = std::move(square);
        }
        Blocks result = evaluate(eval_mod.arcsine(), level);
        pool_.give(c);
        return result;
    }

    ReplayPool& pool_;
    const BootstrapPlan::Stages& stages_;
};

}  // namespace

BootstrapMemory::BootstrapMemory(const BootstrapPlan& plan)
    : plan_(plan),
      coeffs_to_slots_(shapes(plan.stages().coeffs_to_slots())),
      slots_to_coeffs_(shapes(plan.stages().slots_to_coeffs())) {}

void BootstrapMemory::hold_matrices(ReplayPool& pool) const {
    Run run(pool, plan_);
    std::size_t level = plan_.parameters().max_level();
    for (const MatrixShape& matrix : coeffs_to_slots_) {
        run.hold(matrix, level--);
    }
    level = plan_.stages().slots_to_coeffs_level();
    for (const MatrixShape& matrix : slots_to_coeffs_) {
        run.hold(matrix, level--);
    }
}

Blocks BootstrapMemory::bootstrap(ReplayPool& pool, std::size_t level) const {
    const auto& stages = plan_.stages();
    const std::size_t top = plan_.parameters().max_level();
    Run run(pool, plan_);
    const Blocks low = run.prepare(level);
    Blocks x = run.mod_raise();
    for (std::size_t family = 0; family < stages.trace().size(); ++family) {
        x = run.add_automorphisms(x, top);
    }
    std::size_t at = top;
    for (std::size_t i = 0; i + 1 < coeffs_to_slots_.size(); ++i) {
        x = run.apply(coeffs_to_slots_[i], x, at--);
    }
    x = run.reduce(run.coefficients(coeffs_to_slots_.back(), x, at));
    at = stages.slots_to_coeffs_level();
    for (std::size_t i = 0; i < slots_to_coeffs_.size(); ++i) {
        x = run.apply(slots_to_coeffs_[i], x, at--);
        if (i == 0 && stages.side_by_side()) {
            x = run.add_automorphisms(x, at);
        }
    }
    pool.give(low);
    return x;
}

std::vector<Blocks> BootstrapMemory::bootstrap_pair(ReplayPool& pool, std::size_t level) const {
    Run run(pool, plan_);
    const Blocks turned = run.ciphertext(level);
    const Blocks pair = run.ciphertext(level);
    const Blocks both = bootstrap(pool, level);
    // split_pair() of ckks/bootstrap/powers.h.
    const std::size_t left = plan_.levels();
    const Blocks digits = pool.raise(left);
    const Blocks conjugated = pool.switch_key(left, false, true);
    pool.give(digits);
    const Blocks real = run.ciphertext(left);
    const Blocks difference = run.ciphertext(left);
    const Blocks product = run.ciphertext(left);
    const Blocks imaginary = run.ciphertext(left);
    for (const Blocks& blocks : {product, difference, conjugated, both, pair, turned}) {
        pool.give(blocks);
    }
    return {real, imaginary};
}

}  // namespace cipherfit
