// cipherfit-server serve.
#include "common/number_option.h"
#include "common/signals.h"
#include "common/streams.h"
#include "common/test_parameters.h"
#include "server/commands.h"
#include "service/journal.h"
#include "service/rpc/rpc_server.h"
#include "service/sandbox.h"

#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <memory>
#include <string>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

std::atomic<bool> reload_asked{false};

// Each connection and each file on its way takes a descriptor.
void allow_descriptors() {
    rlimit limits{};
    if (::getrlimit(RLIMIT_NOFILE, &limits) == 0) {
        limits.rlim_cur = limits.rlim_max;
        static_cast<void>(::setrlimit(RLIMIT_NOFILE, &limits));
    }
}

std::vector<std::string> arguments_of(const service::JobLaunch& launch) {
    const auto text = [](auto number) { return std::to_string(number); };
    return {"run",
            launch.directory.string(),
            "--parent",
            text(launch.parent),
            "--memory-limit",
            text(launch.memory_bytes),
            "--file-limit",
            text(launch.file_bytes),
            "--threads",
            text(launch.threads),
            "--machine-progress",
            "--keep-checkpoints",
            text(launch.choices.keep_every),
            "--checkpoint-every",
            text(launch.choices.checkpoint_every),
            "--review-every",
            text(launch.choices.review_every)};
}

// The service holds the key of its certificate.
void keep_memory_private() {
    const rlimit none{0, 0};
    static_cast<void>(::setrlimit(RLIMIT_CORE, &none));
    static_cast<void>(::prctl(PR_SET_DUMPABLE, 0));
}

void reload(service::Certificates& certificates, service::Service& running) {
    try {
        certificates.reload();
    } catch (const std::exception& error) {
        service::log_warning("certificates_kept", {{"error", error.what()}});
        return;
    }
    service::log_info("certificates_reloaded", nlohmann::json::object());
    try {
        running.audit().add({.who = "server", .what = "reload certificates"});
    } catch (const std::exception& error) {  // they are in force all the same
        service::log_warning("audit", {{"error", error.what()}});
    }
}

void serve(const service::Settings& given) {
    keep_memory_private();
    service::Settings settings = given;
    settings.tests = test_parameters();
    settings.data = std::filesystem::absolute(settings.data);
    settings.program = std::filesystem::read_symlink("/proc/self/exe");
    settings.arguments = arguments_of;
    std::filesystem::create_directories(settings.data);
    settings.lacking = service::lacking_confinement(settings.data);
    const std::stop_token stop = stop_on_signal();
    struct sigaction action{};
    action.sa_handler = [](int) { reload_asked = true; };
    static_cast<void>(::sigaction(SIGHUP, &action, nullptr));
    allow_descriptors();
    service::log_for_grpc();
    service::Certificates certificates(settings.pki);
    service::Service running(settings);
    service::RpcServer server(running, certificates);
    const std::string host = settings.listen.substr(0, settings.listen.rfind(':'));
    print_answer("listening on {}:{}\n", host, server.port());
    service::log_info("listening", {{"host", host}, {"port", server.port()}});
    while (!stop.stop_requested()) {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        if (reload_asked.exchange(false)) {
            reload(certificates, running);
        }
    }
    service::log_info("ending", nlohmann::json::object());
    running.shutdown();
    server.shutdown();
    service::log_info("ended", nlohmann::json::object());
}

void add_limits(CLI::App& command, service::Settings& settings) {
    const CLI::AsSizeValue size(true);
    command
        .add_option("--memory", settings.memory_bytes,
                    "Memory that jobs may have together, e.g. 12GB; 0: the machine's less a tenth")
        ->capture_default_str()
        ->transform(size);
    command
        .add_option(
            "--max-work", settings.most_work,
            "The most work of a training, in transforms of a residue polynomial; 0: no limit")
        ->capture_default_str()
        ->check(real_number(0, 1e30));
    command
        .add_option("--max-hours", settings.job_hours, "The longest that a job runs; 0: no limit")
        ->capture_default_str()
        ->check(real_number(0, 1e6));
    command
        .add_option("--disk-reserve", settings.disk_reserve_bytes, "Disk that stays free, e.g. 5GB")
        ->capture_default_str()
        ->transform(size);
    command.add_option("--quota", settings.quota_bytes, "Bytes of one client's jobs; 0: no limit")
        ->capture_default_str()
        ->transform(size);
    command.add_option("--quota-jobs", settings.quota_jobs, "Jobs of one client; 0: no limit")
        ->capture_default_str();
    command
        .add_option("--quota-hours", settings.quota_hours,
                    "Hours of one client's jobs in 30 days; 0: no limit")
        ->capture_default_str()
        ->check(real_number(0, 1e6));
    command
        .add_option("--retention-hours", settings.retention_hours,
                    "For how long a job that has ended is kept; 0: for ever")
        ->capture_default_str()
        ->check(real_number(0, 1e6));
}

}  // namespace

void build_serve(CLI::App& app) {
    app.description("Take jobs from clients with certificates, queue them and run them");
    CLI::App* command = &app;
    command->footer(
        "Example:\n"
        "  cipherfit-server serve --listen 127.0.0.1:7443 --data DIR --pki PKI/server\n\n"
        "Prints where it listens, then logs JSON lines on stderr. SIGTERM lets iterations end,\n"
        "keeps their checkpoints and ends; SIGHUP reads the certificates again. Killed at any\n"
        "moment, it goes on where it was when it is started again.");
    const auto settings = std::make_shared<service::Settings>();
    app.set_config("--config", "", "A file with these options, as 'listen = \"0.0.0.0:7443\"'");
    app.allow_config_extras(false);
    command->add_option("--listen", settings->listen, "Where to listen; port 0: one that is free")
        ->capture_default_str()
        ->type_name("HOST:PORT");
    command->add_option("--data", settings->data, "Where jobs, database and audit log are kept")
        ->required()
        ->type_name("DIR");
    command
        ->add_option("--pki", settings->pki,
                     "ca.pem, cert.pem, key.pem and, if there is one, crl.pem")
        ->required()
        ->type_name("DIR");
    command
        ->add_option("--metrics", settings->metrics,
                     "Where Prometheus reads /metrics, without encryption; empty: nowhere")
        ->type_name("HOST:PORT");
    command->add_option("--jobs", settings->parallel_jobs, "Jobs that run at once")
        ->capture_default_str()
        ->transform(whole_number(1, 256));
    command
        ->add_option("--threads", settings->threads,
                     "Threads of each job; 0: the processors divided among the jobs")
        ->capture_default_str()
        ->transform(whole_number(0, 4096));
    add_limits(*command, *settings);
    command
        ->add_option("--stall-seconds", settings->stall_seconds,
                     "When an upload ends on which nothing arrives")
        ->capture_default_str()
        ->check(real_number(1, 86'400));
    command
        ->add_option("--shutdown-seconds", settings->shutdown_seconds,
                     "How long the end waits for iterations")
        ->capture_default_str()
        ->check(real_number(0, 86'400));
    command->callback([settings] { serve(*settings); });
}

}  // namespace cipherfit
