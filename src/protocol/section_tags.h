// What all readers and writers of a job's contents share: the tags of sections that several of them
// have, and errors as values.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/io/container.h"

#include <cstdint>
#include <type_traits>

namespace cipherfit {

inline constexpr std::uint32_t tag_plan = section_tag("PLAN");
inline constexpr std::uint32_t tag_answer_key = section_tag("AKEY");
inline constexpr std::uint32_t tag_list = section_tag("LIST");
inline constexpr std::uint32_t tag_key = section_tag("EKEY");
inline constexpr std::uint32_t tag_seeded = section_tag("SEED");
inline constexpr std::uint32_t tag_ciphertext = section_tag("CIPH");

// Runs f, which may throw Error, and turns its result or its error into an Expected.
template <class F>
auto expected(F&& f) -> Expected<decltype(f())> {
    try {
        if constexpr (std::is_void_v<decltype(f())>) {
            f();
            return {};
        } else {
            return f();
        }
    } catch (const Error& error) {
        return tl::unexpected<ErrorInfo>(error.info());
    }
}

}  // namespace cipherfit
