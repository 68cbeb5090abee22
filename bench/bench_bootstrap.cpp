// Bootstrapping at 128-bit security: bootstrap/<log2 N>/<log2 slots>, one an iteration, 10 levels
// left; bootstrap_levels12/... the same with 12.
//   CIPHERFIT_THREADS=1 bench_bootstrap --benchmark_filter=bootstrap/16/11
//
// Counters: levels_left; mean_bits and worst_bits, the precision of all slots over all iterations
// (ckks/precision.h) of messages uniform in a square inside the unit circle; keys, key_bytes and
// matrix_bytes; peak_bytes, the largest memory of the process, key generation included. Run one
// benchmark at a time for a peak of its own.
#include "bench_main.h"
#include "bootstrap_fixture.h"

#include <array>
#include <memory>
#include <string>

namespace cipherfit::bench {
namespace {

struct Preset {
    const char* name;
    BootstrapLiteral literal;
};
constexpr std::array presets{Preset{"bootstrap", bootstrap_n16_levels10},
                             Preset{"bootstrap_levels12", bootstrap_n16_levels12}};
constexpr std::array log_slots{11U, 13U, 15U};

void measure(benchmark::State& state, const BootstrapLiteral& literal) {
    BootstrapFixture fixture(literal);
    // Once outside the timed loop, so that the memory pool holds what is needed.
    PrecisionStats stats = fixture.precision_of(fixture.bootstrapper().bootstrap(fixture.input()));
    while (state.KeepRunning()) {
        const Ciphertext result = fixture.bootstrapper().bootstrap(fixture.input());
        state.PauseTiming();
        stats.merge(fixture.precision_of(result));
        fixture.draw();
        state.ResumeTiming();
    }
    const auto count = [](std::size_t value) { return static_cast<double>(value); };
    const BootstrapPlan& plan = fixture.bootstrapper().plan();
    state.counters["mean_bits"] = stats.mean_bits();
    state.counters["worst_bits"] = stats.worst_bits();
    state.counters["levels_left"] = count(plan.levels());
    state.counters["log_qp"] = plan.parameters().log_qp();
    state.counters["keys"] = count(fixture.keys().size());
    state.counters["key_bytes"] = count(fixture.key_bytes());
    state.counters["matrix_bytes"] = count(fixture.bootstrapper().bytes());
    state.counters["peak_bytes"] = count(peak_memory_bytes());
}

void register_all() {
    for (const Preset& preset : presets) {
        for (const unsigned slots : log_slots) {
            const std::string name =
                fmt::format("{}/{}/{}", preset.name, preset.literal.log_n, slots);
            const BootstrapLiteral literal = with_slots(preset.literal, slots);
            benchmark::RegisterBenchmark(name.c_str(), [literal](benchmark::State& state) {
                measure(state, literal);
            })->Unit(benchmark::kMillisecond);
        }
    }
}

}  // namespace
}  // namespace cipherfit::bench

int main(int argc, char** argv) {
    return cipherfit::bench::run(argc, argv, cipherfit::bench::register_all);
}
