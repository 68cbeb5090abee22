#include "cli/report_steps.h"

#include "cipherfit/protocol/owner/checkpoints.h"
#include "cli/named_output.h"
#include "report/report_page.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t longest_side = 96;

double checkpoint_bytes(const JobFiles& files, int iterations) {
    double sum = 0;
    for (int iteration = 1; iteration < iterations; ++iteration) {
        std::error_code error;
        const auto size = fs::file_size(files.kept_checkpoint(iteration), error);
        sum += error ? 0 : static_cast<double>(size);
    }
    return sum;
}

}  // namespace

Pictures::Pictures(const Samples& samples)
    : picked_(samples.picked), first_row_(samples.first_row) {
    if (!samples.thumbnails.empty()) {
        file_ = value_or_throw(PictureFile::open(samples.thumbnails));
        require(file_->count() == samples.file_rows &&
                    std::max(file_->shape().height, file_->shape().width) <= longest_side,
                ErrorCode::bad_input,
                "{}: has {} pictures of {} x {} pixels beside {} rows of features: extract them "
                "again, or remove it",
                samples.thumbnails.string(), file_->count(), file_->shape().width,
                file_->shape().height, samples.file_rows);
    }
    if (!samples.image) {
        return;
    }
    width_ = static_cast<std::size_t>(samples.image->width);
    height_ = static_cast<std::size_t>(samples.image->height);
    const RowMatrix& rows = samples.data.features;
    pixels_.resize(static_cast<std::size_t>(rows.size()));
    std::transform(rows.data(), rows.data() + rows.size(), pixels_.begin(), [](double value) {
        return static_cast<std::uint8_t>(std::lround(std::clamp(value, 0.0, 255.0)));
    });
}

std::optional<Thumbnail> Pictures::operator()(std::size_t row) const {
    if (file_) {
        auto pixels = file_->read(first_row_ + (picked_.empty() ? row : picked_[row]));
        const PictureShape& shape = file_->shape();
        return pixels ? std::optional(Thumbnail{shape.width, shape.height, shape.channels,
                                                std::move(*pixels)})
                      : std::nullopt;
    }
    if (pixels_.empty()) {
        return std::nullopt;
    }
    const std::size_t factor = (std::max(width_, height_) + longest_side - 1) / longest_side;
    Thumbnail picture{std::max<std::size_t>(1, width_ / factor),
                      std::max<std::size_t>(1, height_ / factor),
                      1,
                      {}};
    const std::uint8_t* image = pixels_.data() + row * width_ * height_;
    for (std::size_t y = 0; y < picture.height; ++y) {
        for (std::size_t x = 0; x < picture.width; ++x) {
            // The mean of a square, or of what of it lies in the image.
            std::size_t sum = 0;
            std::size_t count = 0;
            for (std::size_t v = y * factor; v < std::min(height_, (y + 1) * factor); ++v) {
                for (std::size_t u = x * factor; u < std::min(width_, (x + 1) * factor); ++u) {
                    sum += image[v * width_ + u];
                    ++count;
                }
            }
            picture.pixels.push_back(static_cast<std::uint8_t>(sum / count));
        }
    }
    return picture;
}

std::vector<ReportModel> decrypted_models(OwnerSession& session, const JobFiles& files,
                                          const Head& head) {
    const DirectoryStore job(files.directory);
    std::vector<ReportModel> models;
    if (last_kept_checkpoint(job, session.plan()) > 0) {
        for (CheckedModel& model : session.decrypt_checkpoints(job)) {
            models.push_back({model.iteration, std::move(model.head)});
        }
    }
    models.push_back({session.plan().recipe().iterations, head});
    return models;
}

void write_report(const fs::path& path, const FitResult& result, const nlohmann::json& figures,
                  const ReportParts& parts) {
    const OwnerSetup& setup = result.state.setup;
    const nlohmann::json data = report_data(
        {.setup = setup,
         .head = result.head,
         .training = {result.training.features, result.training.labels},
         .test = {result.test.features, result.test.labels},
         .models = parts.models,
         .figures = figures,
         .checkpoint_bytes =
             result.job ? checkpoint_bytes(*result.job, setup.plan.recipe().iterations) : 0,
         .calibration = result.state.calibration.value_or(Calibration{}),
         .picture = [&](std::size_t row) { return parts.pictures(result.test.source_row(row)); }});
    const std::string page = report_page(data);
    write_named_text(path, page);
}

}  // namespace cipherfit
