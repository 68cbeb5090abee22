// cipherfit-server: trains on the ciphertexts of a job directory, or serves clients who send such
// jobs. It links no code that knows what a secret key is.
#include "common/number_option.h"
#include "common/program.h"
#include "common/signals.h"
#include "common/streams.h"
#include "common/system_info.h"
#include "server/commands.h"
#include "server/work.h"

#include <array>
#include <memory>
#include <string_view>

namespace {

using namespace cipherfit;

struct Command {
    std::string_view word;
    const char* program;
    void (*build)(CLI::App&);
};
constexpr std::array commands{Command{"serve", "cipherfit-server serve", build_serve},
                              Command{"init-pki", "cipherfit-server init-pki", build_init_pki},
                              Command{"audit", "cipherfit-server audit", build_audit},
                              Command{"run", "cipherfit-server run", build_run}};

void build_work(CLI::App& app) {
    app.description(
        "Trains on the ciphertexts of a job directory, or scores them, without any secret.\n"
        "Reads plan.cft, evaluation_keys.cft and training_data.cft or batches/; leaves model.cft "
        "and\n"
        "server_report.json. Stopped or killed, it goes on from checkpoint.cft when it is\n"
        "started again. SIGINT or SIGTERM stops it after the current iteration, a second\n"
        "one at once.\n\n"
        "Where the directory has prediction_plan.cft, it scores rows.cft instead and leaves\n"
        "scores.cft: with encrypted_model.cft, or with a model of its own by --model.\n\n"
        "Where it has charter.bin, of several owners, it makes the joint keys, adds up the "
        "uploads,\ntrains and leaves result.bin, once all members have sent their messages.\n\n"
        "Commands that take the place of the job directory, each with its own --help:\n"
        "  serve      take jobs from clients with certificates, queue and run them\n"
        "  init-pki   make a small certificate authority for a trial\n"
        "  audit      verify the service's audit log\n"
        "  run        what the service starts for each job: confined to its directory\n"
        "A directory of such a name is given as ./serve.");
    app.set_version_flag("--version", version());
    const auto options = std::make_shared<WorkOptions>();
    app.add_option("job", options->job, "The job directory")->required();
    add_run_options(app, options->run);
    app.add_option("--model", options->model,
                   "The server's own model to score with: a directory with weights.npy")
        ->type_name("DIR");
    add_training_options(app, *options);
    app.add_option("--wait", options->wait_seconds,
                   "Of several owners: how many seconds to look for what is missing; 0: look once")
        ->capture_default_str()
        ->check(real_number(0, 1e9))
        ->type_name("SECONDS");
    app.callback([options] { work_on(*options); });
}

}  // namespace

int main(int argc, char** argv) {
    open_standard_streams();
    install_signal_handlers();
    // A program whose first word is a command is the program of that command.
    for (const auto& command : commands) {
        if (argc > 1 && command.word == argv[1]) {
            return run_program(command.program, command.build, argc - 1, argv + 1);
        }
    }
    return run_program("cipherfit-server", build_work, argc, argv);
}
