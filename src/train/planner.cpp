// TrainingPlan::create: the cheapest plan of all solvers and scales, or why there is none.
#include "cipherfit/train/cost.h"
#include "cipherfit/train/plan.h"
#include "train/modulus_chain.h"
#include "train/plan_search.h"
#include "train/refresh.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

namespace cipherfit {
namespace {

constexpr std::array<unsigned, 3> scale_choices{40, 38, 36};
// What a smaller scale in the same ring must cost at most, in the terms of the one before; and the
// smallest that is taken for that, as every bit is one of precision.
constexpr double smaller_scale_gain = 0.95;
constexpr unsigned least_scale_for_cost = 38;
// Whether a chain of that many levels is secure in a ring, with any number of digits.
bool holds(unsigned log_n, std::size_t levels, unsigned scale_bits, SecurityLevel security) {
    for (unsigned digits = 1; digits <= std::min(levels + 1, most_digits); ++digits) {
        if (nominal_log_qp(chain(log_n, levels, scale_bits, digits, false)) <=
            largest_secure_log_qp(log_n, security)) {
            return true;
        }
    }
    return false;
}

// Iterations that a ring holds.
int most_iterations(const Recipe& recipe, const SolverKind& solver, std::size_t extra_levels,
                    unsigned scale_bits, unsigned log_n, SecurityLevel security) {
    int fitting = 0;
    for (int iterations = 1; iterations <= recipe.iterations; ++iterations) {
        Recipe shorter = recipe;
        shorter.iterations = iterations;
        const auto levels =
            static_cast<std::size_t>(solver.levels(shorter, 0).front().start) + extra_levels;
        if (!holds(log_n, levels, scale_bits, security)) {
            break;
        }
        fitting = iterations;
    }
    return fitting;
}

// Those that the options leave open.
std::vector<const SolverKind*> solvers(const TrainingShape& shape, const Recipe& recipe,
                                       const PlanOptions& options) {
    if (options.solver) {
        return {value_or_throw(solver_kind(*options.solver))};
    }
    std::vector<const SolverKind*> considered;
    for (const SolverKind* kind : solver_kinds()) {
        if (kind->is_considered(shape, recipe)) {
            considered.push_back(kind);
        }
    }
    return considered;
}

// Says why no ring will do.
[[noreturn]] void refuse(const TrainingShape& shape, const Recipe& recipe,
                         const PlanOptions& options, const PlanSearch& search,
                         unsigned scale_bits) {
    const SolverKind& solver = search.solver();
    if (search.secure_ring_found() &&
        search.least_ciphertexts() == std::numeric_limits<std::size_t>::max()) {
        throw Error(ErrorCode::bad_input, solver.does_not_fit(shape, options));
    }
    require(!search.secure_ring_found() || options.most_ciphertexts == 0 ||
                search.least_ciphertexts() <= options.most_ciphertexts,
            ErrorCode::bad_input,
            "{} samples x {} features need {} ciphertexts or more, the limit is {}: allow more",
            shape.samples, shape.features, search.least_ciphertexts(), options.most_ciphertexts);
    if (search.secure_ring_found()) {
        throw Error(ErrorCode::bad_input,
                    fmt::format("{} samples x {} features x {} classes need {:.3g} GB at the "
                                "server, the limit is {:.3g} GB: raise the memory limit, or use "
                                "fewer samples, features or iterations",
                                shape.samples, shape.features, shape.classes,
                                search.least_memory() / 1e9, search.memory_limit() / 1e9));
    }
    const unsigned log_n = options.log_n == 0 ? 17 : std::clamp(options.log_n, 12U, 17U);
    const int most =
        most_iterations(recipe, solver, search.extra_levels(), scale_bits, log_n, options.security);
    const std::string fewer =
        most > 0 ? fmt::format("ask for at most {} iteration{}", most, most == 1 ? "" : "s") : "";
    const std::string larger = options.log_n != 0 ? "let the planner choose the ring"
                               : most == 0        ? "use a sigmoid of a lower degree"
                                                  : "";
    throw Error(
        ErrorCode::bad_input,
        fmt::format("{} iteration{} with a sigmoid of degree {} need{} {} level{}, log2(QP) = "
                    "{:.0f} or more; at {} security log_n = {} allows {:.0f}: "
                    "{}{}{}",
                    recipe.iterations, recipe.iterations == 1 ? "" : "s", recipe.sigmoid.degree(),
                    recipe.iterations == 1 ? "s" : "", search.levels(),
                    search.levels() == 1 ? "" : "s", search.least_log_qp(scale_bits),
                    describe(options.security), log_n,
                    largest_secure_log_qp(log_n, options.security), fewer,
                    fewer.empty() || larger.empty() ? "" : " or ", larger));
}

// The cheapest candidate of all scales and solvers. Throws Error(bad_input) where there is none.
PlanCandidate best_of_all(const TrainingShape& shape, const Recipe& recipe,
                          const PlanOptions& options, double memory_factor) {
    std::optional<PlanCandidate> best;
    for (const unsigned choice : scale_choices) {
        const unsigned bits = options.scale_bits != 0 ? options.scale_bits : choice;
        std::optional<PlanCandidate> found;
        std::deque<PlanSearch> searches;
        for (const SolverKind* solver : solvers(shape, recipe, options)) {
            const auto candidate =
                searches.emplace_back(shape, recipe, options, *solver, memory_factor).run(bits);
            if (candidate && (!found || candidate->cost < found->cost)) {
                found = candidate;
            }
        }
        // A smaller scale must pay: it is taken where it lets a smaller ring do, or far fewer
        // limbs.
        if (found &&
            (!best || found->ring.log_n < best->ring.log_n ||
             (bits >= least_scale_for_cost && found->cost < smaller_scale_gain * best->cost))) {
            best = found;
        }
        if (!best && choice == scale_choices.back()) {
            // The dual needs fewer levels, the primal less memory: give the lower hurdle.
            const PlanSearch& nearest =
                searches.back().secure_ring_found() ? searches.back() : searches.front();
            refuse(shape, recipe, options, nearest, bits);
        }
    }
    return best.value();  // NOLINT(bugprone-unchecked-optional-access): refused above
}

// What is bootstrapped has coefficients no larger than its entries. One bit of room: the two
// sequences are joined at one scale, for which one may be doubled.
int range_bits_of(const PlanOptions& options) {
    const double range = options.refresh_range > 0 ? options.refresh_range : options.largest_state;
    return std::max(0, static_cast<int>(std::ceil(std::log2(range))) + 1);
}

// What is bootstrapped must be a small part of q_0.
unsigned refreshed_state_bits(unsigned scale_bits, unsigned lowest, unsigned ratio_bits,
                              int range_bits) {
    return std::min(scale_bits,
                    static_cast<unsigned>(static_cast<int>(lowest - ratio_bits) - range_bits - 1));
}

BootstrapLiteral literal_of(const PlanCandidate& candidate, const Recipe& recipe,
                            const PlanOptions& options) {
    BootstrapLiteral literal =
        refresh_literal(candidate.ring.log_n, candidate.log_slots, candidate.refreshed,
                        candidate.solver->kind().needs_fine_refresh(recipe, candidate.refreshed),
                        options.insecure_for_tests_only);
    literal.level_bits = candidate.scale_bits;
    return literal;
}

unsigned state_bits_of(const PlanCandidate& candidate, const Recipe& recipe,
                       const PlanOptions& options) {
    const unsigned lowest = candidate.literal.q_bits.front();
    if (candidate.refreshed > 0) {
        return refreshed_state_bits(candidate.scale_bits, lowest,
                                    literal_of(candidate, recipe, options).ratio_bits,
                                    range_bits_of(options));
    }
    // q_0 holds sign, the other sequence's factor of 2, and the largest state times its scale.
    const auto room = static_cast<unsigned>(std::ceil(std::log2(options.largest_state))) + 2;
    return std::min(candidate.scale_bits, lowest - room);
}

// As few digits as an axis has, and as many points as a curve.
int models_every_of(const PlanOptions& options, int iterations) {
    constexpr int most_models = 20;
    if (options.models_every) {
        return *options.models_every;
    }
    int power = 1;
    for (;; power *= 10) {
        for (const int every : {power, 2 * power, 5 * power}) {
            if ((iterations - 1) / every <= most_models) {
                return every;
            }
        }
    }
}

}  // namespace

bool fits_one_chain(const Recipe& recipe, std::string_view solver, SecurityLevel security) {
    const SolverKind& kind = *value_or_throw(solver_kind(solver));
    const auto levels = static_cast<std::size_t>(kind.levels(recipe, 0).front().start);
    return holds(17, levels, scale_choices.back(), security);
}

TrainingPlan TrainingPlan::create(const TrainingShape& asked, const Recipe& recipe,
                                  const PlanOptions& options) {
    if (const auto checked = check(recipe); !checked) {
        throw Error(checked.error());
    }
    TrainingShape shape = asked;
    if (shape.heads == 0) {
        shape.heads = trained_heads(shape.classes, recipe);
    }
    require(shape.samples >= 1 && shape.features >= 1 && shape.classes >= 1,
            ErrorCode::invalid_argument,
            "need at least one sample, feature and class, got {} x {} and {} classes",
            shape.samples, shape.features, shape.classes);
    require(options.log_n == 0 || (options.log_n >= smallest_log_n(options) && options.log_n <= 17),
            ErrorCode::invalid_argument, "log_n must be {} to 17, or 0 to leave it open, got {}",
            smallest_log_n(options), options.log_n);
    require(options.scale_bits == 0 || (options.scale_bits >= 32 && options.scale_bits <= 45),
            ErrorCode::invalid_argument, "scale bits must be 32 to 45, got {}", options.scale_bits);
    require(options.largest_state >= 1 && options.largest_state <= 0x1p24,
            ErrorCode::invalid_argument, "the largest state must be 1 to 2^24, got {}",
            options.largest_state);
    require(options.refresh_range >= 0 && options.refresh_range <= 0x1p24,
            ErrorCode::invalid_argument, "the range to bootstrap must be at most 2^24, got {}",
            options.refresh_range);
    require(!options.models_every || *options.models_every >= 0, ErrorCode::invalid_argument,
            "a model after every {} iterations; it must be 0 or more",
            options.models_every.value_or(0));
    if (options.solver) {
        const SolverKind& kind = *value_or_throw(solver_kind(*options.solver));
        value_or_throw(kind.check(shape, recipe, options));
    }
    require(batch_count(recipe, shape.samples) <= static_cast<std::size_t>(recipe.iterations),
            ErrorCode::bad_input,
            "{} iterations do not reach all {} mini-batches: ask for at least as many iterations "
            "(an epoch), larger batches or fewer samples",
            recipe.iterations, batch_count(recipe, shape.samples));
    require(recipe.batch == 0 || static_cast<std::size_t>(recipe.batch) <= shape.samples,
            ErrorCode::bad_input,
            "batches of {} samples are more than the {} there are: use smaller batches",
            recipe.batch, shape.samples);
    require(options.security == SecurityLevel::classical_128 ||
                options.refresh != PlanOptions::Refresh::always,
            ErrorCode::bad_input, "runs with bootstrappings have 128-bit security, not {}",
            describe(options.security));
    // The search estimates memory. What it finds is held to the limit by its recording; if that
    // takes more, estimates are read as so much more, and the search goes on.
    for (double factor = 1;;) {
        const PlanCandidate best = best_of_all(shape, recipe, options, factor);
        TrainingPlan plan = of_candidate(shape, recipe, options, best);
        const double memory = server_memory(plan).total();
        if (memory <= largest_memory(options, best.refreshed > 0)) {
            return plan;
        }
        // The candidate at hand is out, whatever the roundings.
        factor = memory / best.memory * (1 + 0x1p-30);
    }
}

TrainingPlan TrainingPlan::of_candidate(const TrainingShape& shape, const Recipe& recipe,
                                        const PlanOptions& options, const PlanCandidate& best) {
    Parameters parameters = Parameters::create(best.literal);
    const unsigned state_bits = state_bits_of(best, recipe, options);
    const auto refresh = [&]() -> std::optional<RefreshPlan> {
        if (best.refreshed == 0) {
            return std::nullopt;
        }
        BootstrapLiteral literal = literal_of(best, recipe, options);
        const int range_bits = range_bits_of(options);
        const std::size_t period = best.solver->state_period();
        literal.result_bits =
            refreshed_bits(state_bits, range_bits, (std::size_t{1} << literal.log_slots) / period);
        return RefreshPlan{BootstrapPlan::create(parameters, literal), range_bits};
    };
    std::optional<RefreshPlan> refreshed = refresh();
    if (refreshed && best.solver->joins_models()) {
        refreshed->models_every = models_every_of(options, recipe.iterations);
    }
    return {shape,      recipe,    std::move(parameters), best.solver, best.scale_bits,
            state_bits, refreshed, options.security};
}

TrainingPlan TrainingPlan::with_refresh_range(double largest_coefficient) const {
    require(refresh_.has_value() && std::isfinite(largest_coefficient) && largest_coefficient >= 0,
            ErrorCode::invalid_argument,
            "cannot set the range of {} bootstrappings to a largest coefficient of {}",
            refresh_count(), largest_coefficient);
    constexpr double room = 1.25;
    const double range = std::clamp(room * largest_coefficient, std::ldexp(1.0, least_range_bits),
                                    std::ldexp(1.0, most_range_bits));
    const int range_bits = static_cast<int>(std::ceil(std::log2(range)));
    BootstrapLiteral literal = refresh_->bootstrap.literal();
    const auto lowest =
        static_cast<unsigned>(std::lround(std::log2(static_cast<double>(parameters_.q(0)))));
    const unsigned state_bits =
        refreshed_state_bits(scale_bits_, lowest, literal.ratio_bits, range_bits);
    literal.result_bits = refreshed_bits(state_bits, range_bits,
                                         refresh_->bootstrap.slots() / solver_->state_period());
    return {shape_,
            recipe_,
            parameters_,
            solver_,
            scale_bits_,
            state_bits,
            RefreshPlan{BootstrapPlan::create(parameters_, literal), range_bits,
                        refresh_->models_every},
            security_};
}

}  // namespace cipherfit
