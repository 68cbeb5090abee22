// The owner's half of a solver (solver/solver.h): what it encrypts, the twin that says what the
// encrypted run must give, the noise that the run may have, and the way back from decrypted slots
// to a model. The server links none of it.
#pragma once

#include "cipherfit/train/owner/preprocess.h"
#include "cipherfit/train/owner/twin.h"
#include "cipherfit/train/plan.h"

#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

namespace cipherfit {

class PlainRun;

// A run in the clear, in the solver's own states.
struct StateRun {
    std::vector<double> max_abs_z;  // of each iteration's Z_t, before the update
    double max_abs_state = 0.0;     // largest |entry| of a state, of all iterations
    double max_abs_held = 0.0;      // as in TwinResult
    RowMatrix main, extrapolated;   // after the last iteration
};
// After iteration t = 0..iterations-1: the states of M_{t+1} and U_{t+1}. Under noise the ones that
// the owner would have for a model in between.
using StateVisitor =
    std::function<void(int t, const RowMatrix& main, const RowMatrix& extrapolated)>;

// One ciphertext's content.
struct TrainingMessage {
    std::string_view name;  // of TrainingPlan::messages()
    std::vector<double> slots;
    std::size_t level = 0;
    double scale = 0;
};

// Slots of ciphertexts.
using SlotBlocks = std::vector<std::vector<double>>;

// Makes models of decrypted blocks. It is not installed: its models are unchecked
// (protocol/owner/unchecked.h), and decrypt_model() is the way to one.
class ModelReader;

// What goes through the bootstrappings of a plan.
struct RefreshView {
    // The blocks of a state, packed as the circuit has them.
    std::function<SlotBlocks(const RowMatrix& state)> pack;
    // Whether both sequences come to a bootstrapping at one scale, or U at that of M.
    bool one_scale = false;
    // Whether the lowest level holds the last states in the same way.
    bool with_last = false;
};

class OwnerSolver {
  public:
    OwnerSolver() = default;
    OwnerSolver(const OwnerSolver&) = delete;
    OwnerSolver& operator=(const OwnerSolver&) = delete;
    virtual ~OwnerSolver() = default;

    // Solver::form() of the plans that this is the other half of.
    virtual std::string_view form() const noexcept = 0;

    // The recurrence of recipe.h as the solver has it; in exact arithmetic its models are those of
    // run_twin(). Throws what run_twin() throws.
    virtual StateRun run(const PreparedData& data, const Recipe& recipe, const NoiseModel* noise,
                         const StateVisitor& visit) const = 0;
    // Whether a state is a model, c x d; if not, the owner keeps the scaled rows to make one.
    virtual bool states_are_models() const noexcept { return true; }
    // The model that a state stands for, c x d in scaled coordinates.
    virtual RowMatrix model(const RowMatrix& state, const PreparedData& data) const;
    // The modelled CKKS error of a run, for its twin (owner/noise.h).
    virtual NoiseModel noise(const TrainingPlan& plan) const = 0;

    // The largest |entry| that goes through bootstrappings.
    virtual double largest_refreshed(const PlainRun& run) const;
    virtual RefreshView refresh_view(const TrainingPlan& plan, const PreparedData& data) const;
    // Throws Error(bad_input) where what is kept beside the states grows too large for the chain.
    virtual void require_room(const TrainingPlan& plan, const PlainRun& run) const;

    // Every message of a batch, in the order of TrainingPlan::messages().
    virtual void for_each_message(const TrainingPlan& plan, const PreparedData& data,
                                  std::size_t batch,
                                  const std::function<void(TrainingMessage)>& use) const = 0;
    // `xs`: the scaled rows, which must outlive the reader; of no use if states are models.
    virtual std::unique_ptr<ModelReader> reader(const TrainingPlan& plan,
                                                const RowMatrix& xs) const = 0;
};

// The owner's half of that form. Throws Error(invalid_argument) for a name that there is not.
const OwnerSolver& owner_solver(std::string_view form);
inline const OwnerSolver& owner_solver(const TrainingPlan& plan) {
    return owner_solver(plan.solver().form());
}
// The solver whose states are the weights, in whose coordinates all others are compared.
const OwnerSolver& weights_solver();

}  // namespace cipherfit
