#include "train/plan_search.h"

#include "cipherfit/linalg/kernel_from_features.h"
#include "cipherfit/linalg/kernel_product.h"
#include "cipherfit/linalg/matrix_products.h"
#include "train/modulus_chain.h"
#include "train/refresh.h"
#include "train/work_estimate.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

namespace cipherfit {
namespace {

// Making, sending and loading a limb of a key or a ciphertext costs about as much as this many
// transforms of it.
constexpr double transfer_share = 10.0;
// The server's memory unless a limit is given; keys for bootstrappings alone take 3 GB.
constexpr double default_memory = 5.5e9;
constexpr double default_refreshed_memory = 12e9;
// Keys of a bootstrapping, at the highest level: beyond those of training.
constexpr double refresh_keys = 30;

// Keys that a layout needs, without their levels.
std::size_t count_keys(const LaneLayout& layout, const ShiftPlan& shifts, bool forward) {
    ProductLevels levels;
    levels.uses_forward = forward;
    return EncryptedFeatures::keys(layout, shifts, levels).levels().size();
}

// Sizes of groups to try: all heads, or nearly equal groups that fill a power of two.
std::vector<std::size_t> class_groups(std::size_t heads) {
    std::vector<std::size_t> sizes{heads};
    for (std::size_t padded = 8; padded <= 128 && padded < heads; padded *= 2) {
        const std::size_t groups = (heads + padded - 1) / padded;
        sizes.push_back((heads + groups - 1) / groups);
    }
    return sizes;
}

}  // namespace

double largest_memory(const PlanOptions& options, bool refreshed) {
    if (options.memory_limit_bytes > 0) {
        return options.memory_limit_bytes;
    }
    return refreshed ? default_refreshed_memory : default_memory;
}

unsigned smallest_log_n(const PlanOptions& options) {
    return options.insecure_for_tests_only ? 8 : 12;
}

PlanSearch::PlanSearch(const TrainingShape& shape, const Recipe& recipe, const PlanOptions& options,
                       Solver solver, double memory_factor)
    : shape_(shape),
      recipe_(recipe),
      options_(options),
      solver_(solver),
      memory_factor_(memory_factor),
      schedule_(iteration_levels(recipe, solver)),
      levels_(static_cast<std::size_t>(schedule_.front().start) + extra_levels()),
      batch_(rows_per_batch(recipe, shape.samples)) {}

std::optional<PlanCandidate> PlanSearch::run(unsigned scale_bits) {
    if (options_.refresh != PlanOptions::Refresh::always) {
        for (unsigned log_n = smallest_log_n(options_); log_n <= 17; ++log_n) {
            if (options_.log_n == 0 || options_.log_n == log_n) {
                try_ring(log_n, scale_bits);
            }
        }
    }
    if (options_.refresh != PlanOptions::Refresh::never && !server_makes_kernel() &&
        options_.security == SecurityLevel::classical_128) {
        const std::size_t depth = iteration_depth(recipe_, solver_);
        for (std::size_t levels = depth + spare_levels(solver_, depth);
             levels <= most_refreshed_levels; levels += depth) {
            try_refreshed(levels, scale_bits);
        }
    }
    return best_;
}

double PlanSearch::least_log_qp(unsigned scale_bits) const {
    double least = std::numeric_limits<double>::infinity();
    for (unsigned digits = 1; digits <= std::min(levels_ + 1, most_digits); ++digits) {
        least = std::min(least, nominal_log_qp(chain(17, levels_, scale_bits, digits, false)));
    }
    return least;
}

void PlanSearch::try_ring(unsigned log_n, unsigned scale_bits) {
    for (unsigned digits = 1; digits <= std::min(levels_ + 1, most_digits); ++digits) {
        PlanCandidate candidate;
        candidate.literal =
            chain(log_n, levels_, scale_bits, digits, options_.insecure_for_tests_only);
        if (!options_.insecure_for_tests_only &&
            nominal_log_qp(candidate.literal) > largest_secure_log_qp(log_n, options_.security)) {
            continue;
        }
        candidate.ring = {log_n, levels_ + 1, candidate.literal.p_bits.size(),
                          (levels_ + digits) / digits};
        candidate.scale_bits = scale_bits;
        try_layouts(candidate, schedule_);
    }
}

void PlanSearch::try_refreshed(std::size_t levels, unsigned scale_bits) {
    const unsigned log_n = options_.log_n == 0 ? refresh_log_n : options_.log_n;
    if (log_n != refresh_log_n && !options_.insecure_for_tests_only) {
        return;
    }
    BootstrapLiteral literal =
        refresh_literal(log_n, log_n - 1, levels, needs_fine_refresh(recipe_, solver_, levels),
                        options_.insecure_for_tests_only);
    literal.level_bits = scale_bits;
    PlanCandidate candidate;
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
    candidate.extra_memory =
        limbs * std::exp2(log_n) * sizeof(std::uint64_t) + refresh_memory_bytes(log_n, log_n - 1);
    try_layouts(candidate, iteration_levels(recipe_, solver_, levels));
}

void PlanSearch::try_layouts(PlanCandidate candidate,
                             const std::vector<IterationLevels>& schedule) {
    secure_ring_found_ = true;
    candidate.solver = solver_;
    const unsigned log_n = candidate.ring.log_n;
    const std::size_t slots = std::size_t{1} << (log_n - 1);
    const PlanCandidate common = candidate;
    // With states of so many blocks, whose slots repeat with a period.
    const auto refreshing = [&](std::size_t period, std::size_t blocks) {
        candidate = common;
        if (common.refreshed > 0) {
            const auto count = std::count_if(schedule.begin(), schedule.end(),
                                             [](const auto& at) { return at.refresh; });
            const std::size_t together = blocks_together(recipe_, blocks, period, slots);
            const std::size_t each = (bootstraps_of(recipe_, blocks) + together - 1) / together;
            candidate.log_slots = static_cast<unsigned>(std::bit_width(period * together) - 1);
            candidate.extra_cost += static_cast<double>(count) * static_cast<double>(each) *
                                    refresh_transforms(log_n, candidate.log_slots);
        }
    };
    if (solver_ == Solver::dual) {
        refreshing(slots, 1);
        try_kernel(candidate, slots, schedule);
        return;
    }
    for (const std::size_t group : class_groups(shape_.heads)) {
        const std::size_t groups = (shape_.heads + group - 1) / group;
        for (const std::size_t lane : LaneLayout::possible_lanes(slots, group)) {
            const LaneLayout layout =
                LaneLayout::create(slots, lane, batch_, shape_.features, group);
            refreshing(layout.model_period(), groups * layout.feature_blocks());
            candidate.lane = lane;
            candidate.class_group = group;
            try_layout(candidate, layout, schedule);
        }
    }
}

void PlanSearch::try_kernel(PlanCandidate candidate, std::size_t slots,
                            const std::vector<IterationLevels>& schedule) {
    if (!KernelLayout::fits(slots, shape_.samples, shape_.heads,
                            least_padded_heads(options_.kernel))) {
        return;
    }
    const KernelLayout plain = kernel_layout(slots, shape_, 1, options_.kernel);
    const std::size_t blocks = plain.kernel_blocks();
    const std::size_t chunks = server_makes_kernel() ? plain.feature_chunks(shape_.features) : 0;
    const std::size_t ciphertexts = (chunks > 0 ? 2 * chunks : blocks) + 2;
    if (too_many(ciphertexts)) {
        return;
    }
    for (std::size_t babies = 1; babies <= blocks; babies *= 2) {
        candidate.babies = babies;
        const KernelLayout layout = kernel_layout(slots, shape_, babies, options_.kernel);
        KeyRequest request = EncryptedKernel::keys(layout, {});
        if (chunks > 0) {
            request.merge(kernel_from_features_keys(layout, kernel_levels));
        }
        const std::size_t keys = request.levels().size();
        double work = chunks > 0 ? count_kernel(layout, chunks, candidate.ring).limb_transforms : 0;
        for (const IterationLevels& at : schedule) {
            work += count_iteration(layout, recipe_.sigmoid.degree(), candidate.ring, at)
                        .limb_transforms;
        }
        consider(candidate, keys, ciphertexts,
                 estimated_memory(layout, chunks, candidate.ring, keys), work);
    }
}

void PlanSearch::try_layout(PlanCandidate candidate, const LaneLayout& layout,
                            const std::vector<IterationLevels>& schedule) {
    const std::size_t c = layout.padded_classes();
    const bool forward = recipe_.iterations > 1;
    const std::size_t batches = batch_count(recipe_, shape_.samples);
    const std::size_t groups = (shape_.heads + layout.classes() - 1) / layout.classes();
    const std::size_t ciphertexts =
        batches * layout.sample_blocks() *
        (layout.feature_blocks() + groups * (recipe_.initial_weight != 0 ? 2 : 1));
    if (too_many(ciphertexts)) {
        return;
    }
    for (std::size_t gf = 1; gf <= (forward ? c : 1); gf *= 2) {
        for (std::size_t gb = 1; gb <= c; gb *= 2) {
            for (std::size_t inner = 1; inner <= std::min(forward ? gf : gb, gb); inner *= 2) {
                candidate.shifts = {std::max(gf, inner), gb, inner};
                const std::size_t keys = count_keys(layout, candidate.shifts, forward);
                consider(candidate, keys, ciphertexts,
                         estimated_memory(layout, candidate.shifts, candidate.ring, keys, forward,
                                          groups),
                         work(layout, candidate, schedule, batches));
            }
        }
    }
}

bool PlanSearch::too_many(std::size_t ciphertexts) {
    least_ciphertexts_ = std::min(least_ciphertexts_, ciphertexts);
    return options_.most_ciphertexts != 0 && ciphertexts > options_.most_ciphertexts;
}

double PlanSearch::work(const LaneLayout& layout, const PlanCandidate& candidate,
                        const std::vector<IterationLevels>& schedule, std::size_t batches) const {
    const auto groups =
        static_cast<double>((shape_.heads + layout.classes() - 1) / layout.classes());
    double sum = 0;
    for (const IterationLevels& at : schedule) {
        sum += groups * count_iteration(layout, candidate.shifts, recipe_.sigmoid.degree(),
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

void PlanSearch::consider(PlanCandidate& candidate, std::size_t keys, std::size_t ciphertexts,
                          double memory, double work) {
    memory += candidate.extra_memory;
    const std::size_t batches = batch_count(recipe_, shape_.samples);
    if (batches > 1) {
        memory += static_cast<double>(ciphertexts / batches) * ciphertext_memory(candidate.ring);
    }
    candidate.memory = memory;
    memory *= memory_factor_;
    const double limit = largest_memory(options_, candidate.refreshed > 0);
    if (memory < least_memory_) {
        least_memory_ = memory;
        least_memory_limit_ = limit;
    }
    if (memory > limit) {
        return;
    }
    const RingShape& ring = candidate.ring;
    const double digits =
        std::ceil(static_cast<double>(ring.q_limbs) / static_cast<double>(ring.digit_size));
    const double limbs =
        2 * (static_cast<double>(keys) * digits * static_cast<double>(ring.q_limbs + ring.p_limbs) +
             static_cast<double>(ciphertexts) * static_cast<double>(ring.q_limbs));
    const double cost = limbs * transfer_share * std::exp2(static_cast<int>(ring.log_n) - 16) +
                        candidate.extra_cost + work;
    if (cost < best_cost()) {
        best_ = candidate;
        best_->cost = cost;
    }
}

double PlanSearch::best_cost() const {
    return best_ ? best_->cost : std::numeric_limits<double>::infinity();
}

}  // namespace cipherfit
