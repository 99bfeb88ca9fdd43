// Flags that come from the environment, and what others put there.
#include <gtest/gtest.h>

#include "program.h"

namespace verbatim {
namespace {

struct BadVariable {
  const char* name;  // of the case
  std::string variable, says;
};
std::ostream& operator<<(std::ostream& out, const BadVariable& bad) { return out << bad.variable; }

class BadEnvironment : public testing::TestWithParam<BadVariable> {};
INSTANTIATE_TEST_SUITE_P(
    Variables, BadEnvironment,
    testing::Values(BadVariable{"range", "VERBATIM_PORT=99999",
                                "VERBATIM_PORT: --port: Value 99999 not in range 0 to 65535\n"},
                    BadVariable{"type", "VERBATIM_MAX_QUEUE=many",
                                "VERBATIM_MAX_QUEUE: --max-queue: is many, .*\n"},
                    BadVariable{"choice", "VERBATIM_KV=12", "VERBATIM_KV: --kv: .*12"},
                    BadVariable{"scheme", "VERBATIM_PORT=http://x",
                                "VERBATIM_PORT: --port: Value http://x not in range .*\n"},
                    BadVariable{"key", "VERBATIM_API_KEY=",
                                "VERBATIM_API_KEY is set and empty: give it a value, or unset it\n"},
                    BadVariable{"certificate", "VERBATIM_TLS_CERT=", "VERBATIM_TLS_CERT is set and empty"}),
    [](const auto& test) { return test.param.name; });

TEST_P(BadEnvironment, IsRefusedByName) {
  Serve serve({}, {GetParam().variable});
  EXPECT_EQ(serve.wait(), 2);
  EXPECT_TRUE(serve.prints("^" + GetParam().says)) << serve.text();
}

TEST(Environment, TheCommandLineStandsAboveIt) {
  Serve serve({"--port", "0", "--api-key", "k"}, {"VERBATIM_PORT=99999", "VERBATIM_API_KEY="});
  EXPECT_GT(serve.port(), 0);
}

// The sentence is about the value; where that came from is said too.
TEST(Environment, IsNamedWhereItsValueCannotWork) {
  Serve serve({}, {"VERBATIM_MODEL=/nowhere/model.gguf"});
  EXPECT_EQ(serve.wait(), 1);
  EXPECT_TRUE(serve.prints(
      "^verbatim: /nowhere/model.gguf: .*\nverbatim: flags came from the environment: .*VERBATIM_MODEL"));
}

TEST(Environment, TheServiceLinkOfKubernetesIsNoPort) {
  for (const char* link : {"tcp://10.43.12.7:8000", "udp://[fd00::1]:53"}) {
    Program serve({VERBATIM_PROGRAM, "serve", "--no-cache", "--max-queue", "0"},
                  {std::string("VERBATIM_PORT=") + link, "VERBATIM_PORT_8000_TCP_ADDR=10.43.12.7"});
    EXPECT_EQ(serve.wait(), 2) << "of --max-queue, not of the variable";
    EXPECT_TRUE(serve.prints(
        "verbatim: VERBATIM_PORT=.* comes from a Kubernetes service called verbatim .*\n--max-queue"));
  }
}

}  // namespace
}  // namespace verbatim
