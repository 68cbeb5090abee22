#include "cli/owner_files.h"

#include "base/hex.h"
#include "cipherfit/base/secure.h"
#include "cipherfit/io/file.h"
#include "cipherfit/io/npy.h"

#include <algorithm>
#include <string_view>
#include <sys/stat.h>
#include <system_error>
#include <utility>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t largest_json = std::size_t{1} << 28U;
constexpr std::size_t largest_server_report = std::size_t{1} << 16U;
constexpr unsigned private_umask = 077;

unsigned& remembered_umask() noexcept {
    static unsigned mask = 022;
    return mask;
}

// Names of files and classes may be in any encoding.
std::string text_of(const nlohmann::json& json, int indent) {
    return json.dump(indent, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string checksum_of(const nlohmann::json& json) {
    const std::string text = text_of(json, -1);
    return to_hex(sha256({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}));
}

std::string digest_of_file(const fs::path& path) {
    constexpr std::size_t piece = std::size_t{1} << 20U;
    const auto source = value_or_throw(FileSource::open(path));
    Sha256 hash;
    std::vector<std::uint8_t> buffer(piece);
    for (std::uint64_t at = 0; at < source->size(); at += piece) {
        const auto part = std::span(buffer).first(
            static_cast<std::size_t>(std::min<std::uint64_t>(piece, source->size() - at)));
        value_or_throw(source->read_at(at, part));
        hash.update(part);
    }
    return to_hex(hash.finish());
}

[[noreturn]] void changed(const fs::path& path) {
    throw Error(ErrorCode::corrupt_data,
                fmt::format("{}: was damaged or changed since it was written: restore it from a "
                            "copy, or begin anew in a new directory",
                            path.string()));
}

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
    if (!from_hex(text, out)) {
        damaged(path, "a fingerprint is not hexadecimal");
    }
}

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

void write_json(const fs::path& path, const nlohmann::json& json) {
    const std::string text = text_of(json, 2) + "\n";
    value_or_throw(write_file(path,
                              {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()},
                              {.exclusive = false, .mode = 0600}));
}

void write_sealed_json(const fs::path& path, nlohmann::json json) {
    json["checksum"] = checksum_of(json);
    write_json(path, json);
}

nlohmann::json read_sealed_json(const fs::path& path) {
    nlohmann::json json = read_json(path);
    if (const auto found = json.find("checksum"); found != json.end()) {
        const nlohmann::json checksum = *found;
        json.erase(found);
        if (checksum != checksum_of(json)) {
            changed(path);
        }
    }
    return json;
}

nlohmann::json digests_of(const std::vector<fs::path>& paths) {
    nlohmann::json digests = nlohmann::json::object();
    for (const fs::path& path : paths) {
        digests[path.filename().string()] = digest_of_file(path);
    }
    return digests;
}

void require_digests(const nlohmann::json& digests, const fs::path& directory) {
    for (const auto& [name, digest] : digests.items()) {
        if (digest != digest_of_file(directory / name)) {
            changed(directory / name);
        }
    }
}

nlohmann::json read_server_report(const JobFiles& job) {
    const fs::path path = job.directory / "server_report.json";
    if (!fs::exists(path)) {
        return nlohmann::json::object();
    }
    const auto bytes = value_or_throw(read_file(path, largest_server_report));
    auto json = nlohmann::json::parse(bytes.begin(), bytes.end(), nullptr, false);
    require(!json.is_discarded() && json.is_object(), ErrorCode::corrupt_data,
            "{}: is not a JSON object: remove it to do without the server's own figures",
            path.string());
    return json;
}

void keep_files_private() noexcept {
    remembered_umask() = ::umask(private_umask);
}

unsigned callers_umask() noexcept {
    return remembered_umask();
}

SharedFiles::SharedFiles() noexcept : before_(::umask(remembered_umask())) {}

SharedFiles::~SharedFiles() {
    ::umask(before_);
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

void make_job_directory(const fs::path& path) {
    const SharedFiles shared;
    make_directory(path);
}

void write_owner_state(const OwnerFiles& files, const OwnerState& state,
                       const nlohmann::json& inputs) {
    if (state.extractor) {
        save_feature_extractor(*state.extractor, files.features());
    }
    std::vector<fs::path> others{files.twin_weights()};
    write_json(files.inputs(), inputs);
    value_or_throw(write_npy(files.twin_weights(), state.reference.head.weights, 0600));
    if (!owner_solver(state.setup.plan).states_are_models()) {
        value_or_throw(write_npy(files.scaled_rows(), state.scaled_rows, 0600));
        others.push_back(files.scaled_rows());
    }
    if (state.extractor) {
        others.push_back(files.features());
    }
    nlohmann::json json = to_json(state.setup);
    json["digests"] = digests_of(others);
    json["features"] = state.extractor ? state.extractor->name() : "raw";
    json["backbone"] = state.backbone;
    json["table"] = to_json(state.table);
    json["calibration"] = calibration_json(state.calibration);
    json["weight_error_bound"] = state.reference.weight_error_bound;
    json["state_error_bound"] = state.reference.state_error_bound;
    json["weight_error_bounds"] = state.reference.weight_error_bounds;
    json["state_error_bounds"] = state.reference.state_error_bounds;
    json["largest_abs_z"] = state.reference.largest_abs_z;
    json["largest_abs_state"] = state.reference.largest_abs_state;
    write_sealed_json(files.plan(), json);  // last: its presence says that the others are there
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
    const nlohmann::json json = read_sealed_json(files.plan());
    auto setup = owner_setup_from_json(json);
    if (!setup) {
        damaged(files.plan(), setup.error().message);
    }
    refuse_test_parameters(setup->plan.parameters(), TestParameters::refuse, files.plan().string());
    require_digests(json.value("digests", nlohmann::json::object()), files.directory);
    OwnerState state{std::move(*setup), nullptr, {}, {}, {}};
    try {
        if (json.at("features").get<std::string>() != "raw") {
            state.extractor = value_or_throw(load_feature_extractor(files.features()));
        }
        state.backbone = json.value("backbone", "");
        // Plans of version 0.1.0 know of no table and no calibration.
        if (const auto found = json.find("table"); found != json.end()) {
            auto table = table_encoding_from_json(*found);
            if (!table) {
                damaged(files.plan(), table.error().message);
            }
            state.table = std::move(*table);
        }
        state.calibration = read_calibration(json.value("calibration", nlohmann::json()),
                                             files.plan(), state.setup.class_names.size());
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
    if (!owner_solver(state.setup.plan).states_are_models()) {
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
    write_sealed_json(files.job(),
                      {{"key", to_hex(identity.key)}, {"nonce", to_hex(identity.nonce)}});
}

ContainerIdentity read_owner_job(const OwnerFiles& files, const TrainingPlan& plan) {
    require(fs::exists(files.job()), ErrorCode::io_failure,
            "{}: nothing was encrypted yet; use 'cipherfit encrypt' first", files.job().string());
    const nlohmann::json json = read_sealed_json(files.job());
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
