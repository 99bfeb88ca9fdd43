// The program: one file per subcommand, this table, and nothing else.
#include <fmt/format.h>

#include <cerrno>
#include <clocale>
#include <cstdio>
#include <cstring>
#include <system_error>

#include "backend/list.h"
#include "base/float_environment.h"
#include "command.h"
#include "commit.h"
#include "engine/text_version.h"
#include "environment.h"
#include "signals.h"
#include "spec/version.h"

namespace {

using verbatim::app::Command;

constexpr Command kCommands[] = {
    {"run", "Continue a text with a model", verbatim::app::add_run},
    {"serve", "Answer requests over HTTP as OpenAI's API does", verbatim::app::add_serve},
    {"score", "Log-probabilities of a text, and the SHA-256 of every logit", verbatim::app::add_score},
    {"verify", "Check receipts: compute answers again and compare", verbatim::app::add_verify},
    {"bench", "Measure prefill and decode beside what this machine can do", verbatim::app::add_bench},
    {"tokenize", "Turn a text into token ids", verbatim::app::add_tokenize},
    {"inspect", "Show what is in a model file and what becomes of it", verbatim::app::add_inspect},
    {"convert", "Write any model that can be opened as one GGUF file", verbatim::app::add_convert},
    {"cache", "List or remove the packed weights that earlier starts left behind", verbatim::app::add_cache},
    {"lab", "Seven claims about determinism, tried on this machine", verbatim::app::add_lab},
    {"demo", "One request again and again in a crowd of others: compare every answer",
     verbatim::app::add_demo},
    {"audit", "Find out whether a server gives one answer to one request", verbatim::app::add_audit},
    {"diff", "Compare the answers that two audits recorded", verbatim::app::add_diff},
};

// 0 and 1 are verdicts of some commands, and what could not be computed, or said on a full disk, is none.
constexpr int kNoVerdict = 2;

int said(int code) {
  const bool flushed = std::fflush(stdout) == 0;
  if (flushed && std::ferror(stdout) == 0) return code;
  std::fprintf(stderr, "verbatim: standard output cannot be written: %s\n",
               flushed ? "some of it was lost" : std::strerror(errno));
  return code == 0 ? kNoVerdict : code;
}

// What bug reports need: the program, what decides its bits and tokens, and what it can compute with.
std::string version_text() {
  std::string backends;
  for (const verbatim::BackendEntry& entry : verbatim::backend_list())
    backends += fmt::format(" {}{}", entry.name, entry.runs_here() ? "" : " (not here)");
  const std::string_view commit = VERBATIM_COMMIT;
  return fmt::format("verbatim {}{}\ncontract {}, text {}\nbackends{}", VERBATIM_VERSION,
                     commit.empty() ? "" : fmt::format(" ({})", commit), verbatim::spec::kContractVersion,
                     verbatim::kTextVersion, backends);
}

}  // namespace

int main(int argc, char** argv) {
  verbatim::require_subnormals();
  verbatim::app::end_on_signals();
  verbatim::app::explain_bus_errors();
  verbatim::app::leave_service_links_aside();
  verbatim::app::Program program(
      "verbatim: one request, one answer, to the last bit", version_text,
      "Every flag can be given as an environment variable: --threads as VERBATIM_THREADS.\n"
      "Start with:  verbatim run -p \"Once upon a time\"");
  for (const Command& command : kCommands) command.add(program.command(command.name, command.summary));
  try {
    const verbatim::app::Asked asked = program.parse(argc, argv);
    if (!asked.action) return asked.exit_code;
    const int code = said(asked.action());
    if (code != 0 && !asked.variables.empty())
      std::fprintf(stderr, "verbatim: flags came from the environment: %s\n",
                   fmt::format("{}", fmt::join(asked.variables, ", ")).c_str());
    return code;
  } catch (const std::system_error& error) {  // of fmt::print
    std::fprintf(stderr, "verbatim: %s\n", error.what());
    return kNoVerdict;
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "verbatim: out of memory\n");
    return kNoVerdict;
  }
}
