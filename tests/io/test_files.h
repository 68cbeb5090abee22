// A directory of its own for every test that touches files, and short ways to its bytes.
#pragma once

#include "cipherfit/base/error.h"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace cipherfit::testing {

class FileTest : public ::testing::Test {
  protected:
    void SetUp() override {
        const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
        directory_ = std::filesystem::temp_directory_path() /
                     fmt::format("cipherfit-{}-{}-{}", info->test_suite_name(), info->name(),
                                 static_cast<long>(getpid()));
        std::filesystem::create_directories(directory_);
    }
    void TearDown() override { std::filesystem::remove_all(directory_); }

    std::filesystem::path path(const std::string& name) const { return directory_ / name; }

    std::filesystem::path put(const std::string& name, const std::string& content) const {
        std::ofstream(path(name), std::ios::binary) << content;
        return path(name);
    }

    std::string get(const std::string& name) const {
        std::ifstream file(path(name), std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }

    std::vector<std::string> names() const {
        std::vector<std::string> result;
        for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
            result.push_back(entry.path().filename().string());
        }
        return result;
    }

    std::filesystem::path directory_;
};

inline std::span<const std::uint8_t> bytes_of(const std::string& text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

inline void must(const Expected<void>& done) {
    if (!done) {
        throw Error(done.error());
    }
}

// EXPECT that `result` failed with this code and these words in its message.
template <class T>
::testing::AssertionResult fails_with(const T& result, decltype(result.error().code) code,
                                      const std::string& words) {
    if (result) {
        return ::testing::AssertionFailure() << "succeeded";
    }
    if (result.error().code != code || result.error().message.find(words) == std::string::npos ||
        result.error().message.find('\n') != std::string::npos) {
        return ::testing::AssertionFailure() << "code " << static_cast<int>(result.error().code)
                                             << ": " << result.error().message;
    }
    return ::testing::AssertionSuccess() << result.error().message;
}

}  // namespace cipherfit::testing
