// cipherfit decrypt: the server's model in the clear, once it passed the owner's checks.
#include "cipherfit/base/parallel.h"
#include "cli/commands.h"
#include "cli/output_check.h"
#include "cli/owner_steps.h"
#include "common/streams.h"

#include <memory>

#include <fmt/format.h>

namespace cipherfit {
namespace {

struct DecryptOptions {
    std::filesystem::path owner, job, out;
    RunOptions run;
    Passphrase passphrase;
};

void decrypt_job(DecryptOptions& options) {
    set_thread_count(options.run.threads);
    OutputCheck check;
    check.reads("--passphrase-file", options.passphrase.file());
    check.keeps_owner_and_job(options.owner, options.job);
    check.makes("--out", options.out);
    check.check();
    OwnerSession session = OwnerSession::open(options.owner);
    static_cast<void>(session.identity());  // before a passphrase is asked for
    load_key(session, options.passphrase);
    const Head head = session.decrypt(DirectoryStore(options.job));
    const TwinReference& reference = session.reference();
    write_model(options.out, {head, reference.head}, session.state());
    print_summary(
        "  {:<22}{}, {} classes x {} (bias first)\n  {:<22}differ by at most {:.1e} from "
        "the plaintext twin's (predicted below {:.1e})\n",
        "model", (options.out / "weights.npy").string(), head.classes(), head.features() + 1,
        "weights", largest_weight_error(head, reference.head), reference.weight_error_bound);
}

}  // namespace

void add_decrypt_command(CLI::App& app) {
    CLI::App* command = app.add_subcommand(
        "decrypt", "Decrypt the server's model, check it and write it for NumPy");
    command->footer(
        "Example:\n"
        "  cipherfit decrypt --owner private --job job --out model\n\n"
        "Reads job/model.cft. Writes weights.npy (classes x features + 1, bias first, float64, "
        "for\n"
        "features as they are in the file), model.json (class names, preprocessing, how to use it\n"
        "in NumPy) and, for images, features.json: private, see 'cipherfit export'. A model that "
        "is\n"
        "not finite, that the modulus chain cannot hold, or that leaves the predicted error bound\n"
        "is refused, and so is any other model after the first: the key is then used up.");
    auto options = std::make_shared<DecryptOptions>();
    command->add_option("--owner", options->owner, "The owner's private directory")
        ->required()
        ->type_name("DIR");
    command->add_option("--job", options->job, "The job directory with the server's model")
        ->required()
        ->type_name("DIR");
    command->add_option("--out", options->out, "Directory for the model")
        ->required()
        ->type_name("DIR");
    options->passphrase.add_options(*command);
    add_run_options(*command, options->run);
    command->callback([options] { decrypt_job(*options); });
}

}  // namespace cipherfit
