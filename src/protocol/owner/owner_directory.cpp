#include "cipherfit/protocol/owner/owner_directory.h"

#include "base/hex.h"
#include "cipherfit/io/npy.h"
#include "protocol/owner/private_json.h"

#include <utility>
#include <vector>

namespace cipherfit {

namespace fs = std::filesystem;

nlohmann::json calibration_json(const std::optional<Calibration>& calibration) {
    return calibration ? to_json(*calibration) : nlohmann::json();
}

std::optional<Calibration> read_calibration(const nlohmann::json& json, const fs::path& path,
                                            std::size_t classes) {
    if (json.is_null()) {
        return std::nullopt;
    }
    auto calibration = calibration_from_json(json);
    if (!calibration) {
        throw Error(calibration.error().code,
                    fmt::format("{}: {}", path.string(), calibration.error().message));
    }
    const auto offsets = static_cast<std::size_t>(calibration->offsets.size());
    require(offsets == 0 || offsets == classes, ErrorCode::corrupt_data,
            "{}: a calibration of {} classes for a model of {}", path.string(), offsets, classes);
    return std::move(*calibration);
}

void write_owner_state(const OwnerFiles& files, const OwnerState& state) {
    if (state.columns.extractor) {
        save_feature_extractor(*state.columns.extractor, files.features());
    }
    std::vector<fs::path> others{files.twin_weights()};
    value_or_throw(write_npy(files.twin_weights(), state.reference.head.weights, 0600));
    if (!owner_solver(state.setup.plan).states_are_models()) {
        value_or_throw(write_npy(files.scaled_rows(), state.scaled_rows, 0600));
        others.push_back(files.scaled_rows());
    }
    if (state.columns.extractor) {
        others.push_back(files.features());
    }
    nlohmann::json json = to_json(state.setup);
    json["digests"] = digests_of(others);
    json["features"] = state.columns.extractor ? state.columns.extractor->name() : "raw";
    json["backbone"] = state.columns.backbone;
    json["table"] = to_json(state.columns.table);
    json["calibration"] = calibration_json(state.calibration);
    json["rows"] = to_json(state.rows);
    json["weight_error_bound"] = state.reference.weight_error_bound;
    json["state_error_bound"] = state.reference.state_error_bound;
    json["weight_error_bounds"] = state.reference.weight_error_bounds;
    json["state_error_bounds"] = state.reference.state_error_bounds;
    json["largest_abs_z"] = state.reference.largest_abs_z;
    json["largest_abs_state"] = state.reference.largest_abs_state;
    write_sealed_json(files.plan(), json);  // last: its presence says that the others are there
}

OwnerState read_owner_state(const OwnerFiles& files, TestParameters tests) {
    require(fs::exists(files.plan()), ErrorCode::io_failure, "{}: there is no plan: make one first",
            files.plan().string());
    const nlohmann::json json = read_sealed_json(files.plan());
    auto setup = owner_setup_from_json(json);
    if (!setup) {
        damaged_record(files.plan(), setup.error().message);
    }
    refuse_test_parameters(setup->plan.parameters(), tests, files.plan().string());
    require_digests(json.value("digests", nlohmann::json::object()), files.directory);
    OwnerState state{std::move(*setup), {}, {}, {}, {}, {}};
    try {
        if (json.at("features").get<std::string>() != "raw") {
            state.columns.extractor = value_or_throw(load_feature_extractor(files.features()));
        }
        state.columns.backbone = json.value("backbone", "");
        // Plans of version 0.1.0 know of no table and no calibration.
        if (const auto found = json.find("table"); found != json.end()) {
            auto table = table_encoding_from_json(*found);
            if (!table) {
                damaged_record(files.plan(), table.error().message);
            }
            state.columns.table = std::move(*table);
        }
        state.calibration = read_calibration(json.value("calibration", nlohmann::json()),
                                             files.plan(), state.setup.class_names.size());
        state.rows = rows_mark_from_json(json.value("rows", nlohmann::json()));
        state.reference.weight_error_bound = json.at("weight_error_bound").get<double>();
        state.reference.state_error_bound = json.at("state_error_bound").get<double>();
        state.reference.weight_error_bounds =
            json.at("weight_error_bounds").get<std::vector<double>>();
        state.reference.state_error_bounds =
            json.at("state_error_bounds").get<std::vector<double>>();
        state.reference.largest_abs_z = json.at("largest_abs_z").get<double>();
        state.reference.largest_abs_state = json.at("largest_abs_state").get<double>();
    } catch (const nlohmann::json::exception&) {
        damaged_record(files.plan(), "a member is missing or of a wrong type");
    }
    const auto iterations = static_cast<std::size_t>(state.setup.plan.recipe().iterations);
    if (state.reference.weight_error_bounds.size() != iterations ||
        state.reference.state_error_bounds.size() != iterations) {
        damaged_record(files.plan(), "the error bounds do not fit the plan");
    }
    state.reference.head = {value_or_throw(read_npy_matrix(files.twin_weights())),
                            state.setup.class_names};
    const auto& weights = state.reference.head.weights;
    if (static_cast<std::size_t>(weights.rows()) != state.setup.plan.shape().classes ||
        static_cast<std::size_t>(weights.cols()) != state.setup.plan.shape().features) {
        damaged_record(files.twin_weights(), "the weights do not fit the plan");
    }
    if (!owner_solver(state.setup.plan).states_are_models()) {
        state.scaled_rows = value_or_throw(read_npy_matrix(files.scaled_rows()));
        const TrainingShape& shape = state.setup.plan.shape();
        if (static_cast<std::size_t>(state.scaled_rows.rows()) != shape.samples ||
            static_cast<std::size_t>(state.scaled_rows.cols()) != shape.features) {
            damaged_record(files.scaled_rows(), "the rows do not fit the plan");
        }
    }
    return state;
}

void write_owner_job(const OwnerFiles& files, const ContainerIdentity& identity) {
    write_sealed_json(files.job(),
                      {{"key", to_hex(identity.key)}, {"nonce", to_hex(identity.nonce)}});
}

ContainerIdentity read_owner_job(const OwnerFiles& files, const TrainingPlan& plan) {
    require(fs::exists(files.job()), ErrorCode::io_failure,
            "{}: nothing was encrypted yet: encrypt the rows first", files.job().string());
    const nlohmann::json json = read_sealed_json(files.job());
    Digest key{};
    Nonce nonce{};
    try {
        parse_fingerprint(json.at("key").get<std::string>(), key, files.job());
        parse_fingerprint(json.at("nonce").get<std::string>(), nonce, files.job());
    } catch (const nlohmann::json::exception&) {
        damaged_record(files.job(), "a member is missing or of a wrong type");
    }
    return job_identity(plan, key, nonce);
}

}  // namespace cipherfit
