#include "cipherfit/io/picture_file.h"

#include "cipherfit/io/file.h"
#include "io/test_files.h"

#include <numeric>

namespace cipherfit {
namespace {

using testing::bytes_of;
using testing::fails_with;
using testing::FileTest;
using testing::must;

class PictureFileTest : public FileTest {
  protected:
    // Pixels 0, 1, 2, ... in the order of the file.
    void write(std::size_t count, const PictureShape& shape) {
        std::uint8_t next = 0;
        auto file = value_or_throw(AtomicFile::create(path("pictures.npy")));
        must(write_pictures(file, count, shape, [&](std::size_t, std::span<std::uint8_t> pixels) {
            std::iota(pixels.begin(), pixels.end(), next);
            next = static_cast<std::uint8_t>(next + pixels.size());
            return Expected<void>{};
        }));
    }
};

// What numpy.save writes, of format version 1.
std::string npy(const std::string& descr, const std::string& order, const std::string& shape,
                std::size_t data) {
    const std::string text =
        fmt::format("{{'descr': '{}', 'fortran_order': {}, 'shape': {}, }}\n", descr, order, shape);
    std::string result("\x93NUMPY\x01\0", 8);
    result += static_cast<char>(text.size());
    result += '\0';
    return result + text + std::string(data, '\7');
}

auto opened(const std::string& bytes) {
    return PictureFile::open(std::make_unique<MemorySource>(bytes_of(bytes), "p.npy"));
}

TEST_F(PictureFileTest, GivesBackWhatWasWritten) {
    for (const std::size_t channels : {1U, 3U}) {
        const PictureShape shape{2, 4, channels};
        write(5, shape);
        const PictureFile file = value_or_throw(PictureFile::open(path("pictures.npy")));
        ASSERT_EQ(file.count(), 5U);
        EXPECT_EQ(file.shape(), shape);
        for (std::size_t i = 0; i < 5; ++i) {
            std::vector<std::uint8_t> expected(shape.bytes());
            std::iota(expected.begin(), expected.end(),
                      static_cast<std::uint8_t>(i * shape.bytes()));
            EXPECT_EQ(value_or_throw(file.read(i)), expected);
        }
        EXPECT_THROW(static_cast<void>(file.read(5)), Error);
    }
}

TEST_F(PictureFileTest, AFailureOfTheSourceLeavesNoFile) {
    {
        auto file = value_or_throw(AtomicFile::create(path("pictures.npy")));
        const auto done = write_pictures(
            file, 3, {2, 2, 1}, [](std::size_t i, std::span<std::uint8_t>) -> Expected<void> {
                if (i < 2) {
                    return {};
                }
                return make_error(ErrorCode::io_failure, "gone");
            });
        EXPECT_TRUE(fails_with(done, ErrorCode::io_failure, "gone"));
    }
    EXPECT_TRUE(names().empty());
}

TEST(PictureFile, RefusesWhatHoldsNoPictures) {
    EXPECT_TRUE(opened(npy("|u1", "False", "(2, 3, 4, 3)", 72)).has_value());
    EXPECT_EQ(value_or_throw(opened(npy("|u1", "False", "(0, 3, 4, 3)", 0))).count(), 0U);
    for (const auto& [descr, order, shape, size] : {std::tuple{"|u1", "True", "(2, 3, 4, 3)", 72},
                                                    {"|i1", "False", "(2, 3, 4, 3)", 72},
                                                    {"<u2", "False", "(2, 3, 4, 3)", 144},
                                                    {"|u1", "False", "(2, 3, 4, 2)", 48},
                                                    {"|u1", "False", "(2, 3, 4)", 24},
                                                    {"|u1", "False", "(2, 0, 4, 3)", 0}}) {
        EXPECT_TRUE(fails_with(opened(npy(descr, order, shape, static_cast<std::size_t>(size))),
                               ErrorCode::bad_input, "holds no pictures"));
    }
    EXPECT_TRUE(fails_with(opened(npy("|u1", "False", "(2, 3, 4, 3)", 71)), ErrorCode::bad_input,
                           "71 bytes of data"));
    // Products that would wrap around in 64 bits.
    for (const char* shape : {"(1, 4294967296, 4294967296, 3)", "(1, 2147483647, 2147483647, 3)",
                              "(4294967296, 1, 1, 1)"}) {
        EXPECT_TRUE(
            fails_with(opened(npy("|u1", "False", shape, 0)), ErrorCode::bad_input, "too many"));
    }
    EXPECT_TRUE(fails_with(opened(npy("|u1", "False", "(1, 1, 1, 1, 1)", 1)), ErrorCode::bad_input,
                           "5 dimensions"));
    EXPECT_TRUE(fails_with(opened("no file"), ErrorCode::bad_input, "not a .npy file"));
}

}  // namespace
}  // namespace cipherfit
