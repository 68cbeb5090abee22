// TrainingPlan::create: the search for ring, chain, layout and shifts.
#include "cipherfit/linalg/kernel_from_features.h"
#include "cipherfit/linalg/kernel_product.h"
#include "cipherfit/linalg/odd_polynomial.h"
#include "cipherfit/train/cost.h"
#include "cipherfit/train/plan.h"
#include "train/modulus_chain.h"
#include "train/refresh.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

namespace cipherfit {
namespace {

constexpr std::array<unsigned, 3> scale_choices{40, 38, 36};
constexpr std::size_t most_digits = 8;
// Making, sending and loading a limb of a key or a ciphertext costs about as much as this many
// transforms of it.
constexpr double transfer_share = 10.0;
// What a smaller scale in the same ring must cost at most, in the terms of the one before; and the
// smallest that is taken for that, as every bit is one of precision.
constexpr double smaller_scale_gain = 0.95;
constexpr unsigned least_scale_for_cost = 38;
// Beyond this many samples the kernel, whose size grows with their square, is not considered unless
// asked for.
constexpr std::size_t most_dual_samples = 2048;
// The server's memory unless a limit is given; keys for bootstrappings alone take 3 GB.
constexpr double default_memory = 5.5e9;
constexpr double default_refreshed_memory = 12e9;
// Keys of a bootstrapping, at the highest level: beyond those of training.
constexpr double refresh_keys = 30;

struct Candidate {
    Solver solver = Solver::primal;
    ParametersLiteral literal;
    RingShape ring;
    unsigned scale_bits = 0;
    std::size_t lane = 0;  // primal
    ShiftPlan shifts;
    std::size_t babies = 0;  // dual
    // Levels that a bootstrapping leaves, and log2 of its slots; 0 where there is none.
    std::size_t refreshed = 0;
    unsigned log_slots = 0;
    // Of bootstrapping.
    double extra_cost = 0, extra_memory = 0;
    double cost = std::numeric_limits<double>::infinity();
};

unsigned smallest_log_n(const PlanOptions& options) {
    return options.insecure_for_tests_only ? 8 : 12;
}

// Keys that a layout needs, without their levels.
std::size_t count_keys(const LaneLayout& layout, const ShiftPlan& shifts, bool forward) {
    ProductLevels levels;
    levels.uses_forward = forward;
    return EncryptedFeatures::keys(layout, shifts, levels).levels().size();
}

class Search {
  public:
    Search(const TrainingShape& shape, const Recipe& recipe, const PlanOptions& options,
           Solver solver)
        : shape_(shape),
          recipe_(recipe),
          options_(options),
          solver_(solver),
          schedule_(iteration_levels(recipe, solver)),
          levels_(static_cast<std::size_t>(schedule_.front().start) + extra_levels()),
          batch_(rows_per_batch(recipe, shape.samples)) {}

    std::optional<Candidate> run(unsigned scale_bits) {
        if (options_.refresh != PlanOptions::Refresh::always) {
            for (unsigned log_n = smallest_log_n(options_); log_n <= 17; ++log_n) {
                if (options_.log_n == 0 || options_.log_n == log_n) {
                    try_ring(log_n, scale_bits);
                }
            }
        }
        if (options_.refresh != PlanOptions::Refresh::never && !server_makes_kernel()) {
            const std::size_t depth = iteration_depth(recipe_, solver_);
            for (std::size_t levels = depth + spare_levels(solver_, depth);
                 levels <= most_refreshed_levels; levels += depth) {
                try_refreshed(levels, scale_bits);
            }
        }
        return best_;
    }

    // The least log2(QP) of any number of digits, for messages.
    double least_log_qp(unsigned scale_bits) const {
        double least = std::numeric_limits<double>::infinity();
        for (unsigned digits = 1; digits <= std::min(levels_ + 1, most_digits); ++digits) {
            least = std::min(least, nominal_log_qp(chain(17, levels_, scale_bits, digits, false)));
        }
        return least;
    }
    Solver solver() const { return solver_; }
    // Levels beside those of the iterations.
    std::size_t extra_levels() const { return server_makes_kernel() ? kernel_levels : 0; }
    std::size_t levels() const { return levels_; }
    // Why nothing was found: no ring is secure, needs so few ciphertexts, or fits the memory.
    bool secure_ring_found() const { return secure_ring_found_; }
    std::size_t least_ciphertexts() const { return least_ciphertexts_; }
    double least_memory() const { return least_memory_; }
    double memory_limit() const { return memory_limit(false); }

  private:
    void try_ring(unsigned log_n, unsigned scale_bits) {
        for (unsigned digits = 1; digits <= std::min(levels_ + 1, most_digits); ++digits) {
            Candidate candidate;
            candidate.literal =
                chain(log_n, levels_, scale_bits, digits, options_.insecure_for_tests_only);
            if (!options_.insecure_for_tests_only &&
                nominal_log_qp(candidate.literal) > largest_secure_log_qp(log_n)) {
                continue;
            }
            candidate.ring = {log_n, levels_ + 1, candidate.literal.p_bits.size(),
                              (levels_ + digits) / digits};
            candidate.scale_bits = scale_bits;
            try_layouts(candidate, schedule_);
        }
    }

    // With bootstrappings that leave `levels` levels.
    void try_refreshed(std::size_t levels, unsigned scale_bits) {
        const unsigned log_n = options_.log_n == 0 ? refresh_log_n : options_.log_n;
        if (log_n != refresh_log_n && !options_.insecure_for_tests_only) {
            return;
        }
        BootstrapLiteral literal =
            refresh_literal(log_n, log_n - 1, levels, options_.insecure_for_tests_only);
        literal.level_bits = scale_bits;
        Candidate candidate;
        candidate.literal = bootstrap_parameters(literal);
        if (!options_.insecure_for_tests_only &&
            nominal_log_qp(candidate.literal) > largest_secure_log_qp(log_n)) {
            return;
        }
        const std::size_t all = candidate.literal.q_bits.size();
        candidate.ring = {log_n, levels + 1, candidate.literal.p_bits.size(),
                          (all + literal.digits - 1) / literal.digits};
        candidate.scale_bits = scale_bits;
        candidate.refreshed = levels;
        const auto raised = static_cast<double>(all + candidate.ring.p_limbs);
        const double limbs = 2 * refresh_keys * literal.digits * raised;
        const double unit = std::exp2(static_cast<int>(log_n) - 16);
        candidate.extra_cost = limbs * transfer_share * unit;
        candidate.extra_memory = limbs * std::exp2(log_n) * sizeof(std::uint64_t);
        try_layouts(candidate, iteration_levels(recipe_, solver_, levels));
    }

    void try_layouts(Candidate candidate, const std::vector<IterationLevels>& schedule) {
        secure_ring_found_ = true;
        candidate.solver = solver_;
        const unsigned log_n = candidate.ring.log_n;
        const std::size_t slots = std::size_t{1} << (log_n - 1);
        const Candidate common = candidate;
        const auto refreshing = [&](unsigned log_slots, std::size_t blocks) {
            candidate = common;
            if (common.refreshed > 0) {
                const auto count = std::count_if(schedule.begin(), schedule.end(),
                                                 [](const auto& at) { return at.refresh; });
                candidate.log_slots = log_slots;
                candidate.extra_cost += static_cast<double>(count) *
                                        static_cast<double>(bootstraps_of(recipe_, blocks)) *
                                        refresh_transforms(log_n, log_slots);
            }
        };
        if (solver_ == Solver::dual) {
            refreshing(log_n - 1, 1);
            try_kernel(candidate, slots, schedule);
            return;
        }
        for (const std::size_t lane : LaneLayout::possible_lanes(slots, shape_.classes)) {
            const LaneLayout layout =
                LaneLayout::create(slots, lane, batch_, shape_.features, shape_.classes);
            refreshing(static_cast<unsigned>(std::bit_width(layout.model_period()) - 1),
                       layout.feature_blocks());
            candidate.lane = lane;
            try_layout(candidate, layout, schedule);
        }
    }

    void try_kernel(Candidate candidate, std::size_t slots,
                    const std::vector<IterationLevels>& schedule) {
        if (!KernelLayout::fits(slots, shape_.samples, shape_.classes)) {
            return;
        }
        const std::size_t blocks =
            KernelLayout::create(slots, shape_.samples, shape_.classes, 1).kernel_blocks();
        const std::size_t chunks =
            server_makes_kernel() ? KernelLayout::create(slots, shape_.samples, shape_.classes, 1)
                                        .feature_chunks(shape_.features)
                                  : 0;
        const std::size_t ciphertexts = (chunks > 0 ? 2 * chunks : blocks) + 2;
        if (too_many(ciphertexts)) {
            return;
        }
        for (std::size_t babies = 1; babies <= blocks; babies *= 2) {
            candidate.babies = babies;
            const KernelLayout layout =
                KernelLayout::create(slots, shape_.samples, shape_.classes, babies);
            KeyRequest request = EncryptedKernel::keys(layout, {});
            if (chunks > 0) {
                request.merge(kernel_from_features_keys(layout, kernel_levels));
            }
            const std::size_t keys = request.levels().size();
            double work =
                chunks > 0 ? count_kernel(layout, chunks, candidate.ring).limb_transforms : 0;
            for (const IterationLevels& at : schedule) {
                work += count_iteration(layout, recipe_.sigmoid.degree(), candidate.ring, at)
                            .limb_transforms;
            }
            consider(candidate, keys, ciphertexts,
                     server_memory_bytes(layout, chunks, candidate.ring, keys), work);
        }
    }

    void try_layout(Candidate candidate, const LaneLayout& layout,
                    const std::vector<IterationLevels>& schedule) {
        const std::size_t c = layout.padded_classes();
        const bool forward = recipe_.iterations > 1;
        const std::size_t batches = batch_count(recipe_, shape_.samples);
        const std::size_t ciphertexts =
            batches * layout.sample_blocks() *
            (layout.feature_blocks() + (recipe_.initial_weight != 0 ? 2 : 1));
        if (too_many(ciphertexts)) {
            return;
        }
        for (std::size_t gf = 1; gf <= (forward ? c : 1); gf *= 2) {
            for (std::size_t gb = 1; gb <= c; gb *= 2) {
                for (std::size_t inner = 1; inner <= std::min(forward ? gf : gb, gb); inner *= 2) {
                    candidate.shifts = {std::max(gf, inner), gb, inner};
                    const std::size_t keys = count_keys(layout, candidate.shifts, forward);
                    consider(candidate, keys, ciphertexts,
                             server_memory_bytes(layout, candidate.shifts, candidate.ring, keys,
                                                 forward),
                             work(layout, candidate, schedule, batches));
                }
            }
        }
    }

    bool server_makes_kernel() const {
        return solver_ == Solver::dual && options_.kernel == KernelSource::server;
    }
    bool too_many(std::size_t ciphertexts) {
        least_ciphertexts_ = std::min(least_ciphertexts_, ciphertexts);
        return options_.most_ciphertexts != 0 && ciphertexts > options_.most_ciphertexts;
    }

    // The transforms of all iterations, and of the babies: once, or for every mini-batch.
    double work(const LaneLayout& layout, const Candidate& candidate,
                const std::vector<IterationLevels>& schedule, std::size_t batches) const {
        double sum = 0;
        for (const IterationLevels& at : schedule) {
            sum += count_iteration(layout, candidate.shifts, recipe_.sigmoid.degree(),
                                   candidate.ring, at)
                       .limb_transforms;
            if (batches > 1 || &at == schedule.data()) {
                sum += count_babies(layout, candidate.shifts, candidate.ring,
                                    std::max(at.forward, at.backward), recipe_.iterations > 1)
                           .limb_transforms;
            }
        }
        return sum;
    }

    double memory_limit(bool refreshed) const {
        if (options_.memory_limit_bytes > 0) {
            return options_.memory_limit_bytes;
        }
        return refreshed ? default_refreshed_memory : default_memory;
    }

    void consider(Candidate& candidate, std::size_t keys, std::size_t ciphertexts, double memory,
                  double work) {
        memory += candidate.extra_memory;
        least_memory_ = std::min(least_memory_, memory);
        if (memory > memory_limit(candidate.refreshed > 0)) {
            return;
        }
        const RingShape& ring = candidate.ring;
        const double digits =
            std::ceil(static_cast<double>(ring.q_limbs) / static_cast<double>(ring.digit_size));
        const double limbs =
            2 *
            (static_cast<double>(keys) * digits * static_cast<double>(ring.q_limbs + ring.p_limbs) +
             static_cast<double>(ciphertexts) * static_cast<double>(ring.q_limbs));
        const double cost = limbs * transfer_share * std::exp2(static_cast<int>(ring.log_n) - 16) +
                            candidate.extra_cost + work;
        if (cost < best_cost()) {
            best_ = candidate;
            best_->cost = cost;
        }
    }

    double best_cost() const {
        return best_ ? best_->cost : std::numeric_limits<double>::infinity();
    }

    const TrainingShape& shape_;
    const Recipe& recipe_;
    const PlanOptions& options_;
    Solver solver_;
    std::vector<IterationLevels> schedule_;  // without bootstrappings
    std::size_t levels_;
    std::size_t batch_;
    std::optional<Candidate> best_;
    bool secure_ring_found_ = false;
    std::size_t least_ciphertexts_ = std::numeric_limits<std::size_t>::max();
    double least_memory_ = std::numeric_limits<double>::infinity();
};

// Whether a chain of that many levels is secure in a ring, with any number of digits.
bool holds(unsigned log_n, std::size_t levels, unsigned scale_bits) {
    for (unsigned digits = 1; digits <= std::min(levels + 1, most_digits); ++digits) {
        if (nominal_log_qp(chain(log_n, levels, scale_bits, digits, false)) <=
            largest_secure_log_qp(log_n)) {
            return true;
        }
    }
    return false;
}

// Iterations that a ring holds.
int most_iterations(const Recipe& recipe, Solver solver, std::size_t extra_levels,
                    unsigned scale_bits, unsigned log_n) {
    int fitting = 0;
    for (int iterations = 1; iterations <= recipe.iterations; ++iterations) {
        Recipe shorter = recipe;
        shorter.iterations = iterations;
        const auto levels =
            static_cast<std::size_t>(iteration_levels(shorter, solver).front().start) +
            extra_levels;
        if (!holds(log_n, levels, scale_bits)) {
            break;
        }
        fitting = iterations;
    }
    return fitting;
}

// Those that the options leave open, the primal one last.
std::vector<Solver> solvers(const TrainingShape& shape, const Recipe& recipe,
                            const PlanOptions& options) {
    if (options.solver) {
        return {*options.solver};
    }
    if (shape.samples <= most_dual_samples && recipe.iterations >= 2 &&
        batch_count(recipe, shape.samples) == 1) {
        return {Solver::dual, Solver::primal};
    }
    return {Solver::primal};
}

// Says why no ring will do.
[[noreturn]] void refuse(const TrainingShape& shape, const Recipe& recipe,
                         const PlanOptions& options, const Search& search, unsigned scale_bits) {
    const Solver solver = search.solver();
    require(solver == Solver::primal || !search.secure_ring_found() ||
                search.least_ciphertexts() != std::numeric_limits<std::size_t>::max(),
            ErrorCode::bad_input,
            "{} samples of {} classes are too many for the dual solver: use the primal one",
            shape.samples, shape.classes);
    require(!search.secure_ring_found() ||
                search.least_ciphertexts() != std::numeric_limits<std::size_t>::max(),
            ErrorCode::bad_input,
            "{} classes do not fit any layout of a ring that may be chosen: use fewer classes{}",
            shape.classes, options.log_n == 0 ? "" : " or let the planner choose the ring");
    require(!search.secure_ring_found() || options.most_ciphertexts == 0 ||
                search.least_ciphertexts() <= options.most_ciphertexts,
            ErrorCode::bad_input,
            "{} samples x {} features need {} ciphertexts or more, the limit is {}: allow more",
            shape.samples, shape.features, search.least_ciphertexts(), options.most_ciphertexts);
    if (search.secure_ring_found()) {
        throw Error(ErrorCode::bad_input,
                    fmt::format("{} samples x {} features x {} classes need {:.1f} GB at the "
                                "server, the limit is {:.1f} GB: raise the memory limit, or use "
                                "fewer samples, features or iterations",
                                shape.samples, shape.features, shape.classes,
                                search.least_memory() / 1e9, search.memory_limit() / 1e9));
    }
    const unsigned log_n = options.log_n == 0 ? 17 : std::clamp(options.log_n, 12U, 17U);
    throw Error(
        ErrorCode::bad_input,
        fmt::format("{} iterations with a sigmoid of degree {} need {} levels, log2(QP) = "
                    "{:.0f} or more; at 128-bit security log_n = {} allows {:.0f}: ask for "
                    "at most {} iterations{}",
                    recipe.iterations, recipe.sigmoid.degree(), search.levels(),
                    search.least_log_qp(scale_bits), log_n, largest_secure_log_qp(log_n),
                    most_iterations(recipe, solver, search.extra_levels(), scale_bits, log_n),
                    options.log_n == 0 ? "" : " or let the planner choose the ring"));
}

// The cheapest candidate of all scales and solvers. Throws Error(bad_input) where there is none.
Candidate best_of_all(const TrainingShape& shape, const Recipe& recipe,
                      const PlanOptions& options) {
    std::optional<Candidate> best;
    for (const unsigned choice : scale_choices) {
        const unsigned bits = options.scale_bits != 0 ? options.scale_bits : choice;
        std::optional<Candidate> found;
        std::vector<Search> searches;
        for (const Solver solver : solvers(shape, recipe, options)) {
            const auto candidate = searches.emplace_back(shape, recipe, options, solver).run(bits);
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
            const Search& nearest =
                searches.back().secure_ring_found() ? searches.back() : searches.front();
            refuse(shape, recipe, options, nearest, bits);
        }
    }
    return best.value();  // NOLINT(bugprone-unchecked-optional-access): refused above
}

BootstrapLiteral literal_of(const Candidate& candidate, const PlanOptions& options) {
    BootstrapLiteral literal =
        refresh_literal(candidate.ring.log_n, candidate.log_slots, candidate.refreshed,
                        options.insecure_for_tests_only);
    literal.level_bits = candidate.scale_bits;
    return literal;
}

// One bit of room: the two sequences are joined at one scale, for which one may be doubled.
int range_bits_of(const PlanOptions& options) {
    const double range = options.refresh_range > 0 ? options.refresh_range : options.largest_state;
    return static_cast<int>(std::ceil(std::log2(range))) + 1;
}

unsigned state_bits_of(const Candidate& candidate, const PlanOptions& options) {
    const unsigned lowest = candidate.literal.q_bits.front();
    if (candidate.refreshed > 0) {
        // What is bootstrapped must be a small part of q_0.
        const int room = static_cast<int>(literal_of(candidate, options).ratio_bits);
        return std::min(candidate.scale_bits,
                        static_cast<unsigned>(static_cast<int>(lowest) - room -
                                              std::max(range_bits_of(options), -20) - 1));
    }
    // q_0 holds sign, the other sequence's factor of 2, and the largest state times its scale.
    const auto room = static_cast<unsigned>(std::ceil(std::log2(options.largest_state))) + 2;
    return std::min(candidate.scale_bits, lowest - room);
}

}  // namespace

bool fits_one_chain(const Recipe& recipe, Solver solver) {
    const auto levels = static_cast<std::size_t>(iteration_levels(recipe, solver).front().start);
    return holds(17, levels, scale_choices.back());
}

TrainingPlan TrainingPlan::create(const TrainingShape& shape, const Recipe& recipe,
                                  const PlanOptions& options) {
    if (const auto checked = check(recipe); !checked) {
        throw Error(checked.error());
    }
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
    require(options.solver != Solver::dual || batch_count(recipe, shape.samples) == 1,
            ErrorCode::bad_input,
            "the dual solver takes all samples in every iteration: use the primal one for "
            "mini-batches");
    require(recipe.batch == 0 || static_cast<std::size_t>(recipe.batch) <= shape.samples,
            ErrorCode::bad_input,
            "batches of {} samples are more than the {} there are: use smaller batches",
            recipe.batch, shape.samples);
    require(options.solver != Solver::dual || recipe.iterations >= 2, ErrorCode::bad_input,
            "the dual solver takes 2 iterations or more: use the primal one for a single step");
    const Candidate best = best_of_all(shape, recipe, options);
    Parameters parameters = Parameters::create(best.literal);
    const unsigned state_bits = state_bits_of(best, options);
    const auto products = [&]() -> Products {
        if (best.solver == Solver::dual) {
            return KernelProducts{
                KernelLayout::create(parameters.slots(), shape.samples, shape.classes, best.babies),
                options.kernel};
        }
        return LaneProducts{
            LaneLayout::create(parameters.slots(), best.lane, rows_per_batch(recipe, shape.samples),
                               shape.features, shape.classes),
            best.shifts};
    };
    const auto refresh = [&]() -> std::optional<RefreshPlan> {
        if (best.refreshed == 0) {
            return std::nullopt;
        }
        return RefreshPlan{BootstrapPlan::create(parameters, literal_of(best, options)),
                           range_bits_of(options)};
    };
    const Products made = products();
    const std::optional<RefreshPlan> refreshed = refresh();
    return {shape, recipe, std::move(parameters), made, best.scale_bits, state_bits, refreshed};
}

}  // namespace cipherfit
