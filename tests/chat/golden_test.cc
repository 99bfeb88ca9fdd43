// Real chat templates write prompts as Jinja2 does under transformers, byte for byte, for every conversation of
// conversations.json; where the template raises, so do we. tools/goldens/make_jinja_goldens.py made the goldens.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "chat/chat_template.h"
#include "json/library.h"
#include "source_path.h"

namespace verbatim {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

const fs::path kTests = source_path("tests/chat");
const fs::path kTemplates = source_path("../shared/chat_templates");

std::string text_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return (std::ostringstream() << file.rdbuf()).str();
}

// What of a conversation the template leaves out, and we therefore add to it (docs/http-api.md): Jinja2's text lacks it.
std::vector<std::string> additions(const ChatTemplate& chat, const Json& messages) {
  std::vector<std::string> added;
  for (const Json& message : messages) {
    if (!chat.takes().tool_calls)
      for (const Json& call : message.value("tool_calls", Json::array()))
        added.push_back(fmt::format("<tool_call>\n{{\"name\": {}", call["function"]["name"].dump()));
    if (!chat.takes().tool_messages && message["role"] == "tool")
      added.push_back(message["content"].get<std::string>() + "\n</tool_response>");
  }
  return added;
}

Json at(const Json& object, const char* key) { return object.contains(key) ? object[key] : Json(); }

TEST(ChatGolden, RealTemplatesWriteWhatJinja2Writes) {
  if (!fs::exists(kTemplates)) GTEST_SKIP() << kTemplates << " is absent";
  const Json conversations = Json::parse(text_of(kTests / "conversations.json"));
  int prompts = 0, errors = 0;
  for (const auto& file : fs::directory_iterator(kTests / "golden")) {
    const std::string name = file.path().stem().string();
    const Json golden = Json::parse(text_of(file.path()));
    const Result<ChatTemplate> chat = ChatTemplate::create(text_of(kTemplates / (name + ".jinja")));
    ASSERT_TRUE(chat.ok()) << name << ": " << chat.error().message;
    for (const auto& [which, conversation] : conversations.items()) {
      for (bool prompt : {false, true}) {
        const Json& expected = golden[which + (prompt ? "+" : "")];
        const ChatOptions options{.add_generation_prompt = prompt, .bos_token = "<s>", .eos_token = "</s>"};
        const Result<std::string> actual = chat->render(conversation["messages"], at(conversation, "tools"),
                                                        at(conversation, "kwargs"), options);
        if (const auto added = additions(*chat, conversation["messages"]); !added.empty()) {
          const std::string written = actual.ok() ? *actual : "";  // roles that must alternate may not
          for (const std::string& text : added)
            EXPECT_TRUE(written.empty() || written.find(text) != written.npos) << name << ", " << which;
        } else if (expected.contains("error")) {
          ++errors;
          EXPECT_FALSE(actual.ok()) << name << ", " << which << ": should raise " << expected["error"];
        } else {
          ++prompts;
          ASSERT_TRUE(actual.ok()) << name << ", " << which << ": " << actual.error().message;
          EXPECT_EQ(*actual, expected["text"].get<std::string>()) << name << ", " << which;
        }
      }
    }
  }
  EXPECT_GT(prompts, 500);
  EXPECT_GT(errors, 50);
}

}  // namespace
}  // namespace verbatim
