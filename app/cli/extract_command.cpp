// cipherfit extract: pictures become features, in the clear, on the owner's machine.
#include "cipherfit/base/parallel.h"
#include "cli/commands.h"
#include "cli/extraction.h"
#include "cli/named_output.h"
#include "cli/options.h"
#include "cli/output_check.h"
#include "cli/owner_files.h"
#include "common/signals.h"
#include "common/streams.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;

constexpr const char* default_backbone = "data/backbone/efficientnet-lite0.onnx";
constexpr std::size_t most_names = 100;

struct ExtractOptions {
    fs::path images, labels, backbone = default_backbone, description, out, json;
    std::string rows, feature_tensor;
    bool strict = false;
    bool force = false;
    RunOptions run;
};

Cnn load_network(const ExtractOptions& options) {
    std::error_code ignored;
    require(options.backbone != default_backbone || fs::exists(options.backbone, ignored),
            ErrorCode::bad_input,
            "{}: is not there: 'tools/setup.sh backbone' fetches it, or name another network with "
            "--backbone",
            default_backbone);
    fs::path description = options.description;
    if (description.empty()) {
        description = fs::path(options.backbone).replace_extension(".json");
    } else {
        require(fs::exists(description, ignored), ErrorCode::io_failure,
                "{}: there is no such file", description.string());
    }
    NetworkDescription read = value_or_throw(read_network_description(description));
    if (!options.feature_tensor.empty()) {
        read.feature_tensor = options.feature_tensor;
    }
    return Cnn::create(options.backbone, read);
}

// begin..end of the rows that are meant.
std::pair<std::size_t, std::size_t> range_of(const ExtractOptions& options, std::size_t size) {
    const RowRange rows = parse_rows(options.rows);
    const std::size_t end = rows.end.value_or(size);
    require(rows.begin < end && end <= size, ErrorCode::bad_input,
            "{}: images {} to {} were asked for, but there are {}", options.images.string(),
            rows.begin, end, size);
    return {rows.begin, end};
}

void require_usable(const ExtractOptions& options, const ImageSource& source,
                    const CheckedImages& images) {
    const std::size_t all = images.good.size() + images.bad.size();
    require(images.bad.empty() || !options.strict, ErrorCode::bad_input,
            "{}: {} of {} files cannot be used: {}: mend or remove them, or leave out --strict",
            options.images.string(), images.bad.size(), all,
            list_of(source, images.bad, most_names));
    require(!images.good.empty(), ErrorCode::bad_input, "{}: none of {} files can be used: {}",
            options.images.string(), all, list_of(source, images.bad, 3));
}

// Class names of which no picture is among the good ones.
std::vector<std::string> empty_classes(const ImageSource& source, const CheckedImages& images) {
    std::vector<bool> seen(source.class_names().size());
    for (const std::size_t i : images.good) {
        seen[static_cast<std::size_t>(source.label(i))] = true;
    }
    std::vector<std::string> empty;
    for (std::size_t i = 0; i < seen.size(); ++i) {
        if (!seen[i]) {
            empty.push_back(source.class_names()[i]);
        }
    }
    return empty;
}

nlohmann::json describe(const ExtractOptions& options, const Cnn& network,
                        const ImageSource& source, const CheckedImages& images) {
    nlohmann::json left_out = nlohmann::json::array();
    for (const BadImage& bad : images.bad) {
        left_out.push_back({{"file", source.name(bad.index)}, {"reason", bad.reason}});
    }
    return {{"format", 1},
            {"backbone", options.backbone.filename().string()},
            {"backbone_fingerprint", network.fingerprint()},
            {"feature_layer", network.feature_layer()},
            {"input_size", {network.input_height(), network.input_width()}},
            {"features", network.dimension()},
            {"images", images.good.size()},
            {"thumbnails",
             {images.thumbnail.height, images.thumbnail.width, images.thumbnail.channels}},
            {"classes", source.class_names().size()},
            {"left_out", left_out}};
}

void print_ending(const Extraction& extraction, std::size_t resumed) {
    const CheckedImages& images = extraction.images;
    const ImageSource& source = extraction.source;
    const auto line = [](const char* head, const std::string& body) {
        print_summary("  {:<21} {}\n", head, body);
    };
    line("images", fmt::format("{} of {} classes", format_count(images.good.size()),
                               source.class_names().size()));
    if (!images.bad.empty()) {
        line("left out", fmt::format("{} of {} files: {}", images.bad.size(),
                                     images.bad.size() + images.good.size(),
                                     list_of(source, images.bad, most_names)));
    }
    const auto empty = empty_classes(source, images);
    if (!empty.empty()) {
        line("classes without images", fmt::format("{}", fmt::join(empty, ", ")));
    }
    if (resumed > 0) {
        line("were there before", format_count(resumed));
    }
    line("features", fmt::format("{}, {} an image", (extraction.out / "features.npy").string(),
                                 extraction.network.dimension()));
}

void extract_images(const ExtractOptions& options) {
    set_thread_count(options.run.threads);
    OutputCheck check;
    check.reads("--images", options.images);
    check.reads("--labels", options.labels);
    check.reads("--backbone", options.backbone);
    check.reads("--description", options.description);
    check.makes("--out", options.out);
    check.writes("--json", options.json);
    check.check();
    std::optional<StopAtOnce> reading(std::in_place);
    ProgressLine progress(options.run.quiet);
    const auto labels = options.labels.empty() ? std::optional<fs::path>() : options.labels;
    const auto source = open_image_source(options.images, labels);
    const auto [begin, end] = range_of(options, source->size());
    const Cnn network = load_network(options);
    progress.phase("looking at the images");
    const CheckedImages images = check_images(*source, begin, end, progress);
    require_usable(options, *source, images);
    progress.finish();
    Extraction extraction{network, *source, images, options.out,
                          describe(options, network, *source, images)};
    extraction.about["identity"] = extraction.identity();
    reading.reset();
    const bool complete = is_complete(extraction, options.force);
    if (complete) {
        remove_leftovers(extraction);
    }
    const std::size_t resumed =
        complete ? images.good.size() : run_extraction(extraction, progress);
    if (!options.json.empty()) {
        write_named_json(options.json, extraction.about);
    }
    print_ending(extraction, resumed);
}

}  // namespace

void add_extract_command(CLI::App& app) {
    CLI::App* command = app.add_subcommand(
        "extract",
        "Turn images into features with a pre-trained CNN, in the clear, on this machine");
    command->footer(
        "Examples:\n"
        "  cipherfit extract --images photos --backbone model.onnx --out features\n"
        "  cipherfit extract --images train-images-idx3-ubyte --rows 0:128 --out train\n"
        "  cipherfit fit --train train --test test --out run\n\n"
        "SOURCE is a folder of class folders with PNG and JPEG files, MNIST's IDX images, or\n"
        "CIFAR-10's binary version. model.json beside model.onnx says how images go in. An\n"
        "extraction that was stopped goes on where it was when the same command is given again.");
    auto options = std::make_shared<ExtractOptions>();
    command->add_option("--images", options->images, "Where the images are")
        ->required()
        ->type_name("SOURCE");
    command
        ->add_option("--labels", options->labels, "Labels of IDX images that are not beside them")
        ->type_name("FILE");
    command->add_option("--rows", options->rows, "Use only these images, e.g. 0:128")
        ->type_name("FIRST:END");
    command->add_option("--backbone", options->backbone, "A CNN in ONNX format")
        ->capture_default_str()
        ->type_name("FILE");
    command
        ->add_option("--description", options->description,
                     "JSON with the network's input size, channels, mean and scale; the .json "
                     "beside --backbone unless given")
        ->type_name("FILE");
    command
        ->add_option("--feature-tensor", options->feature_tensor,
                     "Where the features are taken; the input of the last fully connected layer "
                     "unless given")
        ->type_name("NAME");
    command->add_option("--out", options->out, "Directory for features.npy, labels.npy and more")
        ->required()
        ->type_name("DIR");
    command->add_flag(
        "--strict", options->strict,
        "Refuse where a file is no image that can be used, instead of leaving it out");
    command->add_flag("--force", options->force, "Replace the features of an earlier extraction");
    add_json_option(*command, options->json);
    add_run_options(*command, options->run);
    command->callback([options] { extract_images(*options); });
}

}  // namespace cipherfit
