// The search for the cheapest plan of one solver: ring, chain, layout, shifts and bootstrapping.
#pragma once

#include "cipherfit/rlwe/parameters.h"
#include "cipherfit/train/cost.h"
#include "cipherfit/train/plan.h"
#include "solver/layout_search.h"

#include <cstddef>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

namespace cipherfit {

inline constexpr std::size_t most_digits = 8;

unsigned smallest_log_n(const PlanOptions& options);

struct PlanCandidate {
    std::shared_ptr<const Solver> solver;
    ParametersLiteral literal;
    RingShape ring;
    unsigned scale_bits = 0;
    // Levels that a bootstrapping leaves, and log2 of its slots; 0 where there is none.
    std::size_t refreshed = 0;
    unsigned log_slots = 0;
    // The cost and memory of bootstrapping.
    double extra_cost = 0, extra_memory = 0;
    double cost = std::numeric_limits<double>::infinity();
    double memory = 0;  // of the server, estimated
};

// The server's memory that a plan may take.
double largest_memory(const PlanOptions& options, bool refreshed);

class PlanSearch : private LayoutSearch {
  public:
    // The arguments must outlive this object.
    // Estimated memory counts `memory_factor` times.
    PlanSearch(const TrainingShape& shape, const Recipe& recipe, const PlanOptions& options,
               const SolverKind& solver, double memory_factor);

    // The cheapest of all runs so far, this one at that scale included; none where none fits.
    std::optional<PlanCandidate> run(unsigned scale_bits);

    // The least log2(QP) of any number of digits, for messages.
    double least_log_qp(unsigned scale_bits) const;
    const SolverKind& solver() const { return solver_; }
    // Levels beside those of the iterations.
    std::size_t extra_levels() const { return solver_.extra_levels(options_); }
    std::size_t levels() const { return levels_; }
    // Why nothing was found: no ring is secure, needs so few ciphertexts, or fits the memory.
    bool secure_ring_found() const { return secure_ring_found_; }
    std::size_t least_ciphertexts() const { return least_ciphertexts_; }
    double least_memory() const { return least_memory_; }
    double memory_limit() const { return least_memory_limit_; }  // of the least memory

  private:
    void try_ring(unsigned log_n, unsigned scale_bits);
    // With bootstrappings that leave `levels` levels.
    void try_refreshed(std::size_t levels, unsigned scale_bits);
    void try_layouts(const PlanCandidate& ring, const std::vector<IterationLevels>& schedule);
    bool too_many(std::size_t ciphertexts) override;
    void consider(const LayoutOffer& offer,
                  const std::function<std::shared_ptr<const Solver>()>& make) override;
    double best_cost() const;

    const TrainingShape& shape_;
    const Recipe& recipe_;
    const PlanOptions& options_;
    const SolverKind& solver_;
    double memory_factor_;
    std::vector<IterationLevels> schedule_;  // without bootstrappings
    std::size_t levels_;
    // The ring that is being tried, and its bootstrappings.
    PlanCandidate ring_;
    std::size_t refreshes_ = 0;
    std::optional<PlanCandidate> best_;
    bool secure_ring_found_ = false;
    std::size_t least_ciphertexts_ = std::numeric_limits<std::size_t>::max();
    double least_memory_ = std::numeric_limits<double>::infinity();
    double least_memory_limit_ = 0;
};

}  // namespace cipherfit
