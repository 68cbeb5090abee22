// The public map of a charter: its text, and what it refuses.
#include "cipherfit/protocol/joint_map.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

JointMap convolutions() {
    JointMap map;
    map.kind = JointMapKind::random_conv;
    map.height = 6;
    map.width = 9;
    map.filters = 3;
    map.threshold = 0.25;
    map.seed = 18446744073709551615U;
    return map;
}

TEST(JointMap, ComesBackFromItsText) {
    JointMap cosines;
    cosines.kind = JointMapKind::rbf;
    cosines.cosines = 40;
    cosines.rbf_width = 0.3;
    for (const JointMap& map : {JointMap{}, convolutions(), cosines}) {
        const auto back = JointMap::from_text(map.to_text());
        ASSERT_TRUE(back.has_value()) << map.to_text();
        EXPECT_EQ(*back, map);
    }
    EXPECT_EQ(JointMap{}.to_text(), "none");
    EXPECT_EQ(JointMap{}.features(7), 7U);
    EXPECT_EQ(convolutions().features(54), 48U);
    EXPECT_EQ(cosines.features(7), 40U);
}

TEST(JointMap, RefusesTextsThatItWouldNotWrite) {
    const std::string good = convolutions().to_text();
    std::vector<std::string> bad{"",
                                 "nothing",
                                 "{}",
                                 "[]",
                                 "null",
                                 "\"none\"",
                                 good + " ",
                                 R"({"kind":"none","seed":1})",
                                 R"({"kind":"pca","seed":1})"};
    const auto changed = [&](const std::string& from, const std::string& to) {
        std::string text = good;
        text.replace(text.find(from), from.size(), to);
        bad.push_back(text);
    };
    changed("\"filters\":3", "\"filters\":3.0");
    changed("\"filters\":3", "\"filters\":-3");
    changed("\"filters\":3", "\"filters\":1e300");
    changed("\"filters\":3", "\"filters\":3,\"more\":1");
    changed("\"unit_rows\":true", "\"unit_rows\":1");
    changed("0.25", "null");
    changed("random-conv", "rbf");
    for (const std::string& text : bad) {
        const auto map = JointMap::from_text(text);
        ASSERT_FALSE(map.has_value()) << text;
        EXPECT_EQ(map.error().code, ErrorCode::bad_input) << text;
        EXPECT_EQ(map.error().message.find('\n'), std::string::npos) << text;
    }
}

TEST(JointMap, RefusesSizesThatDoNotFit) {
    EXPECT_TRUE(convolutions().check(54).has_value());
    EXPECT_FALSE(convolutions().check(55).has_value());
    JointMap map = convolutions();
    map.filters = 257;
    EXPECT_NE(map.check(54).error().message.find("4112"), std::string::npos);
    // Products that wrap to something small.
    map = convolutions();
    map.height = std::size_t{1} << 63U;
    map.width = 2;
    EXPECT_FALSE(map.check(0).has_value());
    map = convolutions();
    map.grid = std::size_t{1} << 32U;
    EXPECT_FALSE(map.check(54).has_value());
    map = {};
    map.kind = JointMapKind::rbf;
    map.cosines = 0;
    EXPECT_FALSE(map.check(4).has_value());
    map.cosines = 4096;
    EXPECT_TRUE(map.check(4).has_value());
}

}  // namespace
}  // namespace cipherfit
