// The extension cipherfit._remote: the owner's side of the service. No rows and no keys come here.
#include "bindings.h"
#include "cipherfit/io/file.h"
#include "cipherfit/parties/charter_files.h"
#include "cipherfit/protocol/job_files.h"
#include "long_call.h"
#include "remote/charter_exchange.h"
#include "remote/job_exchange.h"

#include <algorithm>
#include <filesystem>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>
#include <string>
#include <utility>
#include <vector>

namespace cipherfit::python {
namespace {

namespace fs = std::filesystem;

std::string size_text(std::uint64_t bytes) {
    constexpr double mega = 1e6;
    return fmt::format("{:.1f} MB", static_cast<double>(bytes) / mega);
}

// Tells the watch what the client does, and ends it when a stop was asked for.
class Watched final : public ServiceObserver {
  public:
    explicit Watched(Watch& watch) : watch_(watch) {}
    void on_idle() override { watch_.check(); }
    void on_upload(const std::string& name, std::uint64_t done, std::uint64_t total) override {
        transfer("sending " + name, done, total);
    }
    void on_download(const std::string& name, std::uint64_t done, std::uint64_t total) override {
        transfer("getting " + name, done, total);
    }
    void on_job(const RemoteJob& job) override {
        if (job.state == RemoteState::queued) {
            begin("service: in the queue");
            watch_.progress(-1.0, job.queue_position == 0
                                      ? std::string()
                                      : fmt::format("{} before it", job.queue_position));
        } else if (job.state == RemoteState::running && job.progress) {
            phase_.clear();
            watch_.on_progress(*job.progress);
        }
    }
    void on_trouble(const std::string& reason) override {
        watch_.progress(-1.0, "trying again: " + reason);
    }

  private:
    void begin(const std::string& phase) {
        if (phase != phase_) {
            phase_ = phase;
            watch_.phase(phase);
        }
    }
    void transfer(const std::string& phase, std::uint64_t done, std::uint64_t total) {
        begin(phase);
        watch_.progress(total == 0 ? -1.0 : static_cast<double>(done) / static_cast<double>(total),
                        fmt::format("{} of {}", size_text(done), size_text(total)));
    }

    Watch& watch_;
    std::string phase_;
};

// A service and who asks it. Every call makes a connection of its own.
class Service {
  public:
    Service(const std::string& address, const fs::path& identity, double patience_seconds)
        : address_(checked_address(address)), identity_(read_identity(identity)) {
        require(patience_seconds >= 0, ErrorCode::invalid_argument,
                "patience={}: give seconds, 0 or more", patience_seconds);
        limits_.silence_seconds = patience_seconds;
        limits_.contact_seconds = std::min(limits_.contact_seconds, patience_seconds);
    }

    template <class Work>
    void call(const nb::object& report, const Work& work) const {
        run_long(report, [&](Watch& watch) {
            watch.phase("service: connecting");
            Watched observer(watch);
            ServiceClient client(address_, identity_, observer, limits_);
            work(client, client.greet());
        });
    }

  private:
    std::string address_;
    ServiceIdentity identity_;
    RetryLimits limits_;
};

nb::tuple info(const Service& service) {
    ServerFacts facts;
    service.call(nb::none(),
                 [&](ServiceClient& /*client*/, ServerFacts found) { facts = std::move(found); });
    return nb::make_tuple(facts.version, facts.api, facts.client);
}

nb::tuple to_tuple(const RemoteJob& job) {
    return nb::make_tuple(job.id, std::string(name(job.state)), job.label, job.reason,
                          job.queue_position, job.created_at, job.started_at, job.finished_at);
}

nb::list jobs(const Service& service, unsigned limit) {
    std::vector<RemoteJob> found;
    service.call(nb::none(),
                 [&](ServiceClient& client, const ServerFacts&) { found = client.jobs(limit); });
    nb::list list;
    for (const RemoteJob& job : found) {
        list.append(to_tuple(job));
    }
    return list;
}

void train(const Service& service, const fs::path& directory, unsigned checkpoint_every,
           const nb::object& report) {
    require(fs::is_directory(directory), ErrorCode::bad_input, "{}: is no directory of a job",
            directory.string());
    const auto lock = value_or_throw(DirectoryLock::acquire(directory));
    if (fs::exists(directory / contents::model)) {
        return;
    }
    service.call(report, [&](ServiceClient& client, const ServerFacts&) {
        JobExchange job(client, directory);
        RemoteTraining training;
        training.checkpoint_every = checkpoint_every;
        static_cast<void>(job.create(training));
        RemoteJob now = job.submit();
        while (now.state == RemoteState::queued || now.state == RemoteState::running) {
            now = job.follow([](const RemoteJob&) { return true; });
        }
        require_success(client, now);
        job.fetch();
    });
}

void forget(const Service& service, const fs::path& directory) {
    service.call(nb::none(), [&](ServiceClient& client, const ServerFacts&) {
        JobExchange job(client, directory);
        static_cast<void>(job.find());
        job.remove();
    });
}

void with_charter(const Service& service, const fs::path& directory,
                  const std::vector<std::string>& clients, bool and_train,
                  const nb::object& report) {
    const std::string id =
        to_hex(charter_digest(value_or_throw(read_charter(CharterFiles{directory})).charter));
    service.call(report, [&](ServiceClient& client, const ServerFacts&) {
        CharterExchange exchange(client, directory, id, clients);
        exchange.synchronise();
        if (!and_train) {
            return;
        }
        exchange.start_if_ready();
        // The stream of a charter goes on when the training has ended: more may be posted.
        const RemoteJob now = client.watch(Shelf::charter, id, [](const RemoteJob& job) {
            return job.state == RemoteState::queued || job.state == RemoteState::running;
        });
        require(now.state != RemoteState::uploading, ErrorCode::bad_input,
                "{}: messages of members are missing there still: have all of them take their "
                "steps first",
                client.address());
        require_success(client, now);
        exchange.synchronise();
    });
}

}  // namespace
}  // namespace cipherfit::python

NB_MODULE(_remote, module) {
    using namespace cipherfit;
    using namespace cipherfit::python;
    module.doc() = "Calls of a service. Use cipherfit.Client.";
    translate_errors();
    nb::class_<Service>(module, "Service", "A service and who asks it.")
        .def(nb::init<const std::string&, const fs::path&, double>(), nb::arg("address"),
             nb::arg("identity"), nb::arg("patience_seconds"))
        .def("info", &info, "Version, version of the interface, and the name of this client.")
        .def("jobs", &jobs, nb::arg("limit"))
        .def("train", &train, nb::arg("directory"), nb::arg("checkpoint_every"),
             nb::arg("report") = nb::none())
        .def("forget", &forget, nb::arg("directory"))
        .def(
            "cancel",
            [](const Service& service, const std::string& id) {
                service.call(nb::none(), [&](ServiceClient& client, const ServerFacts&) {
                    static_cast<void>(client.cancel(id));
                });
            },
            nb::arg("id"))
        .def(
            "forget_id",
            [](const Service& service, const std::string& id) {
                service.call(nb::none(), [&](ServiceClient& client, const ServerFacts&) {
                    client.remove(Shelf::job, id);
                });
            },
            nb::arg("id"))
        .def("with_charter", &with_charter, nb::arg("directory"), nb::arg("clients"),
             nb::arg("and_train"), nb::arg("report") = nb::none());
}
