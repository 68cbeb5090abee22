// A directory that is there for one test.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

namespace cipherfit::service_test {

class TemporaryHome : public testing::Test {
  protected:
    void SetUp() override {
        std::string name = (std::filesystem::temp_directory_path() / "cipherfit-XXXXXX").string();
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        home = name;
    }
    void TearDown() override { std::filesystem::remove_all(home); }

    std::filesystem::path home;
};

}  // namespace cipherfit::service_test
