#include "service/metrics.h"

#include "cipherfit/base/error.h"

#include <prometheus/counter.h>
#include <prometheus/exposer.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

namespace cipherfit::service {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;

struct Metrics::Parts {
    std::shared_ptr<prometheus::Registry> registry = std::make_shared<prometheus::Registry>();
    prometheus::Family<prometheus::Counter>& calls =
        BuildCounter()
            .Name("cipherfit_calls_total")
            .Help("Calls that ended, by method and status")
            .Register(*registry);
    prometheus::Family<prometheus::Histogram>& call_seconds =
        BuildHistogram()
            .Name("cipherfit_call_seconds")
            .Help("Time from a call's start to its end, by method")
            .Register(*registry);
    prometheus::Family<prometheus::Counter>& bytes = BuildCounter()
                                                         .Name("cipherfit_transferred_bytes_total")
                                                         .Help("Bytes of files that came or went")
                                                         .Register(*registry);
    prometheus::Counter& uploaded = bytes.Add({{"direction", "upload"}});
    prometheus::Counter& downloaded = bytes.Add({{"direction", "download"}});
    prometheus::Family<prometheus::Counter>& finished =
        BuildCounter()
            .Name("cipherfit_jobs_finished_total")
            .Help("Jobs that ended, by kind and state")
            .Register(*registry);
    prometheus::Counter& seconds = BuildCounter()
                                       .Name("cipherfit_job_seconds_total")
                                       .Help("Time that jobs ran")
                                       .Register(*registry)
                                       .Add({});
    prometheus::Gauge& queued = BuildGauge()
                                    .Name("cipherfit_jobs_queued")
                                    .Help("Jobs that wait for their turn")
                                    .Register(*registry)
                                    .Add({});
    prometheus::Gauge& running = BuildGauge()
                                     .Name("cipherfit_jobs_running")
                                     .Help("Jobs that run")
                                     .Register(*registry)
                                     .Add({});
    prometheus::Gauge& memory = BuildGauge()
                                    .Name("cipherfit_jobs_memory_bytes")
                                    .Help("Memory that running jobs are predicted to take")
                                    .Register(*registry)
                                    .Add({});
    prometheus::Family<prometheus::Gauge>& confinement =
        BuildGauge()
            .Name("cipherfit_confinement_lacking")
            .Help("1 where the kernel lacks a part of the confinement of jobs")
            .Register(*registry);
    std::unique_ptr<prometheus::Exposer> exposer;
};

Metrics::Metrics(const std::string& address) : parts_(std::make_unique<Parts>()) {
    if (address.empty()) {
        return;
    }
    try {
        parts_->exposer = std::make_unique<prometheus::Exposer>(address, 1);
    } catch (const std::exception&) {
        throw Error(ErrorCode::io_failure,
                    fmt::format("{}: metrics cannot be served there: give HOST:PORT of this "
                                "machine with a port that is free",
                                address));
    }
    parts_->exposer->RegisterCollectable(parts_->registry);
}

Metrics::~Metrics() = default;

void Metrics::count_call(const std::string& method, int status, double seconds) {
    parts_->calls.Add({{"method", method}, {"status", std::to_string(status)}}).Increment();
    parts_->call_seconds
        .Add({{"method", method}},
             prometheus::Histogram::BucketBoundaries{0.001, 0.005, 0.02, 0.05, 0.2, 1, 10, 60})
        .Observe(seconds);
}

void Metrics::count_uploaded(std::uint64_t bytes) {
    parts_->uploaded.Increment(static_cast<double>(bytes));
}

void Metrics::count_downloaded(std::uint64_t bytes) {
    parts_->downloaded.Increment(static_cast<double>(bytes));
}

void Metrics::count_finished(const std::string& kind, const std::string& state, double seconds) {
    parts_->finished.Add({{"kind", kind}, {"state", state}}).Increment();
    parts_->seconds.Increment(seconds);
}

void Metrics::show_confinement(const std::string& part, bool is_lacking) {
    parts_->confinement.Add({{"part", part}}).Set(is_lacking ? 1 : 0);
}

void Metrics::show_queue(std::size_t queued, std::size_t running, std::uint64_t memory_bytes) {
    parts_->queued.Set(static_cast<double>(queued));
    parts_->running.Set(static_cast<double>(running));
    parts_->memory.Set(static_cast<double>(memory_bytes));
}

}  // namespace cipherfit::service
