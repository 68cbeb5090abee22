#include "report/report_data.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string_view>

namespace cipherfit {
namespace {

constexpr std::size_t most_listed = 120;
constexpr std::size_t most_picture_bytes = 700'000;
constexpr std::size_t best_classes = 3;

std::string base64(const std::vector<std::uint8_t>& bytes) {
    constexpr std::string_view digits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
        std::uint32_t group = 0;
        for (std::size_t k = 0; k < 3; ++k) {
            group = group << 8U | (k < count ? bytes[i + k] : 0U);
        }
        for (std::size_t k = 0; k < 4; ++k) {
            text += k <= count ? digits[group >> (18 - 6 * k) & 63U] : '=';
        }
    }
    return text;
}

struct Mistake {
    Eigen::Index row = 0;
    double regret = 0;
};

nlohmann::json describe(const Mistake& mistake, const RowMatrix& scores,
                        const RowMatrix& probabilities, int truth) {
    const Eigen::RowVectorXd row = scores.row(mistake.row);
    std::vector<Eigen::Index> order(static_cast<std::size_t>(row.size()));
    std::iota(order.begin(), order.end(), Eigen::Index{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](Eigen::Index a, Eigen::Index b) { return row(a) > row(b); });
    nlohmann::json best = nlohmann::json::array();
    for (std::size_t rank = 0; rank < order.size(); ++rank) {
        if (rank < best_classes || order[rank] == truth) {
            best.push_back({{"class", order[rank]},
                            {"score", row(order[rank])},
                            {"probability", probabilities(mistake.row, order[rank])}});
        }
    }
    return {{"row", mistake.row}, {"truth", truth}, {"scores", best}};
}

}  // namespace

nlohmann::json report_mistakes(const ReportInput& input) {
    const RowMatrix scores = input.head.scores(input.test.features);
    const RowMatrix probabilities = input.calibration.probabilities(scores);
    std::vector<Mistake> mistakes;
    for (Eigen::Index i = 0; i < scores.rows(); ++i) {
        Eigen::Index best = 0;
        const double top = scores.row(i).maxCoeff(&best);
        const int truth = input.test.labels[static_cast<std::size_t>(i)];
        if (best != truth) {
            mistakes.push_back({i, top - scores(i, truth)});
        }
    }
    std::stable_sort(mistakes.begin(), mistakes.end(),
                     [](const Mistake& a, const Mistake& b) { return a.regret > b.regret; });
    nlohmann::json list = nlohmann::json::array();
    std::size_t picture_bytes = 0;
    for (std::size_t i = 0; i < std::min(most_listed, mistakes.size()); ++i) {
        const Mistake& mistake = mistakes[i];
        nlohmann::json entry = describe(mistake, scores, probabilities,
                                        input.test.labels[static_cast<std::size_t>(mistake.row)]);
        const auto picture = input.picture ? input.picture(static_cast<std::size_t>(mistake.row))
                                           : std::optional<Thumbnail>();
        if (picture && picture_bytes + picture->pixels.size() <= most_picture_bytes) {
            picture_bytes += picture->pixels.size();
            entry["picture"] = {{"width", picture->width},
                                {"height", picture->height},
                                {"channels", picture->channels},
                                {"pixels", base64(picture->pixels)}};
        }
        list.push_back(std::move(entry));
    }
    return {{"count", mistakes.size()}, {"rows", list}};
}

}  // namespace cipherfit
