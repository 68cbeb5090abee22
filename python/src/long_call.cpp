#include "long_call.h"

#include "cipherfit/base/error.h"

#include <chrono>
#include <condition_variable>
#include <csignal>
#include <exception>
#include <nanobind/stl/string.h>
#include <thread>
#include <utility>

namespace cipherfit::python {

namespace nb = nanobind;

void Watch::check() const {
    require(!stop_.stop_requested(), ErrorCode::interrupted, "stopped: what was finished is kept");
}

void Watch::phase(const std::string& name) {
    check();
    const std::scoped_lock lock(mutex_);
    told_ = {name, "", -1.0};
    changed_ = true;
}

void Watch::progress(double share, const std::string& detail) {
    check();
    const std::scoped_lock lock(mutex_);
    told_.share = share;
    told_.detail = detail;
    changed_ = true;
}

void Watch::on_progress(const Progress& progress) {
    const char* phase = nullptr;
    double share = progress.total == 0
                       ? -1.0
                       : static_cast<double>(progress.done) / static_cast<double>(progress.total);
    std::string detail;
    switch (progress.phase) {
        case Progress::Phase::make_keys:
            phase = "keys";
            break;
        case Progress::Phase::encrypt:
            phase = "encryption";
            break;
        case Progress::Phase::decrypt:
            phase = "decryption";
            break;
        case Progress::Phase::load_keys:
        case Progress::Phase::load_data:
            phase = "server: loading";
            break;
        case Progress::Phase::prepare:
            phase = "server: preparing the features";
            break;
        case Progress::Phase::train:
            phase = "server: training";
            share = progress.work_done;
            detail = fmt::format("iteration {} of {}, level {}", progress.done, progress.total,
                                 progress.level);
            break;
        case Progress::Phase::write:
            phase = "server: writing the model";
            break;
        case Progress::Phase::score:
            phase = "server: scores";
            break;
    }
    // A stop is the session's to see, at its next safe point.
    const std::scoped_lock lock(mutex_);
    told_ = {phase, std::move(detail), share};
    changed_ = true;
}

void Watch::process(int number) {
    process_ = number;
    if (number > 0 && stop_.stop_requested()) {
        ::kill(number, SIGINT);
    }
}

bool Watch::take(Told& told) {
    const std::scoped_lock lock(mutex_);
    told = told_;
    return std::exchange(changed_, false);
}

void Watch::stop() {
    stop_.request_stop();
    // The first asks the server to finish its iteration, a second one ends it at once.
    if (const int process = process_; process > 0) {
        ::kill(process, SIGINT);
    }
}

void run_long(const nb::object& report, const std::function<void(Watch&)>& work) {
    constexpr auto moment = std::chrono::milliseconds(100);
    Watch watch;
    std::mutex mutex;
    std::condition_variable ended;
    bool done = false;
    std::exception_ptr failure, raised;
    std::thread worker([&] {
        try {
            work(watch);
        } catch (...) {
            failure = std::current_exception();
        }
        const std::scoped_lock lock(mutex);
        done = true;
        ended.notify_all();
    });
    for (bool going = true; going;) {
        {
            const nb::gil_scoped_release released;
            std::unique_lock lock(mutex);
            going = !ended.wait_for(lock, moment, [&] { return done; });
        }
        if (!going) {
            break;
        }
        try {
            if (PyErr_CheckSignals() != 0) {
                throw nb::python_error();
            }
            if (Watch::Told told; !raised && !report.is_none() && watch.take(told)) {
                report(told.phase, told.share, told.detail);
            }
        } catch (...) {
            raised = std::current_exception();
            watch.stop();
        }
    }
    worker.join();
    if (raised) {
        std::rethrow_exception(raised);
    }
    if (failure) {
        std::rethrow_exception(failure);
    }
}

}  // namespace cipherfit::python
