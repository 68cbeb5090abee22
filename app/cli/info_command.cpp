// cipherfit info: the program and its machine.
#include "cipherfit/base/parallel.h"
#include "cli/commands.h"
#include "common/streams.h"
#include "common/system_info.h"

#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace cipherfit {

void add_info_command(CLI::App& app) {
    CLI::App* command =
        app.add_subcommand("info", "Say which version this is and what it uses of this machine");
    command->footer("The environment variable CIPHERFIT_ISA chooses other kernels.");
    command->callback([] {
        const std::string in_use = isa();  // first: a wrong CIPHERFIT_ISA prints nothing else
        const auto line = [](const char* head, const std::string& body) {
            print_answer("  {:<22}{}\n", head, body);
        };
        line("version", version());
        line("kernels in use", in_use);
        line("kernels available", fmt::format("{}", fmt::join(available_isas(), ", ")));
        line("CPU features", fmt::format("{}", fmt::join(cpu_features(), ", ")));
        set_thread_count(0);
        line("threads", std::to_string(thread_count()));
    });
}

}  // namespace cipherfit
