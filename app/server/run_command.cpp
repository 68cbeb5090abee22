// cipherfit-server run: what the service starts for each job.
#include "cipherfit/io/file.h"
#include "common/number_option.h"
#include "common/streams.h"
#include "server/commands.h"
#include "server/work.h"
#include "service/sandbox.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <new>
#include <system_error>
#include <thread>

namespace cipherfit {
namespace {

struct RunJobOptions {
    WorkOptions work;
    std::uint64_t memory_limit = 0, file_limit = 0;
    int parent = 0;
};

// A process that was killed a moment ago may still hold the directory.
void wait_for_directory(const std::filesystem::path& directory) {
    for (int tries = 0; tries < 100; ++tries) {
        const auto lock = DirectoryLock::acquire(directory);
        if (lock || lock.error().code != ErrorCode::busy) {
            return;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
}

void run_job(RunJobOptions& options) {
    options.work.job = std::filesystem::absolute(options.work.job);
    const auto lacking = service::confine({.directory = options.work.job,
                                           .memory_bytes = options.memory_limit,
                                           .file_bytes = options.file_limit,
                                           .parent = options.parent});
    for (const std::string& what : lacking) {
        print_error("the kernel has no {} for this process\n", what);
    }
    wait_for_directory(options.work.job);
    const Error too_large(ErrorCode::bad_input,
                          "it needed more memory than its plan predicts, and was ended");
    try {
        work_on(options.work);
    } catch (const std::bad_alloc&) {
        throw too_large;
    } catch (const std::system_error& error) {
        // A thread whose stack found no room.
        if (error.code() == std::errc::resource_unavailable_try_again) {
            throw too_large;
        }
        throw;
    }
}

}  // namespace

void build_run(CLI::App& app) {
    app.description(
        "Work on a job directory as the service does: no network, no other files, limits");
    CLI::App* command = &app;
    const auto options = std::make_shared<RunJobOptions>();
    command->add_option("job", options->work.job, "The job directory")->required();
    command
        ->add_option("--memory-limit", options->memory_limit,
                     "Bytes of writable memory that it may have; 0: no limit")
        ->capture_default_str();
    command
        ->add_option("--file-limit", options->file_limit,
                     "Bytes that each of its files may have; 0: no limit")
        ->capture_default_str();
    command->add_option("--parent", options->parent,
                        "End with the process of that number, which started this one");
    add_training_options(*command, options->work);
    add_run_options(*command, options->work.run);
    command->callback([options] { run_job(*options); });
}

}  // namespace cipherfit
