#include "cli/owner_files.h"

#include "cipherfit/io/file.h"
#include "cipherfit/io/npy.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <system_error>
#include <utility>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t largest_json = std::size_t{1} << 28U;

void throw_system(const std::error_code& error, const fs::path& path, const char* what) {
    require(!error, ErrorCode::io_failure, "cannot {} {}: {}", what, path.string(),
            error.message());
}

// Errors of a file's content, with its name and the way out.
[[noreturn]] void damaged(const fs::path& path, const std::string& what) {
    throw Error(ErrorCode::corrupt_data,
                fmt::format("{}: {}: make the plan again in a new directory", path.string(), what));
}

}  // namespace

void parse_fingerprint(std::string_view text, std::span<std::uint8_t> out, const fs::path& path) {
    bool valid = text.size() == 2 * out.size();
    for (std::size_t i = 0; valid && i < out.size(); ++i) {
        const char* first = text.data() + 2 * i;
        const auto result = std::from_chars(first, first + 2, out[i], 16);
        valid = result.ec == std::errc{} && result.ptr == first + 2;
    }
    if (!valid) {
        damaged(path, "a fingerprint is not hexadecimal");
    }
}

void write_json(const fs::path& path, const nlohmann::json& json, bool is_private) {
    // Names of files and classes may be in any encoding.
    const std::string text =
        json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    value_or_throw(write_file(path,
                              {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()},
                              {.exclusive = false, .mode = is_private ? 0600U : 0644U}));
}

nlohmann::json read_json(const fs::path& path) {
    const auto bytes = value_or_throw(read_file(path, largest_json));
    auto json = nlohmann::json::parse(bytes.begin(), bytes.end(), nullptr, false);
    require(!json.is_discarded() && json.is_object(), ErrorCode::corrupt_data,
            "{}: is not a JSON object: it was damaged, or is another file", path.string());
    return json;
}

void make_directory(const fs::path& path) {
    std::error_code error;
    fs::create_directories(path, error);
    throw_system(error, path, "create the directory");
}

void make_owner_directory(const fs::path& path) {
    make_directory(path);
    std::error_code error;
    fs::permissions(path, fs::perms::owner_all, error);
    throw_system(error, path, "make private the directory");
}

void write_owner_state(const OwnerFiles& files, const OwnerState& state,
                       const nlohmann::json& inputs) {
    if (state.extractor) {
        save_feature_extractor(*state.extractor, files.features());
    }
    write_json(files.inputs(), inputs, true);
    value_or_throw(write_npy(files.twin_weights(), state.reference.head.weights, 0600));
    if (state.setup.plan.solver() == Solver::dual) {
        value_or_throw(write_npy(files.scaled_rows(), state.scaled_rows, 0600));
    }
    nlohmann::json json = to_json(state.setup);
    json["features"] = state.extractor ? state.extractor->name() : "raw";
    json["backbone"] = state.backbone;
    json["weight_error_bound"] = state.reference.weight_error_bound;
    json["state_error_bound"] = state.reference.state_error_bound;
    json["weight_error_bounds"] = state.reference.weight_error_bounds;
    json["state_error_bounds"] = state.reference.state_error_bounds;
    json["largest_abs_z"] = state.reference.largest_abs_z;
    json["largest_abs_state"] = state.reference.largest_abs_state;
    write_json(files.plan(), json, true);  // last: its presence says that the others are there
}

void keep_new_plan(const OwnerFiles& files, const OwnerState& state, const nlohmann::json& inputs) {
    make_owner_directory(files.directory);
    const auto lock = value_or_throw(DirectoryLock::acquire(files.directory));
    require(!fs::exists(files.plan()), ErrorCode::busy,
            "{}: another command has just made this plan: give yours again to use it",
            files.plan().string());
    remove_stale_files(files.directory);
    write_owner_state(files, state, inputs);
}

OwnerState read_owner_state(const OwnerFiles& files) {
    require(fs::exists(files.plan()), ErrorCode::io_failure,
            "{}: there is no plan; make one with 'cipherfit plan --owner {}'",
            files.plan().string(), files.directory.string());
    const nlohmann::json json = read_json(files.plan());
    auto setup = owner_setup_from_json(json);
    if (!setup) {
        damaged(files.plan(), setup.error().message);
    }
    OwnerState state{std::move(*setup), nullptr, {}, {}, {}};
    try {
        if (json.at("features").get<std::string>() != "raw") {
            state.extractor = value_or_throw(load_feature_extractor(files.features()));
        }
        state.backbone = json.value("backbone", "");
        state.reference.weight_error_bound = json.at("weight_error_bound").get<double>();
        state.reference.state_error_bound = json.at("state_error_bound").get<double>();
        state.reference.weight_error_bounds =
            json.at("weight_error_bounds").get<std::vector<double>>();
        state.reference.state_error_bounds =
            json.at("state_error_bounds").get<std::vector<double>>();
        state.reference.largest_abs_z = json.at("largest_abs_z").get<double>();
        state.reference.largest_abs_state = json.at("largest_abs_state").get<double>();
    } catch (const nlohmann::json::exception&) {
        damaged(files.plan(), "a member is missing or of a wrong type");
    }
    const auto iterations = static_cast<std::size_t>(state.setup.plan.recipe().iterations);
    if (state.reference.weight_error_bounds.size() != iterations ||
        state.reference.state_error_bounds.size() != iterations) {
        damaged(files.plan(), "the error bounds do not fit the plan");
    }
    state.reference.head = {value_or_throw(read_npy_matrix(files.twin_weights())),
                            state.setup.class_names};
    const auto& weights = state.reference.head.weights;
    if (static_cast<std::size_t>(weights.rows()) != state.setup.plan.shape().classes ||
        static_cast<std::size_t>(weights.cols()) != state.setup.plan.shape().features) {
        damaged(files.twin_weights(), "the weights do not fit the plan");
    }
    if (state.setup.plan.solver() == Solver::dual) {
        state.scaled_rows = value_or_throw(read_npy_matrix(files.scaled_rows()));
        const TrainingShape& shape = state.setup.plan.shape();
        if (static_cast<std::size_t>(state.scaled_rows.rows()) != shape.samples ||
            static_cast<std::size_t>(state.scaled_rows.cols()) != shape.features) {
            damaged(files.scaled_rows(), "the rows do not fit the plan");
        }
    }
    return state;
}

void write_owner_job(const OwnerFiles& files, const ContainerIdentity& identity) {
    write_json(files.job(), {{"key", to_hex(identity.key)}, {"nonce", to_hex(identity.nonce)}},
               true);
}

ContainerIdentity read_owner_job(const OwnerFiles& files, const TrainingPlan& plan) {
    require(fs::exists(files.job()), ErrorCode::io_failure,
            "{}: nothing was encrypted yet; use 'cipherfit encrypt' first", files.job().string());
    const nlohmann::json json = read_json(files.job());
    Digest key{};
    Nonce nonce{};
    try {
        parse_fingerprint(json.at("key").get<std::string>(), key, files.job());
        parse_fingerprint(json.at("nonce").get<std::string>(), nonce, files.job());
    } catch (const nlohmann::json::exception&) {
        damaged(files.job(), "a member is missing or of a wrong type");
    }
    return job_identity(plan, key, nonce);
}

}  // namespace cipherfit
