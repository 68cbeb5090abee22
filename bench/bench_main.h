// What both benchmark programs print before their figures.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/base/parallel.h"
#include "math/kernels/kernel_table.h"

#include <cstdlib>
#include <string>

#include <benchmark/benchmark.h>

namespace cipherfit::bench {

// Threads from CIPHERFIT_THREADS (1 unless set), and the context lines "kernels" and "threads".
inline void set_up_process() {
    const char* text = std::getenv("CIPHERFIT_THREADS");
    const std::string threads = text == nullptr || *text == '\0' ? "1" : text;
    char* end = nullptr;
    const unsigned long count = std::strtoul(threads.c_str(), &end, 10);
    require(*end == '\0' && count >= 1 && count <= 1024, ErrorCode::invalid_argument,
            "CIPHERFIT_THREADS must be 1 to 1024, got {}", threads);
    set_thread_count(count);
    benchmark::AddCustomContext("kernels", kernels().name);
    benchmark::AddCustomContext("threads", threads);
}

// Runs the registered benchmarks; the exit status.
template <class Register>
int run(int argc, char** argv, Register&& register_all) {
    try {
        set_up_process();
        register_all();
        benchmark::Initialize(&argc, argv);
        if (benchmark::ReportUnrecognizedArguments(argc, argv)) {
            return 2;
        }
        benchmark::RunSpecifiedBenchmarks();
        return 0;
    } catch (const Error& error) {
        fmt::print(stderr, "error: {}\n", error.what());
        return exit_status(error.code());
    }
}

}  // namespace cipherfit::bench
