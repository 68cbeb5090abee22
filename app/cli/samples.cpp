#include "cli/samples.h"

#include "cipherfit/io/file.h"
#include "cli/owner_files.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <numeric>
#include <utility>

namespace cipherfit {
namespace {

// The image size in the header of an IDX file of three dimensions: big-endian numbers at 8 and 12.
std::optional<ImageShape> idx_shape(const std::filesystem::path& path) {
    constexpr std::array<std::uint8_t, 4> magic{0, 0, 8, 3};
    std::array<std::uint8_t, 16> header{};
    const auto source = FileSource::open(path);
    if (!source || !(*source)->read_at(0, header) ||
        !std::equal(magic.begin(), magic.end(), header.begin())) {
        return std::nullopt;
    }
    const auto number = [&header](std::size_t at) {
        Eigen::Index value = 0;
        for (std::size_t i = 0; i < 4; ++i) {
            value = value * 256 + header[at + i];
        }
        return value;
    };
    return ImageShape{number(8), number(12)};
}

// What `cipherfit extract` left beside its features.
std::string backbone_beside(const std::filesystem::path& file) {
    const std::filesystem::path about = file.parent_path() / "extraction.json";
    std::error_code ignored;
    if (file.filename() != "features.npy" || !std::filesystem::exists(about, ignored)) {
        return {};
    }
    const nlohmann::json json = read_json(about);
    const auto found = json.find("backbone_fingerprint");
    require(found != json.end() && found->is_string(), ErrorCode::corrupt_data,
            "{}: names no network: extract the features again", about.string());
    return found->get<std::string>();
}

std::filesystem::path thumbnails_beside(const std::filesystem::path& file) {
    const std::filesystem::path thumbnails = file.parent_path() / "thumbnails.npy";
    std::error_code ignored;
    return std::filesystem::exists(thumbnails, ignored) ? thumbnails : std::filesystem::path();
}

Dataset read_rows(const std::filesystem::path& file, const SampleOptions& options,
                  const TableEncoding* model) {
    if (model != nullptr && model->columns.empty()) {
        model = nullptr;  // of a version that kept none
    }
    if (options.unlabelled) {
        return value_or_throw(read_unlabelled(file, options.table, model));
    }
    const auto labels = options.labels.empty() ? std::optional<std::filesystem::path>()
                                               : std::optional(options.labels);
    return value_or_throw(read_dataset(file, labels, options.table, model));
}

// Leaves the held-out share of the rows, or what it leaves.
void pick(const SampleOptions& options, Samples& samples) {
    const auto held_out =
        held_out_rows(samples.data.labels, options.hold_out, options.hold_out_seed);
    require(!held_out.empty(), ErrorCode::bad_input,
            "{}: has no class of two rows, so that none can be held out: give --test FILE",
            samples.file);
    if (options.is_held_out) {
        samples.picked = held_out;
    } else {
        std::vector<std::size_t> all(samples.data.size());
        std::iota(all.begin(), all.end(), std::size_t{0});
        std::ranges::set_difference(all, held_out, std::back_inserter(samples.picked));
    }
    samples.data = select_rows(samples.data, samples.picked);
}

}  // namespace

Samples read_samples(const SampleOptions& options, const TableEncoding* model) {
    if (model != nullptr && model->columns.empty()) {
        model = nullptr;  // an export, or a model of an earlier version: it knows no columns
    }
    const RowRange rows = parse_rows(options.rows);
    const std::filesystem::path file = value_or_throw(dataset_file(options.file, options.part));
    Samples samples;
    samples.file = options.file.string();
    samples.data = read_rows(file, options, model);
    samples.image = idx_shape(file);
    samples.backbone = backbone_beside(file);
    if (!samples.backbone.empty()) {
        samples.thumbnails = thumbnails_beside(file);
    }
    samples.first_row = rows.begin;
    samples.file_rows = samples.data.size();
    if (!options.rows.empty()) {
        auto part = take_rows(samples.data, rows.begin, rows.end.value_or(samples.data.size()));
        if (!part) {
            throw Error(part.error().code,
                        fmt::format("{}: {}", file.string(), part.error().message));
        }
        samples.data = std::move(*part);
    }
    if (options.hold_out > 0) {
        pick(options, samples);
    }
    samples.data = value_or_throw(
        model == nullptr
            ? encode_training(file.string(), std::move(samples.data), options.table.impute)
            : encode(file.string(), std::move(samples.data), *model, &samples.unknown_text));
    return samples;
}

std::string describe_unknown_text(const Samples& samples) {
    std::string text;
    for (std::size_t i = 0; i < samples.unknown_text.size(); ++i) {
        if (samples.unknown_text[i] > 0) {
            const std::string& name = samples.data.table.columns[i].name;
            text += fmt::format(
                "  {:<22}{} values of column {} were not in the training rows; they "
                "count as none of its texts\n",
                "unknown text", samples.unknown_text[i],
                name.empty() ? std::to_string(i + 1) : "'" + name + "'");
        }
    }
    return text;
}

void require_trainable(const Samples& samples) {
    if (const auto checked = check_trainable(samples.data); !checked) {
        throw Error(checked.error().code,
                    fmt::format("{}: {}", samples.file, checked.error().message));
    }
}

void require_backbone(const Samples& samples, const std::string& backbone,
                      const std::string& file) {
    require(samples.backbone.empty() || backbone.empty() || samples.backbone == backbone,
            ErrorCode::bad_input,
            "{}: these are features of another network, or of the same with other input settings, "
            "than those that were trained on: extract them with the backbone of the training data",
            file);
}

}  // namespace cipherfit
