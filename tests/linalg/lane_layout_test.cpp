#include "cipherfit/linalg/lane_layout.h"

#include "support/errors.h"
#include "support/owner.h"
#include "support/property.h"

#include <bit>

namespace cipherfit {
namespace {

using test::holds;
using test::pick;
using test::throws;

// A random layout with matrices whose entries are all different.
struct Case {
    std::size_t slots = std::size_t{1} << pick(5U, 11U);
    std::size_t classes = pick<std::size_t>(1, slots >= 512 ? 13 : 5);
    std::vector<std::size_t> lanes = LaneLayout::possible_lanes(slots, classes);
    std::size_t lane = lanes[pick<std::size_t>(0, lanes.size())];
    std::size_t samples = pick<std::size_t>(1, 3 * (slots / lane) + 2);
    std::size_t features = pick<std::size_t>(1, 3 * lane);
    LaneLayout layout = LaneLayout::create(slots, lane, samples, features, classes);
    // The definitions, spelt out.
    std::size_t padded = std::bit_ceil(classes);
    std::size_t rows = slots / lane;
    std::size_t per_block = lane - padded + 1;

    static std::vector<double> numbered(std::size_t rows, std::size_t columns, double first) {
        std::vector<double> values(rows * columns);
        for (std::size_t i = 0; i < values.size(); ++i) {
            values[i] = first + static_cast<double>(i);
        }
        return values;
    }
};

TEST(LaneLayout, SizesFollowTheDefinitions) {
    EXPECT_TRUE(holds("sizes", 200, [] {
        const Case c;
        RC_ASSERT(c.layout.padded_classes() == c.padded);
        RC_ASSERT(c.layout.rows() == c.rows);
        RC_ASSERT(c.layout.features_per_block() == c.per_block);
        RC_ASSERT((c.layout.sample_blocks() - 1) * c.rows < c.samples);
        RC_ASSERT(c.layout.sample_blocks() * c.rows >= c.samples);
        RC_ASSERT((c.layout.feature_blocks() - 1) * c.per_block < c.features);
        RC_ASSERT(c.layout.feature_blocks() * c.per_block >= c.features);
    }));
}

TEST(LaneLayout, FeaturesStandBehindTheHalo) {
    EXPECT_TRUE(holds("features", 60, [] {
        const Case c;
        const auto x = Case::numbered(c.samples, c.features, 1);
        for (std::size_t rho = 0; rho < c.layout.sample_blocks(); ++rho) {
            for (std::size_t b = 0; b < c.layout.feature_blocks(); ++b) {
                const auto slots =
                    c.layout.pack_features({x.data(), c.samples, c.features}, rho, b);
                RC_ASSERT(slots.size() == c.slots);
                for (std::size_t s = 0; s < c.slots; ++s) {
                    const std::size_t sample = rho * c.rows + s / c.lane;
                    const std::size_t column = s % c.lane;
                    double expected = 0;
                    if (column >= c.padded - 1) {
                        const std::size_t feature = b * c.per_block + column - (c.padded - 1);
                        if (sample < c.samples && feature < c.features) {
                            expected = x[sample * c.features + feature];
                        }
                    }
                    RC_ASSERT(slots[s] == expected);
                }
            }
        }
    }));
}

TEST(LaneLayout, ModelsAreSkewedAndCoverEveryRow) {
    EXPECT_TRUE(holds("model", 60, [] {
        const Case c;
        const auto u = Case::numbered(c.classes, c.features, 1);
        std::vector<std::vector<double>> blocks;
        for (std::size_t b = 0; b < c.layout.feature_blocks(); ++b) {
            blocks.push_back(c.layout.pack_model({u.data(), c.classes, c.features}, b));
            for (std::size_t s = 0; s < c.slots; ++s) {
                const std::size_t row = s / c.lane;
                const std::size_t column = s % c.lane;
                // (column - row) mod c', without unsigned wrap-around.
                const std::size_t k = (column + c.slots * c.padded - row) % c.padded;
                double expected = 0;
                if (column >= c.padded - 1) {
                    const std::size_t feature = b * c.per_block + column - (c.padded - 1);
                    if (k < c.classes && feature < c.features) {
                        expected = u[k * c.features + feature];
                    }
                }
                RC_ASSERT(blocks[b][s] == expected);
            }
        }
        const auto back = c.layout.unpack_model(blocks);
        RC_ASSERT(back.size() == u.size());
        const double replicas = static_cast<double>(c.rows / c.padded);
        for (std::size_t i = 0; i < u.size(); ++i) {
            // A mean of equal numbers: one rounding for each.
            RC_ASSERT(std::abs(back[i] - u[i]) <= replicas * 0x1p-52 * u[i]);
        }
    }));
}

TEST(LaneLayout, UnpackingAModelAveragesItsReplicas) {
    const LaneLayout layout = LaneLayout::create(64, 8, 5, 3, 2);  // 8 rows: 4 replicas
    std::vector<double> u(6, 0.0);
    std::vector<std::vector<double>> blocks{layout.pack_model({u.data(), 2, 3}, 0)};
    blocks[0][1] = 4.0;  // row 0, column 1: class 1 of feature 0, one of four replicas
    EXPECT_EQ(layout.unpack_model(blocks), (std::vector<double>{0, 0, 0, 1.0, 0, 0}));
}

TEST(LaneLayout, LogitsAreSkewedInTheFirstColumns) {
    EXPECT_TRUE(holds("logits", 60, [] {
        const Case c;
        const auto z = Case::numbered(c.samples, c.classes, 1);
        std::vector<std::vector<double>> blocks;
        for (std::size_t rho = 0; rho < c.layout.sample_blocks(); ++rho) {
            blocks.push_back(c.layout.pack_logits({z.data(), c.samples, c.classes}, rho));
            const auto mask = c.layout.logit_mask(rho);
            for (std::size_t s = 0; s < c.slots; ++s) {
                const std::size_t row = s / c.lane;
                const std::size_t column = s % c.lane;
                const std::size_t sample = rho * c.rows + row;
                const std::size_t k = (column + c.slots * c.padded - row) % c.padded;
                const bool used = column < c.padded && sample < c.samples && k < c.classes;
                RC_ASSERT(blocks[rho][s] == (used ? z[sample * c.classes + k] : 0.0));
                RC_ASSERT(mask[s] == (used ? 1.0 : 0.0));
            }
            // What the unused slots hold does not matter.
            for (std::size_t s = 0; s < c.slots; ++s) {
                blocks[rho][s] += mask[s] == 0.0 ? 1e6 : 0.0;
            }
        }
        RC_ASSERT(c.layout.unpack_logits(blocks) == z);
    }));
}

TEST(LaneLayout, PossibleLanesAreThoseThatCreateAccepts) {
    for (const std::size_t slots : {16U, 64U, 128U, 1024U}) {
        for (std::size_t classes = 1; classes <= 20; ++classes) {
            const auto lanes = LaneLayout::possible_lanes(slots, classes);
            for (std::size_t lane = 1; lane <= 2 * slots; ++lane) {
                const bool possible = std::find(lanes.begin(), lanes.end(), lane) != lanes.end();
                const auto create = [&] {
                    static_cast<void>(LaneLayout::create(slots, lane, 3, 5, classes));
                };
                if (possible) {
                    EXPECT_NO_THROW(create());
                } else {
                    EXPECT_TRUE(throws(ErrorCode::invalid_argument, {}, create));
                }
            }
        }
    }
}

TEST(LaneLayout, RefusesWithValues) {
    constexpr auto bad = ErrorCode::invalid_argument;
    const auto create = [](std::size_t slots, std::size_t lane, std::size_t samples,
                           std::size_t features, std::size_t classes) {
        return
            [=] { static_cast<void>(LaneLayout::create(slots, lane, samples, features, classes)); };
    };
    EXPECT_TRUE(throws(bad, {"0 x 5"}, create(64, 8, 0, 5, 2)));
    EXPECT_TRUE(throws(bad, {"3 x 0"}, create(64, 8, 3, 0, 2)));
    EXPECT_TRUE(throws(bad, {"0 classes"}, create(64, 8, 3, 5, 0)));
    EXPECT_TRUE(throws(bad, {"65 classes"}, create(64, 8, 3, 5, 65)));
    EXPECT_TRUE(throws(bad, {}, create(64, 8, 3, 5, ~std::size_t{0})));
    EXPECT_TRUE(throws(bad, {"got 12"}, create(64, 12, 3, 5, 2)));
    const LaneLayout layout = LaneLayout::create(64, 8, 9, 8, 2);  // two blocks of each
    const std::vector<double> values(72, 1.0);
    EXPECT_TRUE(throws(bad, {"8 x 9"}, [&] {
        static_cast<void>(layout.pack_features({values.data(), 8, 9}, 0, 0));
    }));
    EXPECT_TRUE(throws(bad, {"(2, 0)"}, [&] {
        static_cast<void>(layout.pack_features({values.data(), 9, 8}, 2, 0));
    }));
    EXPECT_TRUE(throws(bad, {"(0, 2)"}, [&] {
        static_cast<void>(layout.pack_features({values.data(), 9, 8}, 0, 2));
    }));
    EXPECT_TRUE(throws(bad, {"2"},
                       [&] { static_cast<void>(layout.pack_logits({values.data(), 9, 2}, 2)); }));
    EXPECT_TRUE(throws(bad, {"2"},
                       [&] { static_cast<void>(layout.pack_model({values.data(), 2, 8}, 2)); }));
    EXPECT_TRUE(throws(bad, {"got 0"}, [&] { static_cast<void>(layout.unpack_model({})); }));
    EXPECT_TRUE(throws(bad, {"got 0"}, [&] { static_cast<void>(layout.unpack_logits({})); }));
}

}  // namespace
}  // namespace cipherfit
