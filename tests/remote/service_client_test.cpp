#include "remote/service_client.h"

#include "remote/fake_service.h"

#include <random>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;
using remote_test::FakeServer;
using remote_test::FakeService;
using remote_test::text_of;

const RetryLimits quick{.contact_seconds = 0.5,
                        .silence_seconds = 2,
                        .first_pause_seconds = 0.01,
                        .longest_pause_seconds = 0.05};

class Recorder final : public ServiceObserver {
  public:
    void on_idle() override {
        ++idles;
        require(!stop, ErrorCode::interrupted, "stopped");
    }
    void on_trouble(const std::string& reason) override {
        require(!stop_at_trouble, ErrorCode::interrupted, "stopped");
        troubles.push_back(reason);
    }
    int idles = 0;
    bool stop = false, stop_at_trouble = false;
    std::vector<std::string> troubles;
};

std::string noise(std::size_t bytes, unsigned seed) {
    std::mt19937 random(seed);
    std::string text(bytes, '\0');
    for (char& c : text) {
        c = static_cast<char>(random());
    }
    return text;
}

// A directory that goes with the test.
class Place {
  public:
    Place()
        : path_(fs::temp_directory_path() / ("cipherfit_remote_" + std::to_string(::getpid()))) {
        fs::remove_all(path_);
        fs::create_directories(path_);
    }
    ~Place() { fs::remove_all(path_); }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    const fs::path& path() const { return path_; }

  private:
    fs::path path_;
};

class ServiceClientTest : public testing::Test {
  protected:
    ServiceIdentity identity() {
        const fs::path place = directory_.path() / "identity";
        fs::create_directories(place);
        const fs::path from = remote_test::pki();
        constexpr auto over = fs::copy_options::overwrite_existing;
        fs::copy_file(from / "ca.pem", place / "ca.pem", over);
        fs::copy_file(from / "client.cert.pem", place / "cert.pem", over);
        fs::copy_file(from / "client.key.pem", place / "key.pem", over);
        fs::permissions(place / "key.pem", fs::perms::owner_read | fs::perms::owner_write);
        return read_identity(place);
    }
    ServiceClient client(const CallTimes& times = {}) {
        return {server_.address(), identity(), recorder_, quick, times};
    }
    fs::path file(const std::string& bytes) {
        const fs::path path = directory_.path() / "bytes";
        std::ofstream(path, std::ios::binary) << bytes;
        return path;
    }
    std::size_t parts() const {
        std::size_t count = 0;
        for (const auto& entry : fs::directory_iterator(directory_.path())) {
            count += entry.path().extension() == ".part" ? 1 : 0;
        }
        return count;
    }
    // The message of the error that the call throws.
    template <class F>
    static std::string message(ErrorCode code, F&& call) {
        try {
            call();
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), code) << error.what();
            return error.what();
        }
        ADD_FAILURE() << "nothing was thrown";
        return {};
    }

    Place directory_;
    Recorder recorder_;
    FakeService service_;
    FakeServer server_{service_};
};

TEST_F(ServiceClientTest, GreetsAndRetriesWhatIsUnavailable) {
    service_.faults.unavailable = 3;
    ServiceClient there = client();
    EXPECT_EQ(there.greet().client, "tester");
    EXPECT_EQ(recorder_.troubles.size(), 3U);
    service_.api = "v2";
    EXPECT_NE(message(ErrorCode::unsupported_version, [&] { there.greet(); }).find("v2"),
              std::string::npos);
}

TEST_F(ServiceClientTest, GivesTheReasonOfARefusalInOneLine) {
    const std::string plan = "refused";
    ServiceClient there = client();
    EXPECT_EQ(message(ErrorCode::bad_input,
                      [&] {
                          there.create_job(
                              {reinterpret_cast<const std::uint8_t*>(plan.data()), plan.size()}, "",
                              {});
                      }),
              server_.address() + ": the plan needs 8 GB");
    EXPECT_TRUE(recorder_.troubles.empty());
}

TEST_F(ServiceClientTest, GivesUpWhereNothingListensOrTheCertificateIsWrong) {
    // A server's certificate is no client's: the authority of another file is not the server's.
    ServiceIdentity strange = identity();
    strange.authority = text_of(remote_test::pki() / "client.cert.pem");
    ServiceClient mistrusting(server_.address(), strange, recorder_, quick);
    EXPECT_NE(message(ErrorCode::io_failure, [&] { mistrusting.greet(); }).find("identity"),
              std::string::npos);
    ServiceClient nowhere("localhost:1", identity(), recorder_, quick);
    EXPECT_NE(message(ErrorCode::io_failure, [&] { nowhere.greet(); }).find("cannot be reached"),
              std::string::npos);
}

// Property: wherever uploads are cut, the file arrives, in chunks of at most 4 MiB, and what is
// sent twice are chunks that did not arrive whole.
TEST_F(ServiceClientTest, UploadsGoOnWhereTheyWereCut) {
    std::mt19937 generator(7);
    const auto random = [&generator] { return static_cast<unsigned>(generator()); };
    for (int round = 0; round < 6; ++round) {
        const std::string bytes = noise(3'000'000 + random() % 3'000'000, random());
        const std::string name = "rows" + std::to_string(round) + ".cft";
        service_.received = 0;
        service_.faults.cut_uploads.clear();
        const unsigned cuts = 1 + random() % 5;
        for (unsigned i = 0; i < cuts; ++i) {
            service_.faults.cut_uploads.push_back(random() % bytes.size());
        }
        service_.files[name].required = true;
        ServiceClient there = client();
        there.upload(Shelf::job, "42", name, file(bytes));
        EXPECT_EQ(service_.files.at(name).bytes, bytes);
        EXPECT_TRUE(service_.files.at(name).complete);
        EXPECT_EQ(service_.received, bytes.size());  // nothing that it had came again
        EXPECT_EQ(there.count().sent, bytes.size() + there.count().sent_twice);
        EXPECT_LE(service_.largest_chunk, std::uint64_t{4} << 20U);
    }
}

TEST_F(ServiceClientTest, AnUploadOfAnotherProcessIsGoneOnWith) {
    const std::string bytes = noise(4'000'000, 3);
    service_.files["rows.cft"].required = true;
    service_.faults.cut_uploads = {2'500'000};
    recorder_.stop_at_trouble = true;
    {
        ServiceClient first = client();
        EXPECT_THROW(first.upload(Shelf::job, "42", "rows.cft", file(bytes)), Error);
    }
    recorder_.stop_at_trouble = false;
    const std::uint64_t before = service_.files.at("rows.cft").bytes.size();
    EXPECT_EQ(before, 2 * chunk_bytes);
    ServiceClient second = client();
    second.upload(Shelf::job, "42", "rows.cft", file(bytes));
    EXPECT_TRUE(service_.files.at("rows.cft").complete);
    EXPECT_EQ(second.count().sent, bytes.size() - before);
    second.upload(Shelf::job, "42", "rows.cft", file(bytes));  // complete: nothing is sent
    EXPECT_EQ(second.count().sent, bytes.size() - before);
    EXPECT_NE(message(ErrorCode::bad_input,
                      [&] { second.upload(Shelf::job, "42", "rows.cft", file("other")); })
                  .find("another 'rows.cft'"),
              std::string::npos);
}

TEST_F(ServiceClientTest, AServerThatChecksForLongIsWaitedFor) {
    service_.files["rows.cft"].required = true;
    service_.faults.busy_until = std::chrono::steady_clock::now() + std::chrono::milliseconds(1500);
    RetryLimits impatient = quick;
    impatient.silence_seconds = 0.3;
    const auto upload_within = [&](double accept_seconds) {
        ServiceClient there(server_.address(), identity(), recorder_, impatient,
                            {.accept_seconds = accept_seconds});
        there.upload(Shelf::job, "42", "rows.cft", file(noise(100'000, 9)));
    };
    EXPECT_NE(message(ErrorCode::io_failure, [&] { upload_within(0.1); }).find("at work"),
              std::string::npos);
    upload_within(60);
    EXPECT_TRUE(service_.files.at("rows.cft").complete);
}

TEST_F(ServiceClientTest, ALostFileIsSentAgainButNotForEver) {
    service_.faults.lose_uploads = 2;
    service_.files["rows.cft"].required = true;
    service_.files["keys.cft"].required = true;
    ServiceClient there = client();
    there.upload(Shelf::job, "42", "rows.cft", file(noise(100'000, 4)));
    EXPECT_TRUE(service_.files.at("rows.cft").complete);
    service_.faults.lose_uploads = 1000;
    EXPECT_NE(message(ErrorCode::corrupt_data,
                      [&] { there.upload(Shelf::job, "42", "keys.cft", file("k")); })
                  .find("another digest"),
              std::string::npos);
    EXPECT_NE(message(ErrorCode::bad_input,
                      [&] { there.upload(Shelf::job, "42", "none.cft", file("k")); })
                  .find("takes no 'none.cft'"),
              std::string::npos);
}

TEST_F(ServiceClientTest, DownloadsGoOnAndAppearWhole) {
    const std::string bytes = noise(1'234'567, 5);
    service_.offer("model.cft", bytes);
    service_.faults.cut_downloads = {100'000, 0, 400'000, 1};
    ServiceClient there = client();
    const fs::path target = directory_.path() / "model.cft";
    there.download(Shelf::job, "42", "model.cft", target, 1 << 24);
    EXPECT_EQ(text_of(target), bytes);
    EXPECT_EQ(parts(), 0U);
    EXPECT_EQ(there.count().downloaded, bytes.size());
    EXPECT_EQ(service_.offsets,
              (std::vector<std::uint64_t>{0, 100'000, 100'000, 500'000, 550'000}));
    EXPECT_EQ(fs::status(target).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(ServiceClientTest, APartOfAnEarlierRunIsUsedIfTheFileIsTheSame) {
    const std::string bytes = noise(600'000, 6);
    service_.offer("model.cft", bytes);
    const Digest digest =
        sha256({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
    const fs::path target = directory_.path() / "model.cft";
    const auto part = directory_.path() / (".model.cft." + to_hex(digest) + ".part");
    std::ofstream(part, std::ios::binary) << bytes.substr(0, 250'000);
    ServiceClient there = client();
    there.download(Shelf::job, "42", "model.cft", target, 1 << 24);
    EXPECT_EQ(text_of(target), bytes);
    EXPECT_EQ(there.count().downloaded, 350'000U);
    // Of another file, and with other bytes: neither gets into the result.
    service_.offer("model.cft", bytes + "more");
    std::ofstream(part, std::ios::binary) << bytes.substr(0, 250'000);
    there.download(Shelf::job, "42", "model.cft", target, 1 << 24);
    EXPECT_EQ(text_of(target), bytes + "more");
    service_.offer("model.cft", bytes);
    std::ofstream(part, std::ios::binary) << std::string(250'000, 'x');
    there.download(Shelf::job, "42", "model.cft", target, 1 << 24);
    EXPECT_EQ(text_of(target), bytes);
    EXPECT_EQ(parts(), 0U);
}

TEST_F(ServiceClientTest, ADownloadThatIsNotWhatWasAnnouncedLeavesNothing) {
    service_.offer("model.cft", noise(200'000, 8));
    const fs::path target = directory_.path() / "model.cft";
    ServiceClient there = client();
    service_.faults.changed_bytes = true;
    EXPECT_NE(message(ErrorCode::corrupt_data,
                      [&] { there.download(Shelf::job, "42", "model.cft", target, 1 << 24); })
                  .find("digest"),
              std::string::npos);
    service_.faults.changed_bytes = false;
    service_.faults.gap = true;
    EXPECT_NE(message(ErrorCode::corrupt_data,
                      [&] { there.download(Shelf::job, "42", "model.cft", target, 1 << 24); })
                  .find("gap"),
              std::string::npos);
    service_.faults.gap = false;
    EXPECT_NE(message(ErrorCode::corrupt_data,
                      [&] { there.download(Shelf::job, "42", "model.cft", target, 199'999); })
                  .find("at most 199999 make sense"),
              std::string::npos);
    EXPECT_NE(message(ErrorCode::bad_input,
                      [&] { there.download(Shelf::job, "42", "none.cft", target, 1 << 24); })
                  .find("no file of that name"),
              std::string::npos);
    EXPECT_FALSE(fs::exists(target));
}

TEST_F(ServiceClientTest, WatchesAcrossBreaksAndSilence) {
    service_.state = v1::JOB_STATE_RUNNING;
    service_.faults.silent_watches = 1;
    ServiceClient there = client({.answer_seconds = 1, .stall_seconds = 0.4, .accept_seconds = 1});
    const RemoteJob job = there.watch(Shelf::job, "42", [](const RemoteJob&) { return true; });
    EXPECT_EQ(job.state, RemoteState::succeeded);
    EXPECT_GE(service_.watched, 2);
    EXPECT_GE(there.count().breaks, 1U);
    EXPECT_NO_THROW(there.remove(Shelf::job, "42"));  // it is gone already
}

TEST_F(ServiceClientTest, AStopEndsACallThatWaits) {
    service_.faults.silent_watches = 1;
    ServiceClient there = client();
    std::jthread stopper([this] {
        std::this_thread::sleep_for(std::chrono::milliseconds(300));
        recorder_.stop = true;
    });
    const auto start = std::chrono::steady_clock::now();
    message(ErrorCode::interrupted,
            [&] { there.watch(Shelf::job, "42", [](const RemoteJob&) { return true; }); });
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(3));
}

TEST_F(ServiceClientTest, IdentitiesAndAddressesAreChecked) {
    const fs::path place = directory_.path() / "identity";
    static_cast<void>(identity());
    fs::permissions(place / "key.pem", fs::perms::group_read, fs::perm_options::add);
    EXPECT_NE(message(ErrorCode::bad_input, [&] { read_identity(place); }).find("chmod 600"),
              std::string::npos);
    fs::remove(place / "cert.pem");
    EXPECT_NE(message(ErrorCode::bad_input, [&] { read_identity(place); }).find("cert.pem"),
              std::string::npos);
    EXPECT_NO_THROW(checked_address("train.example:7443"));
    EXPECT_NO_THROW(checked_address("[::1]:7443"));
    for (const char* wrong :
         {"", "host", ":7443", "host:", "host:0", "host:65536", "host:7443x", "https://host:7443",
          "unix:/tmp/x:1", "ho st:1", "[::1:1", "host:99999999999"}) {
        EXPECT_THROW(checked_address(wrong), Error) << wrong;
    }
}

}  // namespace
}  // namespace cipherfit
