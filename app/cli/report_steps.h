// From a finished run to its report.
#pragma once

#include "cipherfit/io/picture_file.h"
#include "cli/fit_report.h"
#include "cli/owner_steps.h"
#include "report/report_data.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <vector>

namespace cipherfit {

// Small pictures of images: of IDX images, kept while features take the place of their pixels; of
// features that `cipherfit extract` wrote, in the file beside them. None for other rows.
class Pictures {
  public:
    // Throws Error(bad_input) for a file of pictures that does not belong to the rows.
    explicit Pictures(const Samples& samples);
    // IDX images are reduced by whole factors to at most 96 pixels a side. None where the file
    // cannot be read any more: a report does without.
    std::optional<Thumbnail> operator()(std::size_t row) const;

  private:
    std::size_t width_ = 0, height_ = 0;
    std::vector<std::uint8_t> pixels_;
    std::optional<PictureFile> file_;
    std::vector<std::size_t> picked_;
    std::size_t first_row_ = 0;
};

// The models of the kept checkpoints, each held to the twin's after as many iterations of the
// training rows, and `head` as the last. Throws as release_checkpoints().
std::vector<ReportModel> decrypted_models(OwnerSession& session, const JobFiles& files,
                                          const Head& head);

struct ReportParts {
    std::span<const ReportModel> models;
    const Pictures& pictures;
};

// Writes the page, readable by the user alone.
void write_report(const std::filesystem::path& path, const FitResult& result,
                  const nlohmann::json& figures, const ReportParts& parts);

}  // namespace cipherfit
