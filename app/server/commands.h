// The commands of cipherfit-server beside the work on one directory. Each builds a program of its
// own, whose arguments follow the command.
#pragma once

#include <CLI/CLI.hpp>

namespace cipherfit {

void build_serve(CLI::App& app);
void build_init_pki(CLI::App& app);
void build_audit(CLI::App& app);
void build_run(CLI::App& app);

}  // namespace cipherfit
