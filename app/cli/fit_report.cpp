#include "cli/fit_report.h"

#include "cipherfit/base/parallel.h"
#include "cipherfit/train/cost.h"
#include "cipherfit/train/owner/metrics.h"
#include "cli/metrics_text.h"
#include "common/progress_line.h"
#include "common/system_info.h"

#include <cmath>
#include <utility>

namespace cipherfit {
namespace {

using nlohmann::json;

// arXiv 2304.03807, its tables and its public logs.
json paper_figures() {
    return {{"source", "arXiv 2304.03807"}, {"iterations", 2}, {"test_accuracy", 0.2149},
            {"train_seconds", 1260},        {"vcpus", 64},     {"upload_ciphertexts", 6},
            {"peak_memory_bytes", 19.4e9}};
}

// Its recipe, or its data: 128 images, 400 features of RegNetX-400MF, ten classes.
bool is_the_papers(const json& figures) {
    return figures.at("preset") == "chiang2023" ||
           (figures.at("samples") == 128 && figures.at("features") == 400 &&
            figures.at("classes") == 10);
}

json file_bytes(const std::filesystem::path& path) {
    std::error_code error;
    const auto size = std::filesystem::file_size(path, error);
    return error ? json() : json(size);
}

// Members of the server's report, which comes from outside: numbers and short strings or nothing.
json member(const json& object, const char* name) {
    const auto found = object.find(name);
    const bool usable =
        found != object.end() &&
        (found->is_number() || (found->is_string() && found->get<std::string>().size() <= 64));
    return usable ? *found : json();
}

json seconds_per_iteration(const json& server) {
    const json all = member(server, "iterations");
    const json resumed = member(server, "resumed_at");
    const json seconds = member(server, "training_seconds");
    if (!all.is_number() || !resumed.is_number() || !seconds.is_number() ||
        all.get<double>() <= resumed.get<double>()) {
        return {};
    }
    return seconds.get<double>() / (all.get<double>() - resumed.get<double>());
}

std::string percent(const json& share) {
    return fmt::format("{:.2f} %", 100 * share.get<double>());
}

std::string duration(const json& figures, const char* name) {
    const auto& value = figures.at(name);
    return value.is_number() ? format_seconds(value.get<double>()) : "not measured";
}

std::string bytes(const json& figures, const char* name) {
    const auto& value = figures.at(name);
    return value.is_number() ? format_bytes(value.get<double>()) : "unknown";
}

std::string correct(const json& figures, const char* accuracy) {
    return fmt::format("{:>8}  on {} test rows", percent(figures.at(accuracy)),
                       format_count(figures.at("test_samples").get<std::uint64_t>()));
}

// The size of the encrypted rows, in one file or in those of the mini-batches.
json uploaded_bytes(const JobFiles& job, const TrainingPlan& plan) {
    if (plan.row_files() == 1) {
        return file_bytes(job.training_data());
    }
    double sum = 0;
    for (std::size_t batch = 0; batch < plan.row_files(); ++batch) {
        const json bytes = file_bytes(job.batch(batch));
        if (!bytes.is_number()) {
            return nullptr;
        }
        sum += bytes.get<double>();
    }
    return sum;
}

}  // namespace

json fit_figures(const FitResult& result) {
    const TwinReference& reference = result.state.reference;
    const Head& twin = reference.head;
    json figures = plan_figures(result.state.setup.plan);
    figures["version"] = version();
    figures["fhe"] = result.simulated ? "simulate" : "execute";
    figures["feature_extractor"] = result.state.columns.extractor
                                       ? result.state.columns.extractor->name()
                                       : std::string("raw");
    const JobFiles job = result.job.value_or(JobFiles{});
    figures["upload_bytes"] = result.job ? uploaded_bytes(job, result.state.setup.plan)
                                         : figures["predicted_upload_bytes"];
    figures["evaluation_key_bytes"] =
        result.job ? file_bytes(job.evaluation_keys()) : figures["predicted_evaluation_key_bytes"];
    figures["download_bytes"] =
        result.job ? file_bytes(job.model()) : figures["predicted_download_bytes"];
    for (const char* name :
         {"keygen_seconds", "encrypt_seconds", "train_seconds", "decrypt_seconds"}) {
        figures[name] = member(result.timings, name);
    }
    figures["seconds_per_iteration"] = seconds_per_iteration(result.server);
    figures["server_load_seconds"] = member(result.server, "load_seconds");
    figures["server_training_seconds"] = member(result.server, "training_seconds");
    figures["server_prepare_seconds"] = member(result.server, "prepare_seconds");
    figures["server_peak_rss_bytes"] = member(result.server, "peak_rss_bytes");
    figures["resumed_at_iteration"] = member(result.server, "resumed_at");
    figures["threads"] = result.simulated ? json(thread_count()) : member(result.server, "threads");
    figures["isa"] = result.simulated ? json(isa()) : member(result.server, "isa");

    figures["train_accuracy"] =
        result.head.accuracy(result.training.features, result.training.labels);
    figures["test_samples"] = result.test.labels.size();
    figures["test_accuracy"] = result.head.accuracy(result.test.features, result.test.labels);
    figures["simulated_test_accuracy"] = twin.accuracy(result.test.features, result.test.labels);
    figures["max_abs_weight"] = result.head.weights.cwiseAbs().maxCoeff();
    figures["max_abs_weight_error"] = largest_weight_error(result.head, twin);
    figures["predicted_weight_error_bound"] = reference.weight_error_bound;
    figures["prediction_disagreements"] =
        count_disagreements(result.head, twin, result.test.features, reference.weight_error_bound);
    figures["max_abs_z"] = reference.largest_abs_z;
    if (result.state.setup.rehearsal) {
        figures["rehearsed_accuracy"] = result.state.setup.rehearsal->accuracy;
    }
    const RowMatrix probabilities = result.state.calibration.value_or(Calibration{})
                                        .probabilities(result.head.scores(result.test.features));
    figures["test"] = to_json(
        measure(result.head.predict(result.test.features), probabilities, result.test.labels),
        result.head.class_names);
    figures["calibrated"] = result.state.calibration.has_value();
    figures["unknown_class_rows"] = result.test.unknown_rows;
    figures["held_out_share"] = result.held_out_share > 0 ? json(result.held_out_share) : json();
    if (is_the_papers(figures)) {
        figures["paper"] = paper_figures();
    }
    return figures;
}

bool is_in_agreement(const json& figures) {
    return figures.at("prediction_disagreements").get<std::size_t>() == 0;
}

void require_agreement(const json& figures, OwnerSession& session) {
    if (!is_in_agreement(figures)) {
        session.refuse_model();
    }
}

std::string fit_ending(const json& figures) {
    const bool simulated = figures.at("fhe") == "simulate";
    std::string text = fmt::format(
        "\n{}: {} rows, {} features, {} classes, {} iterations\n\n",
        simulated ? "Simulated encrypted training (nothing was encrypted)"
                  : "Trained on encrypted data",
        figures.at("samples").get<std::size_t>(), figures.at("features").get<std::size_t>(),
        figures.at("classes").get<std::size_t>(), figures.at("iterations").get<int>());
    const auto line = [&text](const char* head, const std::string& body) {
        text += fmt::format("  {:<22}{}\n", head, body);
    };
    line(simulated ? "would leave the owner" : "left the owner",
         fmt::format("{} ciphertexts, {}; {} evaluation keys, {}",
                     figures.at("upload_ciphertexts").get<std::size_t>(),
                     bytes(figures, "upload_bytes"),
                     figures.at("evaluation_keys").get<std::size_t>(),
                     bytes(figures, "evaluation_key_bytes")));
    line("the server knows", "these sizes and the recipe's constants; no key, no value, no label");
    line("ring",
         fmt::format("N = 2^{}, log2(QP) = {:.0f}, {} security, {} levels",
                     figures.at("log_n").get<unsigned>(), figures.at("log_qp").get<double>(),
                     describe(value_or_throw(
                         security_level_from_name(figures.at("security").get<std::string>()))),
                     figures.at("levels").get<std::size_t>()));
    if (!simulated) {
        line("time here",
             fmt::format("keys {}, encryption {}, decryption {}",
                         duration(figures, "keygen_seconds"), duration(figures, "encrypt_seconds"),
                         duration(figures, "decrypt_seconds")));
        line("time of the server",
             fmt::format("{} ({} an iteration), {} threads, {} kernels, peak memory {}",
                         duration(figures, "train_seconds"),
                         duration(figures, "seconds_per_iteration"), figures.at("threads").dump(),
                         figures.at("isa").is_string() ? figures.at("isa").get<std::string>()
                                                       : std::string("unknown"),
                         bytes(figures, "server_peak_rss_bytes")));
    }
    text += '\n';
    line(simulated ? "model with noise" : "decrypted model", correct(figures, "test_accuracy"));
    line("plaintext twin", correct(figures, "simulated_test_accuracy"));
    if (figures.at("held_out_share").is_number()) {
        line("test rows",
             fmt::format("{:.0f} % of every class, held out of the training rows; --test FILE "
                         "gives others",
                         100 * figures.at("held_out_share").get<double>()));
    }
    if (const auto unknown = figures.at("unknown_class_rows").get<std::uint64_t>(); unknown > 0) {
        line("of unknown classes",
             fmt::format("{} rows, left out of all figures", format_count(unknown)));
    }
    text += describe_metrics(figures.at("test"));
    line("weights", fmt::format("differ by at most {:.1e} (predicted below {:.1e})",
                                figures.at("max_abs_weight_error").get<double>(),
                                figures.at("predicted_weight_error_bound").get<double>()));
    if (!figures.contains("paper")) {
        return text;
    }
    const json& paper = figures.at("paper");
    line("the paper, for scale",
         fmt::format("{:>8}  after {} iterations in {} s on {} vCPUs, {} ciphertexts up, {}",
                     percent(paper.at("test_accuracy")), paper.at("iterations").get<int>(),
                     format_count(paper.at("train_seconds").get<std::uint64_t>()),
                     paper.at("vcpus").get<int>(), paper.at("upload_ciphertexts").get<int>(),
                     format_bytes(paper.at("peak_memory_bytes").get<double>())));
    return text;
}

}  // namespace cipherfit
