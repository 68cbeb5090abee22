// Assertions about thrown errors: their code and what their message quotes.
#pragma once

#include "cipherfit/base/error.h"

#include <initializer_list>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace cipherfit::test {

// Runs `body`, which must throw an Error of that code whose message holds all the words.
template <class F>
::testing::AssertionResult throws(ErrorCode code, std::initializer_list<std::string_view> words,
                                  F&& body) {
    try {
        body();
    } catch (const Error& error) {
        if (error.code() != code) {
            return ::testing::AssertionFailure()
                   << "threw " << name(error.code()) << ": " << error.what();
        }
        const std::string message = error.what();
        for (const std::string_view word : words) {
            if (message.find(word) == std::string::npos) {
                return ::testing::AssertionFailure() << "no '" << word << "' in: " << message;
            }
        }
        if (message.find('\n') != std::string::npos) {
            return ::testing::AssertionFailure() << "more than one line: " << message;
        }
        return ::testing::AssertionSuccess();
    }
    return ::testing::AssertionFailure() << "nothing was thrown";
}

}  // namespace cipherfit::test
