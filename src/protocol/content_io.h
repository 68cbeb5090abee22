// Whole contents of a job, with errors that name them.
#pragma once

#include "cipherfit/io/container.h"
#include "cipherfit/protocol/job_store.h"
#include "protocol/section_tags.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace cipherfit {

// The same error with the content's name before what is wrong in it, unless the message has it
// already.
[[noreturn]] inline void throw_named(const std::string& name, const Error& error) {
    const std::string what = error.what();
    if (what.find(name) != std::string::npos) {
        throw Error(error.code(), what);
    }
    throw Error(error.code(), fmt::format("{}: {}", name, what));
}

// Opens a content and returns what `read` makes of its sections, once the end was verified.
template <class F>
auto read_content(ContentSource from, ContainerKind kind, F&& read) {
    return expected([&] {
        auto source = value_or_throw(from.take());
        const std::string name = source->name();
        try {
            auto reader = value_or_throw(ContainerReader::open(std::move(source), kind));
            auto result = read(reader);
            value_or_throw(reader.verify_end());
            return result;
        } catch (const Error& error) {
            throw_named(name, error);
        }
    });
}

// Writes a content of the sections that `write` gives it, and returns its bytes.
template <class F>
Expected<std::uint64_t> write_content(ContentSink to, ContainerKind kind,
                                      const ContainerIdentity& identity, F&& write) {
    return expected([&] {
        auto sink = value_or_throw(to.take());
        const std::string name = sink->name();
        try {
            auto writer = value_or_throw(ContainerWriter::create(std::move(sink), kind, identity));
            write(writer);
            value_or_throw(writer.commit());
            return writer.bytes_written();
        } catch (const Error& error) {
            throw_named(name, error);
        }
    });
}

// For writers whose callers have no use for the number of bytes.
inline Expected<void> without_bytes(const Expected<std::uint64_t>& written) {
    return written.map([](std::uint64_t /*bytes*/) {});
}

// The bytes of a content that is no container; bad_input if there are more than `most`.
Expected<std::vector<std::uint8_t>> read_all(ByteSource& source, std::size_t most);
Expected<void> write_all(ContentSink to, std::span<const std::uint8_t> bytes);

inline constexpr auto all_of_the_job = {IdentityPart::parameters, IdentityPart::key,
                                        IdentityPart::plan, IdentityPart::job};

}  // namespace cipherfit
