#include "train/plan_search.h"

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
                       const SolverKind& solver, double memory_factor)
    : shape_(shape),
      recipe_(recipe),
      options_(options),
      solver_(solver),
      memory_factor_(memory_factor),
      schedule_(solver.levels(recipe, 0)),
      levels_(static_cast<std::size_t>(schedule_.front().start) + extra_levels()) {}

std::optional<PlanCandidate> PlanSearch::run(unsigned scale_bits) {
    if (options_.refresh != PlanOptions::Refresh::always) {
        for (unsigned log_n = smallest_log_n(options_); log_n <= 17; ++log_n) {
            if (options_.log_n == 0 || options_.log_n == log_n) {
                try_ring(log_n, scale_bits);
            }
        }
    }
    if (options_.refresh != PlanOptions::Refresh::never && solver_.can_refresh(options_) &&
        options_.security == SecurityLevel::classical_128) {
        const std::size_t depth = solver_.iteration_depth(recipe_);
        for (std::size_t levels = depth + solver_.spare_levels(depth);
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
        refresh_literal(log_n, log_n - 1, levels, solver_.needs_fine_refresh(recipe_, levels),
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
    try_layouts(candidate, solver_.levels(recipe_, levels));
}

void PlanSearch::try_layouts(const PlanCandidate& ring,
                             const std::vector<IterationLevels>& schedule) {
    secure_ring_found_ = true;
    ring_ = ring;
    refreshes_ = static_cast<std::size_t>(
        std::count_if(schedule.begin(), schedule.end(), [](const auto& at) { return at.refresh; }));
    solver_.search({shape_, recipe_, options_, ring_.ring, schedule, ring_.refreshed > 0}, *this);
}

bool PlanSearch::too_many(std::size_t ciphertexts) {
    least_ciphertexts_ = std::min(least_ciphertexts_, ciphertexts);
    return options_.most_ciphertexts != 0 && ciphertexts > options_.most_ciphertexts;
}

void PlanSearch::consider(const LayoutOffer& offer,
                          const std::function<std::shared_ptr<const Solver>()>& make) {
    const RingShape& ring = ring_.ring;
    double extra_cost = ring_.extra_cost;
    unsigned log_slots = 0;
    if (ring_.refreshed > 0) {
        const std::size_t blocks = offer.state_blocks;
        const std::size_t together = blocks_together(recipe_, blocks, offer.state_period,
                                                     std::size_t{1} << (ring.log_n - 1));
        const std::size_t each = (bootstraps_of(recipe_, blocks) + together - 1) / together;
        log_slots = static_cast<unsigned>(std::bit_width(offer.state_period * together) - 1);
        extra_cost += static_cast<double>(refreshes_) * static_cast<double>(each) *
                      refresh_transforms(ring.log_n, log_slots);
    }
    double memory = offer.memory + ring_.extra_memory;
    const std::size_t batches = row_files(recipe_, shape_.samples);
    if (batches > 1) {
        const std::size_t at_a_time = offer.ciphertexts / batches;
        memory += static_cast<double>(at_a_time) * ciphertext_memory(ring);
    }
    const double estimated = memory;
    memory *= memory_factor_;
    const double limit = largest_memory(options_, ring_.refreshed > 0);
    if (memory < least_memory_) {
        least_memory_ = memory;
        least_memory_limit_ = limit;
    }
    if (memory > limit) {
        return;
    }
    const double digits =
        std::ceil(static_cast<double>(ring.q_limbs) / static_cast<double>(ring.digit_size));
    const double limbs =
        2 * (static_cast<double>(offer.keys) * digits *
                 static_cast<double>(ring.q_limbs + ring.p_limbs) +
             static_cast<double>(offer.ciphertexts) * static_cast<double>(ring.q_limbs));
    const double cost = limbs * transfer_share * std::exp2(static_cast<int>(ring.log_n) - 16) +
                        extra_cost + offer.work;
    if (cost < best_cost()) {
        best_ = ring_;
        best_->log_slots = log_slots;
        best_->extra_cost = extra_cost;
        best_->memory = estimated;
        best_->cost = cost;
        best_->solver = make();
    }
}

double PlanSearch::best_cost() const {
    return best_ ? best_->cost : std::numeric_limits<double>::infinity();
}

}  // namespace cipherfit
