#include "service/outline.h"

#include "cipherfit/io/container.h"
#include "cipherfit/io/file.h"
#include "cipherfit/protocol/charter_plan.h"
#include "cipherfit/protocol/prediction_files.h"
#include "cipherfit/protocol/review.h"
#include "cipherfit/train/cost.h"
#include "protocol/physical_memory.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>

namespace cipherfit::service {
namespace {

// Room above what a plan predicts of a file: headers of sections, and how residues are packed.
std::uint64_t with_room(double bytes) {
    return static_cast<std::uint64_t>(bytes * 1.25) + (std::uint64_t{1} << 20U);
}

// Bytes in memory as a file that readers take.
class MemorySource final : public ByteSource {
  public:
    explicit MemorySource(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
    const std::string& name() const noexcept override { return name_; }
    std::uint64_t size() const noexcept override { return bytes_.size(); }
    Expected<void> read_at(std::uint64_t offset, std::span<std::uint8_t> out) override {
        if (offset > bytes_.size() || out.size() > bytes_.size() - offset) {
            return make_error(ErrorCode::corrupt_data, "{}: ends too early", name_);
        }
        std::ranges::copy(bytes_.subspan(static_cast<std::size_t>(offset), out.size()),
                          out.begin());
        return {};
    }

  private:
    std::string name_ = "the plan";
    std::span<const std::uint8_t> bytes_;
};

// The largest section that is looked at: a row of ciphertexts, or one key. A section is in memory
// while it is looked at.
constexpr std::uint64_t largest_section = std::uint64_t{512} << 20U;

ContainerKind kind_of(const std::string& name) {
    static const std::map<std::string, ContainerKind, std::less<>> kinds{
        {std::string(contents::evaluation_keys), ContainerKind::evaluation_keys},
        {std::string(contents::training_data), ContainerKind::training_data},
        {std::string(contents::prediction_rows), ContainerKind::prediction_rows},
        {std::string(contents::prediction_model), ContainerKind::prediction_model}};
    const auto found = kinds.find(name);
    if (found != kinds.end()) {
        return found->second;
    }
    require(name.starts_with(contents::batches), ErrorCode::bad_input,
            "'{}' is no file that a job takes", name);
    return ContainerKind::training_batch;
}

void add_file(Outline& outline, std::string_view name, double bytes) {
    outline.files.push_back({.name = std::string(name), .max_bytes = with_room(bytes)});
}

Outline outline_of_training(const std::filesystem::path& path, const RunChoices& choices,
                            TestParameters tests) {
    const Job job = value_or_throw(read_plan(path, tests));
    // Products of sizes first: a plan may ask for more than can be counted in reasonable time.
    require_memory(largest_batch_bytes(job.plan), 0, "the plan",
                   "ask for less, or use a larger server");
    const PlanCost cost = plan_cost(job.plan);
    Outline outline;
    add_file(outline, contents::evaluation_keys, cost.evaluation_key_bytes);
    const std::size_t batches = job.plan.row_files();
    if (batches > 1) {
        for (std::size_t batch = 0; batch < batches; ++batch) {
            // Batches differ by a row; each has its rows padded to the same ciphertexts.
            add_file(outline, contents::batch(batch),
                     std::max(cost.upload_bytes / static_cast<double>(batches),
                              largest_batch_bytes(job.plan)));
        }
    } else {
        add_file(outline, contents::training_data, cost.upload_bytes);
    }
    const double iterations = job.plan.recipe().iterations;
    outline.cost.memory_bytes = static_cast<std::uint64_t>(cost.peak_memory_bytes);
    double kept = 0;  // checkpoints, for the owner to look at
    for (const int every : {choices.keep_every, choices.review_every}) {
        kept += every > 0 ? std::floor(iterations / every) : 0;
    }
    // What came, the model, a checkpoint and the one that takes its place.
    outline.cost.disk_bytes = with_room(cost.evaluation_key_bytes + cost.upload_bytes +
                                        (4 + 2 * kept) * cost.download_bytes);
    outline.cost.work =
        cost.preparation.limb_transforms + cost.iterations.limb_transforms * iterations;
    return outline;
}

Outline outline_of_prediction(const std::filesystem::path& path, TestParameters tests) {
    const PredictionJob job = value_or_throw(read_prediction_plan(path, tests));
    const PredictionPlan& plan = job.plan;
    const double memory = plan.memory_bytes();
    Outline outline;
    outline.kind = JobKind::prediction;
    add_file(outline, contents::evaluation_keys, memory);
    add_file(outline, contents::prediction_rows, memory);
    if (plan.shape().encrypted_model) {
        add_file(outline, contents::prediction_model, memory);
    }
    outline.cost.memory_bytes = static_cast<std::uint64_t>(memory);
    outline.cost.disk_bytes = with_room(2 * memory);
    return outline;
}

}  // namespace

std::string plan_name(std::span<const std::uint8_t> plan) {
    const auto reader = value_or_throw(ContainerReader::open(std::make_unique<MemorySource>(plan)));
    if (reader.kind() == ContainerKind::plan) {
        return std::string(contents::plan);
    }
    require(reader.kind() == ContainerKind::prediction_plan, ErrorCode::bad_input,
            "the plan is a file of {}: send plan.cft or prediction_plan.cft", name(reader.kind()));
    return std::string(contents::prediction_plan);
}

Outline outline_of_plan(const std::filesystem::path& plan, const RunChoices& choices,
                        TestParameters tests) {
    return plan.filename() == contents::plan ? outline_of_training(plan, choices, tests)
                                             : outline_of_prediction(plan, tests);
}

Outline outline_of_charter(const Charter& charter, TestParameters tests) {
    const CharterPlan plan = value_or_throw(CharterPlan::of(charter, tests));
    const JointPlan& joint = plan.joint();
    Outline outline;
    outline.kind = JobKind::charter;
    outline.cost.memory_bytes = joint.server_memory_bytes();
    const double release = static_cast<double>(sizeof(std::uint64_t) * joint.parameters().n() *
                                               (joint.release_level() + 1));
    const auto times = [](std::size_t count, double bytes) {
        return static_cast<double>(count) * bytes;
    };
    const double columns = static_cast<double>(charter.features.size() + charter.classes.size());
    // Keys and points from dealers, sums and rows from contributors, shares for recipients, and
    // small messages.
    outline.cost.disk_bytes = with_room(
        times(charter.dealers().size(), static_cast<double>(joint.dealer_upload_bytes()) +
                                            times(charter.holders().size(), 2 * release)) +
        times(charter.contributors().size(),
              static_cast<double>(joint.contributor_upload_bytes()) + 16 * columns * columns) +
        times(charter.holders().size() * charter.recipients().size(), 2 * release) +
        times(charter.members.size(), 1 << 16));
    return outline;
}

void check_upload(const std::filesystem::path& directory, JobKind kind, const std::string& name,
                  const std::filesystem::path& file) {
    const auto plan_file =
        directory / (kind == JobKind::training ? contents::plan : contents::prediction_plan);
    const auto made_for = value_or_throw(ContainerReader::open(plan_file));
    auto source = value_or_throw(FileSource::open(file));
    auto opened = ContainerReader::open(std::move(source), kind_of(name));
    // The path is the server's own affair.
    const auto said = [&](const ErrorInfo& error) {
        std::string text = error.message;
        const std::string path = file.string();
        for (auto at = text.find(path); at != std::string::npos; at = text.find(path)) {
            text.replace(at, path.size(), name);
        }
        return Error(error.code, text);
    };
    if (!opened) {
        throw said(opened.error());
    }
    ContainerReader& reader = *opened;
    // Keys may be made before the job has its number.
    const auto fits =
        name == contents::evaluation_keys
            ? reader.expect(made_for.identity(),
                            {IdentityPart::parameters, IdentityPart::key, IdentityPart::plan})
            : reader.expect(made_for.identity(), {IdentityPart::parameters, IdentityPart::key,
                                                  IdentityPart::plan, IdentityPart::job});
    if (!fits) {
        throw said(fits.error());
    }
    while (true) {
        const auto next = reader.peek();
        if (!next) {
            throw said(next.error());
        }
        if (!*next) {
            break;
        }
        const auto section = reader.section((*next)->tag, (*next)->index, largest_section);
        if (!section) {
            throw said(section.error());
        }
    }
    if (const auto end = reader.verify_end(); !end) {
        throw said(end.error());
    }
}

void check_answer(const std::filesystem::path& directory, int iteration,
                  std::span<const std::uint8_t> answer, TestParameters tests) {
    const Job job = value_or_throw(read_plan(directory / contents::plan, tests));
    // In a directory of its own: what cannot be used is never seen by the job.
    const auto trial = directory / ".answer";
    const std::string name = contents::answer(iteration);
    std::filesystem::create_directories((trial / name).parent_path());
    value_or_throw(write_file(trial / name, answer));
    const auto read = read_answer(DirectoryStore(trial), job.identity, iteration, job.answer_key);
    std::error_code ignored;
    std::filesystem::remove_all(trial, ignored);
    if (!read) {
        const std::string path = (trial / name).string();
        std::string text = read.error().message;
        const auto at = text.find(path);
        throw Error(read.error().code,
                    at == std::string::npos ? text : text.replace(at, path.size(), "the answer"));
    }
    require(read->has_value(), ErrorCode::bad_input, "the answer is empty");
}

}  // namespace cipherfit::service
