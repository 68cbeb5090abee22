// A charter's directory and the service's board: each gets what the other has.
#pragma once

#include "remote/service_client.h"

#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace cipherfit {

class CharterExchange {
  public:
    // A directory with charter.bin; `id` is the charter's digest in hex. `clients`: the names of
    // the other members' certificates, for whoever makes the charter known to the service. Throws
    // Error(bad_input) if it is not known and nobody was named.
    CharterExchange(ServiceClient& client, std::filesystem::path directory, std::string id,
                    const std::vector<std::string>& clients);

    // Gets signatures, messages and the result that are not in the directory, then sends those that
    // the board lacks. What was fetched is for the session to verify.
    void synchronise();
    // Has the service train if nothing is missing and it has not done so.
    void start_if_ready();
    RemoteJob state() const { return client_.job(Shelf::charter, id_); }

  private:
    ServiceClient& client_;
    std::filesystem::path directory_;
    std::string id_;
    std::size_t members_ = 0;
};

}  // namespace cipherfit
