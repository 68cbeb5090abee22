// cipherfit member and recipient: one member's work under a charter of several owners.
#include "cipherfit/base/parallel.h"
#include "cipherfit/io/file.h"
#include "cipherfit/parties/owner/member_home.h"
#include "cli/commands.h"
#include "cli/joint_steps.h"
#include "cli/named_output.h"
#include "cli/output_check.h"
#include "cli/samples.h"
#include "cli/table_options.h"
#include "common/signals.h"
#include "common/streams.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;

struct MemberOptions {
    MemberPlaces places;
    RunOptions run;
    fs::path json;
};

void add_common(CLI::App& command, MemberOptions& options) {
    add_member_places(command, options.places);
    add_run_options(command, options.run);
}

void check_places(MemberOptions& options) {
    options.places.quiet = options.run.quiet;
    OutputCheck check;
    check.keeps("--identity", options.places.remote.identity);
    check.keeps("--member", options.places.member);
    check.keeps("--charter", options.places.charter);
    check.sends("--charter", options.places.charter);
    check.writes("--json", options.json);
    check.check();
    set_thread_count(options.run.threads);
}

struct NewOptions {
    fs::path member, card;
    std::string name;
};

void new_member(const NewOptions& options) {
    OutputCheck check;
    check.makes("--member", options.member);
    check.writes("--card", options.card);
    check.check();
    const MemberHome home = value_or_throw(MemberHome::create(options.member, options.name));
    const auto card = to_bytes(home.card());
    if (!options.card.empty()) {
        value_or_throw(write_file(options.card, card, {.named_by_user = true}));
    }
    print_summary("  {:<22}{}  (keep it; nobody else gets it)\n  {:<22}{}\n  {:<22}{}\n",
                  "private keys", options.member.string(), "card, to hand out",
                  (options.card.empty() ? home.card_file() : options.card).string(), "fingerprint",
                  fingerprint(home.card().identity, home.card().sealing));
}

void add_new(CLI::App& app) {
    CLI::App* command = app.add_subcommand("new", "Make a member's keys, and the card to hand out");
    command->footer(
        "Example:\n"
        "  cipherfit member new --member private --name 'Clinic North' --card north.card\n\n"
        "The private directory gets mode 0700, and keys in it are never replaced. One member can\n"
        "take part in any number of charters, but brings each row to one of them only.");
    auto options = std::make_shared<NewOptions>();
    command->add_option("--member", options->member, "The member's private directory, to be made")
        ->required()
        ->type_name("DIR");
    command->add_option("--name", options->name, "The name that the others see")->required();
    command->add_option("--card", options->card, "Write the card there as well")->type_name("FILE");
    command->callback([options] { new_member(*options); });
}

void step(MemberOptions& options) {
    check_places(options);
    JointSession session(options.places);
    const bool without_rows = session->is_contributor() && !session->has_rows();
    const bool done = run_steps(
        options.places, session, [&] { return session->step(); },
        "the keys are made and all statistics are uploaded");
    if (done && session.service() != nullptr) {
        session.service()->start_if_ready();
    }
    if (!done && without_rows) {
        print_summary("  {:<22}bring this member's rows: cipherfit member contribute\n", "next");
    }
}

void add_step(CLI::App& app) {
    CLI::App* command = app.add_subcommand(
        "step",
        "Do whatever round of the keys or of the statistics is due, and say what is missing");
    command->footer(
        "Example:\n"
        "  cipherfit member step --member private --charter study --wait 600\n\n"
        "Everything is stored before it is sent, and sent again as it was where it got lost: the\n"
        "command can be stopped at any point and given again, as often as one likes.");
    auto options = std::make_shared<MemberOptions>();
    add_common(*command, *options);
    add_wait_option(*command, options->places.wait_seconds);
    command->callback([options] { step(*options); });
}

struct ContributeOptions : MemberOptions {
    SampleOptions train;
};

// The file's rows in the order of the charter's classes. The file must have the charter's columns.
JointRows read_rows(const SampleOptions& options, const Charter& charter) {
    const StopAtOnce reading;
    Samples samples = read_samples(options);
    JointRows rows{.features = samples.data.features, .labels = {}};
    require(samples.data.feature_count() == charter.features.size(), ErrorCode::bad_input,
            "{}: has {} features, and the charter has {}", samples.file,
            samples.data.feature_count(), charter.features.size());
    const std::vector<std::string> names = samples.data.table.feature_names();
    const bool named = names.size() == charter.features.size() && charter.features[0] != "x1";
    for (std::size_t j = 0; named && j < names.size(); ++j) {
        require(names[j] == charter.features[j], ErrorCode::bad_input,
                "{}: column '{}' stands where the charter has '{}'", samples.file, names[j],
                charter.features[j]);
    }
    auto labels = map_labels(samples.data, charter.classes);
    require(labels.has_value(), ErrorCode::bad_input, "{}: {}", samples.file,
            labels ? "" : labels.error().message);
    rows.labels = std::move(*labels);
    return rows;
}

void contribute(ContributeOptions& options) {
    OutputCheck check;
    check.reads("--train", options.train);
    check.keeps("--charter", options.places.charter);
    check.check();
    check_places(options);
    JointSession session(options.places);
    const JointRows rows = read_rows(options.train, session->charter());
    session->bring_rows(rows);
    print_summary("  {:<22}{} of {} features, kept for this charter alone\n", "rows",
                  rows.features.rows(), rows.features.cols());
    run_steps(
        options.places, session, [&] { return session->step(); },
        "the keys are made and all statistics are uploaded");
}

void add_contribute(CLI::App& app) {
    CLI::App* command = app.add_subcommand(
        "contribute", "Bring this member's rows to a charter, and go on as 'step' does");
    command->footer(
        "Example:\n"
        "  cipherfit member contribute --member private --charter study --train mine.csv\n\n"
        "The rows stay here. What leaves are masked sums of which only the total over all\n"
        "contributors can be known, and two matrices of sums, encrypted. Rows that went into\n"
        "another charter are refused: the difference of two sums would show what others added.");
    auto options = std::make_shared<ContributeOptions>();
    add_common(*command, *options);
    add_train_options(*command, options->train, true);
    add_training_table_options(*command, options->train.table);
    add_wait_option(*command, options->places.wait_seconds);
    command->callback([options] { contribute(*options); });
}

void require_uploads(JointSession& session) {
    require(session->step().done, ErrorCode::bad_input,
            "the keys and statistics are not complete yet: take the member's steps first, which "
            "say whom they wait for");
}

void verify(MemberOptions& options) {
    check_places(options);
    JointSession session(options.places);
    require_uploads(session);
    if (session.service() != nullptr) {
        session.service()->fetch_result();
    }
    ProgressLine line(options.run.quiet);
    const auto verified = session->verify(shown_progress(line), stop_on_signal());
    line.finish();
    print_summary("  {:<22}{}\n  {:<22}{}\n", "the server's result",
                  verified.was_done ? "was recomputed before, and is the same"
                                    : "recomputed, the same bit for bit",
                  "digest", spoken(verified.digest));
    if (!options.json.empty()) {
        write_named_json(options.json, {{"digest", to_hex(verified.digest)},
                                        {"was_done", verified.was_done},
                                        {"aggregate_seconds", verified.times.aggregate},
                                        {"train_seconds", verified.times.train}});
    }
}

void add_verify(CLI::App& app) {
    CLI::App* command = app.add_subcommand(
        "verify", "Recompute the training, and compare it with what the server shows");
    command->footer(
        "Example:\n"
        "  cipherfit member verify --member private --charter study\n\n"
        "Joint keys, sums and iterations are computed from the members' signed messages. Only\n"
        "what comes out the same is ever released: a server that trained on anything else, or\n"
        "shows a ciphertext of its own making, gets nothing.");
    auto options = std::make_shared<MemberOptions>();
    add_common(*command, *options);
    command->add_option("--json", options->json, "Write the digest and the times there")
        ->type_name("FILE");
    command->callback([options] { verify(*options); });
}

void release(MemberOptions& options) {
    check_places(options);
    JointSession session(options.places);
    require_uploads(session);
    run_steps(
        options.places, session, [&] { return session->release(); },
        "this member's part in the release");
}

void add_release(CLI::App& app) {
    CLI::App* command = app.add_subcommand(
        "release", "Attest the verified result, and send the recipient this holder's share");
    command->footer(
        "Example:\n"
        "  cipherfit member release --member private --charter study --wait 600\n\n"
        "Needs 'cipherfit member verify' and the recipient's request. Shares are sent once all\n"
        "holders that were asked have attested. There is one release under a charter.");
    auto options = std::make_shared<MemberOptions>();
    add_common(*command, *options);
    add_wait_option(*command, options->places.wait_seconds);
    command->callback([options] { release(*options); });
}

struct OpenOptions : MemberOptions {
    fs::path out;
    std::vector<unsigned> holders;
};

void write_released(const fs::path& directory, const Head& head, const FeatureExtractor* extractor,
                    const MemberSession& session) {
    make_owner_directory(directory);
    if (extractor != nullptr) {
        save_feature_extractor(*extractor, directory / "features.json");
    }
    write_named_npy(directory / "weights.npy", head.weights);
    nlohmann::json json{{"format", 1},
                        {"classes", head.classes()},
                        {"features", head.features()},
                        {"class_names", head.class_names},
                        {"feature_extractor", nullptr},
                        {"backbone", ""},
                        {"charter", to_hex(charter_digest(session.charter()))},
                        {"released", true},
                        {"preprocessing_is_in_the_weights", true},
                        {"usage",
                         "import numpy as np; W = np.load('weights.npy'); predictions = "
                         "np.array(class_names)[(X @ W[:, 1:].T + W[:, 0]).argmax(axis=1)]"}};
    if (extractor != nullptr) {
        json["feature_extractor"] = "features.json";
    }
    write_named_json(directory / "model.json", json);  // last: the weights are there with it
}

void open_model(OpenOptions& options) {
    OutputCheck check;
    check.makes("--out", options.out);
    check.keeps("--charter", options.places.charter);
    check.sends("--charter", options.places.charter);
    check.check();
    check_places(options);
    JointSession session(options.places);
    require_uploads(session);
    if (session.service() != nullptr) {
        session.service()->fetch_result();
    }
    std::optional<Head> model;
    std::unique_ptr<FeatureExtractor> extractor;
    ProgressLine line(options.run.quiet);
    run_steps(
        options.places, session,
        [&] {
            auto opened =
                session->open_model(options.holders, shown_progress(line), stop_on_signal());
            line.finish();
            model = std::move(opened.model);
            extractor = std::move(opened.extractor);
            return opened.report;
        },
        "all shares are there");
    if (!model) {
        return;
    }
    write_released(options.out, *model, extractor.get(), *session);
    print_summary("  {:<22}{}, {} classes x {} (bias first)\n", "model",
                  (options.out / "weights.npy").string(), model->classes(), model->features() + 1);
}

void add_open(CLI::App& app) {
    CLI::App* command = app.add_subcommand(
        "open", "Ask the key holders for the model, once, and open it when all have answered");
    command->footer(
        "Example:\n"
        "  cipherfit recipient open --member private --charter study --out model --wait 600\n\n"
        "The training is recomputed first, as 'member verify' does: the one request is not spent "
        "on\n"
        "what a server has made up. The first call names the holders, by their numbers in the "
        "charter's order of holders,\n"
        "from 1: the first that are needed, unless told otherwise. They cannot be changed: "
        "another\n"
        "set would be another release. 'cipherfit predict' takes the model's directory.");
    auto options = std::make_shared<OpenOptions>();
    add_common(*command, *options);
    command->add_option("--out", options->out, "Directory for the model")
        ->required()
        ->type_name("DIR");
    command
        ->add_option("--holders", options->holders,
                     "The holders to ask, as many as open the model: 1 is the first of them")
        ->delimiter(',')
        ->allow_extra_args(false)
        ->type_name("N,...");
    add_wait_option(*command, options->places.wait_seconds);
    command->callback([options] { open_model(*options); });
}

}  // namespace

void add_member_command(CLI::App& app) {
    CLI::App* command =
        app.add_subcommand("member", "Several owners: one member's keys, rows and checks");
    command->require_subcommand(1);
    command->footer("docs/guides/several-hospitals.md walks through it.");
    add_new(*command);
    add_step(*command);
    add_contribute(*command);
    add_verify(*command);
    add_release(*command);
}

void add_recipient_command(CLI::App& app) {
    CLI::App* command =
        app.add_subcommand("recipient", "Several owners: the member who gets the model");
    command->require_subcommand(1);
    add_open(*command);
}

}  // namespace cipherfit
