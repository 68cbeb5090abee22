#include "cli/owner_steps.h"

#include "cipherfit/io/container.h"
#include "cipherfit/protocol/owner/job_owner.h"
#include "cipherfit/protocol/owner/secret_key_file.h"
#include "common/signals.h"

#include <set>
#include <string>
#include <utility>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;

// Shows bytes on the line, and stops the work where a signal asked for that.
ByteProgress show_bytes(ProgressLine& line) {
    return [&line](std::uint64_t done, std::uint64_t total) {
        check_interrupt();
        line.update(total == 0 ? -1.0 : static_cast<double>(done) / static_cast<double>(total),
                    format_bytes(static_cast<double>(done)) + " written");
    };
}

// Shows rows on the line, as the half of a phase that begins at `start`, and stops the work where a
// signal asked for that.
FeatureProgress show_rows(ProgressLine& line, const char* what, double start) {
    return [&line, what, start](Eigen::Index done, Eigen::Index total) {
        check_interrupt();
        line.update(start + 0.5 * static_cast<double>(done) / static_cast<double>(total),
                    fmt::format("{} of {} rows {}", format_count(static_cast<std::uint64_t>(done)),
                                format_count(static_cast<std::uint64_t>(total)), what));
    };
}

}  // namespace

PlannedTraining make_plan(Samples training, const RecipeOptions& recipe,
                          const FeatureOptions& features, ProgressLine& line) {
    const SetupOptions options = setup_options(recipe, features);
    require_trainable(training);
    line.phase("owner: features");
    auto extractor = fit_extractor(features, training, show_rows(line, "seen", 0.0));
    const std::string backbone = training.backbone;
    Dataset rows =
        extract(extractor.get(), std::move(training.data), show_rows(line, "transformed", 0.5));
    check_interrupt();
    line.phase("owner: rehearsal and plan");
    auto [setup, runs] = plan_run(rows, options);
    TwinReference reference = make_twin_reference(setup, runs);
    // The scaled rows: what decryption takes, of the dual.
    RowMatrix xs = setup.plan.solver() == Solver::dual ? runs.data->xs : RowMatrix();
    line.finish();
    check_interrupt();
    return {{std::move(setup), std::move(extractor), std::move(reference), std::move(xs), backbone},
            std::move(rows)};
}

nlohmann::json inputs_record(const SampleOptions& source, const Samples& training,
                             const RecipeOptions& recipe, const FeatureOptions& features) {
    return {{"training_sha256", digest_of(training.data)},
            {"options", to_json(recipe, features)},
            {"source", to_json(source, "train")}};
}

nlohmann::json to_json(const SampleOptions& source, const char* file_member) {
    const auto absolute = [](const fs::path& path) {
        return path.empty() ? std::string() : fs::absolute(path).string();
    };
    return {{file_member, absolute(source.file)},
            {"labels", absolute(source.labels)},
            {"rows", source.rows}};
}

SampleOptions source_from_json(const nlohmann::json& json, const char* file_member) {
    return {json.value(file_member, ""), json.value("labels", ""), json.value("rows", "")};
}

Samples read_planned_rows(const OwnerFiles& files, const SampleOptions& given) {
    const nlohmann::json inputs = read_json(files.inputs());
    require(!given.file.empty() || (given.labels.empty() && given.rows.empty()),
            ErrorCode::bad_input, "--labels and --train-rows go with --train FILE");
    const SampleOptions source =
        given.file.empty()
            ? source_from_json(inputs.value("source", nlohmann::json::object()), "train")
            : given;
    Samples training = read_samples(source);
    require_backbone(training, read_json(files.plan()).value("backbone", ""), source.file.string());
    require(digest_of(training.data) == inputs.value("training_sha256", ""), ErrorCode::bad_input,
            "{}: these are not the rows that the plan in {} was made for: give those, or plan anew "
            "in another directory",
            source.file.string(), files.directory.string());
    return training;
}

void require_same_inputs(const OwnerFiles& files, const nlohmann::json& now) {
    const nlohmann::json before = read_json(files.inputs());
    require(before.contains("options") && before["options"].is_object() &&
                before.contains("training_sha256"),
            ErrorCode::corrupt_data, "{}: is no record of inputs", files.inputs().string());
    require(before["training_sha256"] == now["training_sha256"], ErrorCode::bad_input,
            "{} was planned for other training rows: give those, or use another directory",
            files.directory.string());
    // Some options are recorded only if they were given.
    const auto& earlier = before["options"];
    const auto& given = now["options"];
    std::set<std::string> names;
    for (const auto* options : {&earlier, &given}) {
        for (const auto& [name, value] : options->items()) {
            names.insert(name);
        }
    }
    const auto shown = [](const nlohmann::json& options, const std::string& name) {
        return options.contains(name) ? options[name].dump() : std::string("none");
    };
    for (const std::string& name : names) {
        require(earlier.contains(name) == given.contains(name) &&
                    earlier.value(name, nlohmann::json()) == given.value(name, nlohmann::json()),
                ErrorCode::bad_input,
                "{} was planned with another {} ({} there, {} now): give the same options, or use "
                "another directory",
                files.directory.string(), name, shown(earlier, name), shown(given, name));
    }
}

SecretKey load_key(const OwnerFiles& files, const OwnerSetup& setup, Passphrase& passphrase) {
    const fs::path path = files.secret_key();
    SecretKey key = value_or_throw(read_secret_key(path, passphrase.for_key(path)));
    require(key.parameters() == setup.plan.parameters(), ErrorCode::fingerprint_mismatch,
            "{}: was made under other parameters than the plan's: use the directory that it "
            "belongs to",
            path.string());
    return key;
}

SecretKey make_keys(const OwnerFiles& files, const OwnerSetup& setup, const JobFiles& job,
                    Passphrase& passphrase, ProgressLine& line) {
    line.phase("owner: keys");
    const bool there = fs::exists(files.secret_key());
    SecretKey key =
        there ? load_key(files, setup, passphrase) : SecretKey::generate(setup.plan.parameters());
    if (!there) {
        value_or_throw(write_secret_key(files.secret_key(), key, passphrase.for_new_key()));
    }
    const Job keys_of{setup.plan, job_identity(setup.plan, key.id())};
    if (!is_complete(job.evaluation_keys(), ContainerKind::evaluation_keys, keys_of.identity,
                     {IdentityPart::parameters, IdentityPart::key, IdentityPart::plan})) {
        value_or_throw(
            write_evaluation_keys(job.evaluation_keys(), keys_of, key, show_bytes(line)));
    }
    line.finish();
    check_interrupt();
    return key;
}

ContainerIdentity encrypt_job(const OwnerFiles& files, const OwnerSetup& setup,
                              const SecretKey& key, const JobFiles& job, const Dataset& rows,
                              ProgressLine& line) {
    line.phase("owner: encryption");
    ContainerIdentity identity;
    if (fs::exists(files.job())) {
        identity = read_owner_job(files, setup.plan);
    } else {
        Nonce nonce{};
        random_bytes(nonce);
        identity = job_identity(setup.plan, key.id(), nonce);
        write_owner_job(files, identity);
    }
    const Job described{setup.plan, identity};
    const auto all = {IdentityPart::parameters, IdentityPart::key, IdentityPart::plan,
                      IdentityPart::job};
    if (setup.plan.batches() > 1) {
        if (fs::exists(job.batch(0).parent_path())) {
            remove_stale_files(job.batch(0).parent_path());
        }
        // Those that are complete stay; one that was lost on its way is sent again.
        value_or_throw(write_training_batches(job, described, key,
                                              prepare_rows(setup, rows.features, rows.labels),
                                              show_bytes(line)));
    } else if (!is_complete(job.training_data(), ContainerKind::training_data, identity, all)) {
        value_or_throw(write_training_data(job.training_data(), described, key,
                                           prepare_rows(setup, rows.features, rows.labels),
                                           show_bytes(line)));
    }
    if (!is_complete(job.plan(), ContainerKind::plan, identity, all)) {
        value_or_throw(write_plan(job.plan(), described));
    }
    line.finish();
    check_interrupt();
    return identity;
}

Head decrypt_head(const OwnerState& state, const ContainerIdentity& identity, const SecretKey& key,
                  const fs::path& model) {
    const Job job{state.setup.plan, identity};
    const RowMatrix weights =
        decrypt_model(job, key, value_or_throw(read_model(model, job)), state.scaled_rows);
    return checked_model(weights, state.setup, state.reference);
}

}  // namespace cipherfit
