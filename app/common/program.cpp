#include "common/program.h"

#include "cipherfit/base/error.h"
#include "common/option_hints.h"

#include <cstdio>
#include <exception>
#include <filesystem>
#include <new>
#include <string>

#include <fmt/format.h>

namespace cipherfit {
namespace {

int fail(std::string message, int status) {
    // One line, whatever a message quotes.
    for (char& c : message) {
        if (c == '\n' || c == '\r') {
            c = ' ';
        }
    }
    fmt::print(stderr, "cipherfit: {}\n", message);
    return status;
}

// The subcommand that was given, for the hint at its help.
std::string command_line(const CLI::App& app) {
    const auto given = app.get_subcommands();
    return given.empty() ? app.get_name() : app.get_name() + " " + given.front()->get_name();
}

int run(const char* name, void (*build)(CLI::App&), int argc, char** argv) {
    CLI::App app{"", name};
    build(app);
    try {
        app.parse(argc, argv);
        if (std::fflush(stdout) != 0) {
            return fail("cannot write to the standard output: the disk may be full", 2);
        }
        return 0;
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) {
            return app.exit(error);
        }
        return fail(
            fmt::format("{} ('{} --help' lists the options)", error.what(), command_line(app)),
            exit_status(ErrorCode::bad_input));
    } catch (const Error& error) {
        return fail(with_options(error.what()), exit_status(error.code()));
    } catch (const std::filesystem::filesystem_error& error) {
        return fail(
            fmt::format("cannot use {}: {}", error.path1().string(), error.code().message()),
            exit_status(ErrorCode::io_failure));
    } catch (const std::bad_alloc&) {
        return fail("out of memory: use fewer samples, or lower --memory-limit",
                    exit_status(ErrorCode::bad_input));
    } catch (const std::exception& error) {
        return fail(fmt::format("a defect of cipherfit, please report it: {}", error.what()),
                    exit_status(ErrorCode::internal));
    }
}

}  // namespace

int run_program(const char* name, void (*build)(CLI::App&), int argc, char** argv) noexcept {
    try {
        return run(name, build, argc, argv);
    } catch (...) {  // no memory is left even for a message
        static_cast<void>(std::fputs("cipherfit: out of memory\n", stderr));
        return exit_status(ErrorCode::internal);
    }
}

void add_run_options(CLI::App& app, RunOptions& run) {
    app.add_option("--threads", run.threads, "Threads to use; 0: all of the machine's")
        ->capture_default_str()
        ->check(CLI::Range(0U, 4096U));
    app.add_flag("--quiet", run.quiet, "No progress on stderr");
}

}  // namespace cipherfit
