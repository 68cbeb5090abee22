// Calls that may take long: the work runs on a thread of its own, while the thread that called
// waits without the interpreter's lock, tells the caller of the progress, and hears Ctrl-C.
#pragma once

#include "cipherfit/fitting/owner/fit_plan.h"
#include "cipherfit/protocol/observer.h"

#include <atomic>
#include <functional>
#include <mutex>
#include <nanobind/nanobind.h>
#include <stop_token>
#include <string>

namespace cipherfit::python {

// What the work is given: it tells its progress here, and is asked to stop through here. Every
// report throws Error(interrupted) once a stop was asked for.
class Watch final : public PlanObserver, public Observer {
  public:
    void phase(const std::string& name) override;
    void progress(double share, const std::string& detail) override;
    void on_progress(const Progress& progress) override;
    // The process that works, to be sent SIGINT when a stop is asked for; 0: none.
    void process(int number);

    std::stop_token token() const { return stop_.get_token(); }
    void check() const;

    struct Told {
        std::string phase, detail;
        double share = -1.0;  // of the phase that is done; negative: not known
    };
    // What was told since the last call; false where nothing was.
    bool take(Told& told);
    void stop();

  private:
    std::stop_source stop_;
    std::atomic<int> process_{0};
    std::mutex mutex_;
    Told told_;
    bool changed_ = false;
};

// Runs the work. `report`: None, or called as report(phase, share, detail) a few times a second. On
// Ctrl-C, and where `report` raises, the work is asked to stop and that exception is raised once it
// has ended.
void run_long(const nanobind::object& report, const std::function<void(Watch&)>& work);

}  // namespace cipherfit::python
