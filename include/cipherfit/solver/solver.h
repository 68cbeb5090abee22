// What a training plan iterates on, and how: one object a solver. Everything that differs between
// solvers is asked of these objects; no other file knows how many solvers there are. A solver lives
// in a folder of src/solver and in one line of solver_table.cpp. Its owner's half, with the twin
// and the way back from a decrypted state to a model, is in owner/ folders and in a table of its
// own (solver/owner/owner_solver.h), so that the server links neither.
//
// SolverKind is what is known before there is a plan. Solver holds the layout of one plan.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/solver/sequences.h"
#include "cipherfit/train/plan_options.h"
#include "cipherfit/train/recipe.h"

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace cipherfit {

class LayoutSearch;
class Operations;
class Solver;
class TrainingCircuit;
class TrainingPlan;
struct SearchSpace;
struct TrainingCounts;
class Handle;
using CircuitData = Sequences<Handle>;
// Gives the data of a file of rows, 0..plan.row_files()-1. It is asked for plan.files_of(t) in
// iteration t.
using CircuitSource = std::function<CircuitData(std::size_t file)>;

class SolverKind {
  public:
    SolverKind() = default;
    SolverKind(const SolverKind&) = delete;
    SolverKind& operator=(const SolverKind&) = delete;
    virtual ~SolverKind() = default;

    // As users give it, and as plans carry it.
    virtual std::string_view name() const noexcept = 0;
    // What the server trains, in a few words for users.
    virtual std::string_view about() const noexcept = 0;
    // What it cannot run. ErrorCode::bad_input, with the way out.
    virtual Expected<void> check(const TrainingShape& shape, const Recipe& recipe,
                                 const PlanOptions& options) const;
    // The one degree that the sigmoid must have; none where any will do.
    virtual std::optional<int> only_degree() const { return std::nullopt; }
    // Whether the planner takes it into account where no solver is asked for.
    virtual bool is_considered(const TrainingShape& shape, const Recipe& recipe) const = 0;
    // Whether all rows may come in parts, one file after the other.
    virtual bool takes_parts() const { return false; }

    // Levels of an iteration that is not the first.
    virtual std::size_t iteration_depth(const Recipe& recipe) const = 0;
    // Levels left below the iterations between two bootstrappings.
    virtual std::size_t spare_levels(std::size_t /*refreshed*/) const { return 0; }
    // The level bookkeeping of a recipe. Without refreshes (`refreshed` = 0) the first entry's
    // start is the number of levels of training; with them no iteration starts above `refreshed`
    // levels, and one that finds too few is preceded by a bootstrapping.
    virtual std::vector<IterationLevels> levels(const Recipe& recipe,
                                                std::size_t refreshed) const = 0;
    // Levels beside those of the iterations.
    virtual std::size_t extra_levels(const PlanOptions& /*options*/) const { return 0; }
    virtual bool can_refresh(const PlanOptions& options) const = 0;
    // Whether bootstrappings must be of the finer kind (train/refresh.h).
    virtual bool needs_fine_refresh(const Recipe& /*recipe*/, std::size_t /*levels*/) const {
        return false;
    }

    // Tells the search of every layout that is worth considering in a ring.
    virtual void search(const SearchSpace& space, LayoutSearch& search) const = 0;
    // Why no ring has a layout for that shape, and what to do.
    virtual std::string does_not_fit(const TrainingShape& shape, const PlanOptions& options) const;
    // From the members that Solver::add_to_json() writes. Throws Error and nlohmann's exceptions.
    virtual std::shared_ptr<const Solver> from_json(const nlohmann::json& json,
                                                    const TrainingShape& shape,
                                                    const Recipe& recipe, std::size_t slots,
                                                    bool refreshed) const = 0;
};

// Plan arguments are the plan that the solver is of.
class Solver {
  public:
    Solver() = default;
    Solver(const Solver&) = delete;
    Solver& operator=(const Solver&) = delete;
    virtual ~Solver() = default;

    virtual const SolverKind& kind() const noexcept = 0;
    std::string_view name() const noexcept { return kind().name(); }
    // The name of its owner's half: the kind's, unless a kind has several forms.
    virtual std::string_view form() const noexcept { return name(); }

    // What the owner sends of a batch, in the order in which it is sent. Sequences that only other
    // plans of this solver have may be there with no ciphertexts.
    virtual std::vector<SequenceShape> messages(const TrainingPlan& plan,
                                                std::size_t batch) const = 0;
    // The state after `iteration` >= 1 iterations, in the order in which files hold it. After the
    // last iteration the model is all that is left.
    virtual std::vector<SequenceShape> state(const TrainingPlan& plan, int iteration) const = 0;
    // The sequence that is decrypted for a model after so many iterations.
    virtual std::string_view model_sequence(const TrainingPlan& plan, int iteration) const;
    // Ciphertexts of one sequence of the states, and slots after which their blocks repeat.
    virtual std::size_t state_ciphertexts() const noexcept = 0;
    virtual std::size_t state_period() const noexcept = 0;
    // Levels of its chain beside those of the iterations.
    virtual std::size_t extra_levels() const noexcept { return 0; }
    // The largest |entry| of a state that the lowest level holds.
    virtual double capacity(const TrainingPlan& plan) const = 0;
    // Throws Error for a plan that it cannot be part of.
    virtual void check(const TrainingPlan& plan) const;

    // Whether plans name the number of features: not where nothing that the server does depends on
    // it.
    virtual bool tells_features() const noexcept { return true; }
    // A model can be had after every so many iterations; 0: after the last one only.
    virtual int models_every(const TrainingPlan& /*plan*/) const { return 1; }
    // Whether a model in between needs what was kept at all boundaries before it.
    virtual bool joins_models() const noexcept { return false; }

    // The iterations, over those operations; prepares the data first. The second is for plans with
    // mini-batches.
    virtual std::unique_ptr<TrainingCircuit> circuit(const TrainingPlan& plan,
                                                     Operations& operations,
                                                     CircuitData data) const = 0;
    virtual std::unique_ptr<TrainingCircuit> circuit(const TrainingPlan& plan,
                                                     Operations& operations,
                                                     CircuitSource source) const;
    // What the operations of iteration t depend on, beside levels and the shapes of messages and
    // states.
    virtual int variant(const TrainingPlan& /*plan*/, int /*t*/) const { return 0; }
    // A solver of the same keys for as little data as can be; shrinks the shape.
    virtual std::shared_ptr<const Solver> least(TrainingShape& shape) const = 0;

    // Products of ciphertexts in one iteration, and ciphertexts that the server makes and keeps of
    // each that is sent: for plans whose recording would take too much memory.
    virtual double products_per_iteration(const TrainingPlan& plan) const = 0;
    virtual double kept_copies() const noexcept { return 1; }
    // Operation counts in closed form, for the same.
    virtual TrainingCounts estimate(const TrainingPlan& plan) const = 0;

    virtual void add_to_json(nlohmann::json& json) const = 0;
};

// All solvers, in the order in which the planner tries them.
const std::vector<const SolverKind*>& solver_kinds();
// Their names, as in "a, b or c".
std::string solver_names();
// The solver of that name. ErrorCode::bad_input, listing the names there are.
Expected<const SolverKind*> solver_kind(std::string_view name);

}  // namespace cipherfit
