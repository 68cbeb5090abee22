// What Prometheus reads at /metrics.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace cipherfit::service {

class Metrics {
  public:
    // Serves at HOST:PORT; an empty address serves nothing. Throws Error(io_failure) if it cannot.
    explicit Metrics(const std::string& address);
    ~Metrics();
    Metrics(const Metrics&) = delete;
    Metrics& operator=(const Metrics&) = delete;

    void count_call(const std::string& method, int status, double seconds);
    void count_uploaded(std::uint64_t bytes);
    void count_downloaded(std::uint64_t bytes);
    void count_finished(const std::string& kind, const std::string& state, double seconds);
    // A part of jobs' confinement, and whether the kernel lacks it.
    void show_confinement(const std::string& part, bool is_lacking);
    void show_queue(std::size_t queued, std::size_t running, std::uint64_t memory_bytes);

  private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

}  // namespace cipherfit::service
