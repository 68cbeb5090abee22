#include "common/program.h"

#include "cipherfit/base/error.h"
#include "common/number_option.h"
#include "common/option_hints.h"
#include "common/streams.h"

#include <algorithm>
#include <exception>
#include <filesystem>
#include <new>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

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
    print_error("cipherfit: {}\n", message);
    return status;
}

// The subcommand that was given, for the hint at its help.
std::string command_line(const CLI::App& app) {
    std::string line = app.get_name();
    for (auto given = app.get_subcommands(); !given.empty();
         given = given.front()->get_subcommands()) {
        line += " " + given.front()->get_name();
    }
    return line;
}

// CLI11 says of an unknown command no more than that one is missing, and of an unknown option no
// more than which ones are missing. Nothing that may be given is empty.
void require_words(const CLI::App& app, int argc, char** argv) {
    const auto commands_of = [](const CLI::App& level) {
        return level.get_subcommands([](const CLI::App*) { return true; });
    };
    const CLI::App* level = &app;  // the program, a command, or a command's command
    std::string name = app.get_name();
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        require(!word.empty() && !(word.starts_with("--") && word.ends_with("=")),
                ErrorCode::bad_input, "{} is empty: give a value, or leave it out ('{} --help')",
                !word.empty() ? word.substr(0, word.size() - 1)
                : i > 1       ? "what follows " + std::string(argv[i - 1])
                              : std::string("the first word"),
                name);
        const std::vector<const CLI::App*> commands = commands_of(*level);
        if (!commands.empty() && !word.starts_with("-")) {
            const auto found = std::ranges::find_if(
                commands, [&word](const CLI::App* known) { return known->check_name(word); });
            require(found != commands.end(), ErrorCode::bad_input,
                    "'{}' is no command of {} ('{} --help' lists them)", word, name, name);
            level = *found;
            name += " " + word;
        } else if (commands.empty() && word.size() > 2 && word.starts_with("--")) {
            const std::string option = word.substr(0, word.find('='));
            require(level->get_option_no_throw(option) != nullptr, ErrorCode::bad_input,
                    "'{}' is no option of {} ('{} --help' lists them)", option, name, name);
        } else if (word == "--") {
            return;
        }
    }
}

// Paths may be missing in the standard library's errors.
std::string describe(const std::filesystem::filesystem_error& error) {
    const std::string path = error.path1().string();
    return path.empty() ? fmt::format("a file cannot be used: {}", error.what())
                        : fmt::format("cannot use {}: {}", path, error.code().message());
}

// The status of work that is done, whether or not its text found its way.
int finished() {
    const LostOutput lost = lost_output();
    if (lost.error == 0) {
        return 0;
    }
    const std::string reason = std::generic_category().message(lost.error);
    if (lost.only_here) {
        return fail(fmt::format("cannot write to the standard output: {}", reason),
                    exit_status(ErrorCode::io_failure));
    }
    return fail(fmt::format("cannot write to the standard output: {}; the work is done, and its "
                            "files are all there",
                            reason),
                0);
}

int run(const char* name, void (*build)(CLI::App&), int argc, char** argv) {
    CLI::App app{"", name};
    build(app);
    try {
        require_words(app, argc, argv);
        app.parse(argc, argv);
        return finished();
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) {  // the help, or the version
            std::ostringstream text;
            static_cast<void>(app.exit(error, text, text));
            print_answer("{}", text.str());
            return finished();
        }
        return fail(
            fmt::format("{} ('{} --help' lists the options)", error.what(), command_line(app)),
            exit_status(ErrorCode::bad_input));
    } catch (const Error& error) {
        return fail(with_options(error.what()), exit_status(error.code()));
    } catch (const std::filesystem::filesystem_error& error) {
        return fail(describe(error), exit_status(ErrorCode::io_failure));
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
        write_error("cipherfit: out of memory\n");
        return exit_status(ErrorCode::internal);
    }
}

void add_run_options(CLI::App& app, RunOptions& run) {
    app.add_option("--threads", run.threads, "Threads to use; 0: all that the process may run on")
        ->capture_default_str()
        ->transform(whole_number(0, 4096));
    app.add_flag("--quiet", run.quiet, "No progress on stderr");
}

}  // namespace cipherfit
