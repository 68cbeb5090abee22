// Encrypted training at 128-bit security, on data of the paper's shape (training_fixture.h).
//   train_iteration/<recipe>/<t>   iteration t alone, t from 0; later ones have fewer limbs
//   train_run/<recipe>             from the uploaded ciphertexts to the model: the shifted copies
//                                  of the features, then every iteration
// Counters: levels consumed, key switches, and bytes of the evaluation keys as they are sent.
//   CIPHERFIT_THREADS=2 bench_train --benchmark_filter=chiang2023
#include "bench_main.h"
#include "cipherfit/train/cost.h"
#include "training_fixture.h"

#include <string>

namespace cipherfit::bench {
namespace {

void count_plan(benchmark::State& state, const TrainingPlan& plan) {
    state.counters["key_bytes"] = plan_cost(plan).evaluation_key_bytes;
    state.counters["log_n"] = plan.parameters().log_n();
    state.counters["log_qp"] = plan.parameters().log_qp();
}

void train_iteration(benchmark::State& state, const NamedRecipe& recipe, int t) {
    TrainingFixture& f = fixture(recipe);
    const TrainingPlan& plan = f.plan();
    EncryptedTrainer& trainer = f.trainer();
    const TrainingState& before = f.state(t);
    while (state.KeepRunning()) {
        TrainingState after = trainer.step(before);
        benchmark::DoNotOptimize(after);
    }
    const IterationLevels& levels = plan.levels()[static_cast<std::size_t>(t)];
    const OperationCounts counts = count_operations(plan).iterations[static_cast<std::size_t>(t)];
    state.counters["levels"] = levels.start - levels.end;
    state.counters["key_switches"] = static_cast<double>(counts.switches);
    count_plan(state, plan);
}

void train_run(benchmark::State& state, const NamedRecipe& recipe) {
    TrainingFixture& f = fixture(recipe);
    const TrainingPlan& plan = f.plan();
    f.release();
    while (state.KeepRunning()) {
        state.PauseTiming();
        EncryptedTrainingData data = f.copy_data();
        state.ResumeTiming();
        EncryptedTrainer trainer(plan, f.keys(), std::move(data));
        TrainingState current;
        while (current.iteration < plan.recipe().iterations) {
            current = trainer.step(current);
        }
        benchmark::DoNotOptimize(current);
    }
    const PlanCost cost = plan_cost(plan);
    state.counters["levels"] = static_cast<double>(plan.parameters().max_level());
    state.counters["key_switches"] =
        static_cast<double>(cost.preparation.switches + cost.iterations.switches);
    count_plan(state, plan);
}

void register_all() {
    for (const NamedRecipe& recipe : recipes) {
        const auto add = [](const std::string& name, auto body) {
            benchmark::RegisterBenchmark(name.c_str(), body)->Unit(benchmark::kMillisecond);
        };
        add(fmt::format("train_run/{}", recipe.name),
            [recipe](benchmark::State& state) { train_run(state, recipe); });
        for (int t = 0; t < recipe.iterations; ++t) {
            add(fmt::format("train_iteration/{}/{}", recipe.name, t),
                [recipe, t](benchmark::State& state) { train_iteration(state, recipe, t); });
        }
    }
}

}  // namespace
}  // namespace cipherfit::bench

int main(int argc, char** argv) {
    return cipherfit::bench::run(argc, argv, cipherfit::bench::register_all);
}
