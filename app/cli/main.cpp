// cipherfit: the data owner's program.
#include "cli/commands.h"
#include "cli/owner_files.h"
#include "common/program.h"
#include "common/signals.h"
#include "common/streams.h"
#include "common/system_info.h"

#include <sys/prctl.h>
#include <sys/resource.h>

namespace {

// The owner's process holds the secret: no core dump, and no other process of the user reads its
// memory. Best effort: a system without these keeps the rest of the protection.
void keep_memory_private() {
    const rlimit none{0, 0};
    static_cast<void>(setrlimit(RLIMIT_CORE, &none));
    static_cast<void>(prctl(PR_SET_DUMPABLE, 0));
}

void build(CLI::App& app) {
    using namespace cipherfit;
    app.description(
        "Trains classifiers on data that stays encrypted on the machine that trains.\n\n"
        "All in one:    cipherfit fit --train train.csv --test test.csv --out run\n"
        "New rows:      cipherfit predict --model run/model --data new.npy --out predictions.csv\n"
        "From images:   extract, then fit on the features\n"
        "Step by step:  plan, keygen, encrypt | train (on the server) | decrypt, evaluate, report\n"
        "To hand on:    export writes what may be published of a model\n"
        "Several owners: charter, member, recipient\n"
        "At a service:  jobs lists, cancels and deletes what is there\n"
        "'cipherfit COMMAND --help' explains a command.");
    app.set_version_flag("--version", version());
    app.require_subcommand(1);
    app.get_formatter()->column_width(32);
    for (const auto add : {add_extract_command,      add_fit_command,
                           add_rehearse_command,     add_plan_command,
                           add_keygen_command,       add_encrypt_command,
                           add_train_command,        add_review_command,
                           add_decrypt_command,      add_evaluate_command,
                           add_report_command,       add_export_command,
                           add_pipeline_command,     add_predict_command,
                           add_encrypt_rows_command, add_decrypt_scores_command,
                           add_inspect_command,      add_info_command,
                           add_charter_command,      add_member_command,
                           add_recipient_command,    add_jobs_command}) {
        add(app);
    }
}

}  // namespace

int main(int argc, char** argv) {
    cipherfit::open_standard_streams();
    keep_memory_private();
    cipherfit::keep_files_private();
    cipherfit::install_signal_handlers();
    return cipherfit::run_program("cipherfit", build, argc, argv);
}
