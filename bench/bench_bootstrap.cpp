// Bootstrapping at 128-bit security: bootstrap/<log2 N>/<log2 slots>, one an iteration, 10 levels
// left; bootstrap_levels12/... the same with 12; bootstrap_insecure/... on a small ring, for long
// series of the same arithmetic.
//   CIPHERFIT_THREADS=1 bench_bootstrap --benchmark_filter=bootstrap/16/11
//   CIPHERFIT_BOOTSTRAPS=1000 bench_bootstrap --benchmark_filter=bootstrap/16/11   a thousand,
//       each of a message of its own: none is off where worst_bits, over all of them, is not.
//
// Counters: levels_left; mean_bits and worst_bits, the precision of all slots over all iterations
// (ckks/precision.h) of messages uniform in a square inside the unit circle; keys, key_bytes and
// matrix_bytes; peak_bytes, the largest memory of the process, key generation included. Run one
// benchmark at a time for a peak of its own.
#include "bench_main.h"
#include "bootstrap_fixture.h"

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace cipherfit::bench {
namespace {

constexpr BootstrapLiteral small_ring{.log_n = 12, .levels = 10, .insecure_for_tests_only = true};

struct Preset {
    const char* name = nullptr;
    BootstrapLiteral literal;
};
constexpr std::array presets{Preset{"bootstrap", bootstrap_n16_levels10},
                             Preset{"bootstrap_levels12", bootstrap_n16_levels12},
                             Preset{"bootstrap_insecure", small_ring}};
// log_n - 1 and two smaller ones.
constexpr std::array unused_bits{5U, 3U, 1U};

// A long series says how far it is.
constexpr std::int64_t shown_every = 50;

void measure(benchmark::State& state, const BootstrapLiteral& literal) {
    BootstrapFixture fixture(literal);
    // Once outside the timed loop, so that the memory pool holds what is needed.
    PrecisionStats stats = fixture.precision_of(fixture.bootstrapper().bootstrap(fixture.input()));
    std::int64_t done = 1;
    while (state.KeepRunning()) {
        const Ciphertext result = fixture.bootstrapper().bootstrap(fixture.input());
        state.PauseTiming();
        stats.merge(fixture.precision_of(result));
        fixture.draw();
        if (++done % shown_every == 0) {
            std::fprintf(stderr, "%lld bootstraps: %.2f bits in the mean, %.2f at worst\n",
                         static_cast<long long>(done), stats.mean_bits(), stats.worst_bits());
        }
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

// CIPHERFIT_BOOTSTRAPS: how many in a row; 0, the default, leaves it to the benchmark library.
std::int64_t asked_repetitions() {
    const char* text = std::getenv("CIPHERFIT_BOOTSTRAPS");
    if (text == nullptr || *text == '\0') {
        return 0;
    }
    char* end = nullptr;
    const long count = std::strtol(text, &end, 10);
    require(*end == '\0' && count >= 1, ErrorCode::invalid_argument,
            "CIPHERFIT_BOOTSTRAPS must be a positive number, got {}", text);
    return count;
}

void register_all() {
    const std::int64_t repetitions = asked_repetitions();
    for (const Preset& preset : presets) {
        for (const unsigned unused : unused_bits) {
            const unsigned slots = preset.literal.log_n - unused;
            const std::string name =
                fmt::format("{}/{}/{}", preset.name, preset.literal.log_n, slots);
            const BootstrapLiteral literal = with_slots(preset.literal, slots);
            auto* registered = benchmark::RegisterBenchmark(
                name.c_str(), [literal](benchmark::State& state) { measure(state, literal); });
            registered->Unit(benchmark::kMillisecond);
            if (repetitions > 0) {
                registered->Iterations(repetitions);
            }
        }
    }
}

}  // namespace
}  // namespace cipherfit::bench

int main(int argc, char** argv) {
    return cipherfit::bench::run(argc, argv, cipherfit::bench::register_all);
}
