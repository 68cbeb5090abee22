// A file on its way in: breaks, retries, and what replaces an upload.
#include "service/uploads.h"

#include "cipherfit/base/secure.h"
#include "service/outcome.h"
#include "service/refusal.h"
#include "service/temporary_home.h"

#include <filesystem>
#include <fstream>
#include <functional>
#include <stop_token>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

namespace cipherfit::service {
namespace {

std::vector<std::uint8_t> bytes_of(std::string_view text) {
    return {text.begin(), text.end()};
}

FileRecord file_with(const std::vector<std::uint8_t>& bytes) {
    return {.name = "messages/01", .bytes = bytes.size(), .sha256 = to_hex(sha256(bytes))};
}

class UploadsTest : public service_test::TemporaryHome {
  protected:
    static Status status_of(const std::function<void()>& call) {
        try {
            call();
        } catch (const Refusal& refusal) {
            return refusal.status();
        }
        return Status{};
    }

    std::vector<std::uint8_t> first = bytes_of("first"), second = bytes_of("other");
};

TEST_F(UploadsTest, ARetryDuringTheCheckLeavesTheAcceptedFileAlone) {
    IncomingFiles files(home / "incoming");
    const auto incoming = files.open("job", file_with(first), true);
    const auto stream = incoming->take_over();
    incoming->append(stream, 0, first);
    int accepted = 0;
    std::uint64_t later = 0;
    incoming->finish(stream, [&] {
        ++accepted;
        // The line has broken, and the client has come again: it does not keep a thread waiting.
        const auto again = files.open("job", file_with(first), false);
        EXPECT_EQ(again, incoming);
        later = again->take_over();
        std::thread([&] {
            EXPECT_EQ(status_of([&] { again->append(later, 0, first); }), Status::aborted);
            EXPECT_EQ(status_of([&] { again->finish(later, [&] { ++accepted; }); }),
                      Status::aborted);
        }).join();
        std::filesystem::rename(incoming->path(), home / "accepted");
    });
    incoming->finish(later, [&] { ++accepted; });
    EXPECT_EQ(accepted, 1);
    EXPECT_EQ(std::filesystem::file_size(home / "accepted"), first.size());
}

TEST_F(UploadsTest, WhatIsBeingAcceptedIsNotReplaced) {
    IncomingFiles files(home / "incoming");
    const auto incoming = files.open("job", file_with(first), true);
    const auto stream = incoming->take_over();
    incoming->append(stream, 0, first);
    incoming->finish(stream, [&] {
        EXPECT_EQ(status_of([&] { files.open("job", file_with(second), true); }), Status::aborted);
        EXPECT_EQ(std::filesystem::file_size(incoming->path()), first.size());
    });
}

TEST_F(UploadsTest, AnotherDigestHasAnotherPath) {
    IncomingFiles files(home / "incoming");
    const auto incoming = files.open("job", file_with(first), true);
    const auto stream = incoming->take_over();
    const auto other = files.open("job", file_with(second), true);
    EXPECT_NE(other->path(), incoming->path());
    EXPECT_FALSE(std::filesystem::exists(incoming->path()));
    EXPECT_EQ(status_of([&] { incoming->append(stream, 0, first); }), Status::aborted);
    other->append(other->take_over(), 0, second);
    EXPECT_EQ(files.received("job", file_with(second)), second.size());
    EXPECT_EQ(IncomingFiles(home / "incoming").received("job", file_with(second)), second.size());
    EXPECT_EQ(IncomingFiles(home / "incoming").received("job", file_with(first)), 0U);
}

TEST_F(UploadsTest, AWrongFileIsForgottenAndOneThatCouldNotBeReadIsKept) {
    IncomingFiles files(home / "incoming");
    const auto incoming = files.open("job", file_with(first), true);
    const auto stream = incoming->take_over();
    incoming->append(stream, 0, first);
    const auto finish_with = [&](Status status) {
        return status_of([&] { incoming->finish(stream, [&] { refuse(status, "no"); }); });
    };
    EXPECT_EQ(finish_with(Status::internal), Status::internal);
    EXPECT_EQ(incoming->received(), first.size());
    EXPECT_EQ(finish_with(Status::invalid_argument), Status::invalid_argument);
    EXPECT_EQ(incoming->received(), 0U);
    incoming->append(stream, 0, second);
    EXPECT_EQ(status_of([&] { incoming->finish(stream, [] {}); }), Status::data_loss);
    EXPECT_EQ(incoming->received(), 0U);
}

TEST_F(UploadsTest, LinksOfAJobAreNotFollowed) {
    std::filesystem::create_directories(home / "job/real");
    std::ofstream(home / "secret.cft") << "x";
    std::ofstream(home / "job/real/a.cft") << "x";
    std::filesystem::create_directory_symlink(home, home / "job/checkpoints");
    std::filesystem::create_symlink(home / "secret.cft", home / "job/model.cft");
    EXPECT_EQ(status_of([&] { require_no_links(home / "job", "real/a.cft"); }), Status{});
    for (const char* name : {"checkpoints/secret.cft", "model.cft"}) {
        EXPECT_EQ(status_of([&] { require_no_links(home / "job", name); }),
                  Status::failed_precondition);
    }
    EXPECT_TRUE(result_files(home / "job", JobKind::training).empty());
}

TEST_F(UploadsTest, OfWhatAJobMakesOnlyResultsAndCheckpointsAreItsOwners) {
    std::filesystem::create_directories(home / "job/checkpoints");
    for (const char* name :
         {"model.cft", "junk.cft", "checkpoints/iteration_0003.cft", "checkpoints/iteration_3.cft",
          "checkpoints/iteration_0003.cft.cft", "checkpoints/more.cft",
          "checkpoints/iteration_0000.cft", "checkpoints/iteration_12345.cft"}) {
        std::ofstream(home / "job" / name) << "x";
    }
    std::vector<std::string> names;
    for (const FileRecord& file : result_files(home / "job", JobKind::training)) {
        names.push_back(file.name);
    }
    EXPECT_EQ(names, (std::vector<std::string>{"model.cft", "checkpoints/iteration_0003.cft",
                                               "checkpoints/iteration_12345.cft"}));
}

TEST_F(UploadsTest, WhatCannotBeReadOfAJobIsLeftOut) {
    std::filesystem::create_directories(home / "job/checkpoints");
    std::ofstream(home / "job/model.cft") << "x";
    std::ofstream(home / "job/checkpoints/iteration_0003.cft") << "x";
    std::filesystem::permissions(home / "job/model.cft", std::filesystem::perms::none);
    const bool is_root = ::geteuid() == 0;  // who reads everything
    constexpr uid_t nobody = 65534;
    if (is_root) {
        for (const char* path : {"", "job", "job/checkpoints", "job/model.cft",
                                 "job/checkpoints/iteration_0003.cft"}) {
            ASSERT_EQ(::chown((home / path).c_str(), nobody, nobody), 0);
        }
        ASSERT_EQ(::seteuid(nobody), 0);
    }
    const auto files = result_files(home / "job", JobKind::training);
    if (is_root) {
        ASSERT_EQ(::seteuid(0), 0);
    }
    ASSERT_EQ(files.size(), 1U);
    EXPECT_EQ(files[0].name, "checkpoints/iteration_0003.cft");
}

TEST_F(UploadsTest, TheLookAtResultsCanBeEnded) {
    std::filesystem::create_directories(home / "job");
    std::ofstream(home / "job/model.cft") << "x";
    std::stop_source stop;
    EXPECT_EQ(result_files(home / "job", JobKind::training, {}, stop.get_token()).size(), 1U);
    stop.request_stop();
    EXPECT_THROW(result_files(home / "job", JobKind::training, {}, stop.get_token()), Error);
}

TEST_F(UploadsTest, WhatAJobHasNotTouchedSinceItsStartIsNotReadAgain) {
    std::filesystem::create_directories(home / "job");
    std::ofstream(home / "job/model.cft") << "x";
    const FileRecord noted{.name = "model.cft", .bytes = 1, .sha256 = "noted", .complete = true};
    const auto digest = [&](const FileRecord& file, std::chrono::hours started) {
        const auto now = std::filesystem::file_time_type::clock::now();
        return result_files(home / "job", JobKind::training, {{file}, now + started}).at(0).sha256;
    };
    const std::string real = to_hex(sha256(bytes_of("x")));
    EXPECT_EQ(digest(noted, std::chrono::hours(1)), "noted");
    EXPECT_EQ(digest(noted, std::chrono::hours(-1)), real);
    FileRecord other = noted;
    other.bytes = 2;
    EXPECT_EQ(digest(other, std::chrono::hours(1)), real);
}

}  // namespace
}  // namespace cipherfit::service
