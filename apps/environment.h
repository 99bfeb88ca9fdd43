// Flags that come from the environment: VERBATIM_PORT is --port where the command line does not have it.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace verbatim::app {

// Kubernetes tells every pod of a service called NAME where it is, in NAME_PORT=tcp://10.43.12.7:8000. Of a service
// called verbatim that is no flag of ours: says so on stderr, and goes on without it.
void leave_service_links_aside();

// Parses. Throws CLI::ParseError; one that a variable caused names it. A variable that is set and empty is refused:
// VERBATIM_API_KEY= must not open a server. Gives the variables that set a flag of the chosen command.
std::vector<std::string> parse(CLI::App& program, int argc, char** argv);

}  // namespace verbatim::app
