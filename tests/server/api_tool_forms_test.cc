// What tools, tool_choice and histories may look like, in Chat and in Responses.
#include "server/api_fixture.h"
#include "server/call.h"

namespace verbatim::server {
namespace {

Json function_tool(const char* name, const char* parameters) {
  Json function = {{"name", name}};
  if (*parameters != '\0') function["parameters"] = Json::parse(parameters);
  return {{"type", "function"}, {"function", function}};
}

constexpr const char* kTree =
    R"({"type":"object","properties":{"v":{"type":"integer","minimum":0,"maximum":9},"kids":{"type":"array",
    "items":{"$ref":"#"},"maxItems":1}},"required":["v","kids"],"additionalProperties":false})";
constexpr const char* kPlan =
    R"({"$defs":{"Step":{"enum":["a","b"]}},"type":"object","properties":{"step":{"$ref":"#/$defs/Step"}},
    "required":["step"],"additionalProperties":false})";

Json with_tools(const Json& choice, const Json& tools) {
  return {{"messages", kMessages}, {"tools", tools}, {"tool_choice", choice}, {"max_tokens", 200}};
}

Json only_call(TestServer& server, const Json& body) {
  Json choice = server.answer("/v1/chat/completions", body)["choices"][0];
  EXPECT_EQ(choice["message"]["tool_calls"].size(), 1u) << choice;
  return choice["message"]["tool_calls"][0]["function"];
}

// Parameters are a document of their own; without them a tool takes none; they never are anything but an object.
TEST(ApiToolForms, ParametersAreTheirOwnDocument) {
  TestServer server;
  for (const char* choice : {"required", "named"}) {
    auto arguments = [&](const char* parameters) {
      const Json named = {{"type", "function"}, {"function", {{"name", "f"}}}};
      Json body =
          with_tools(*choice == 'n' ? named : Json(choice), Json::array({function_tool("f", parameters)}));
      body["seed"] = 3;
      const Json call = only_call(server, body);
      EXPECT_EQ(call["name"], "f");
      return call["arguments"].get<std::string>();
    };
    const Json plan = Json::parse(arguments(kPlan));
    EXPECT_TRUE(plan["step"] == "a" || plan["step"] == "b");
    EXPECT_EQ(arguments(""), "{}");
    EXPECT_EQ(arguments("{}").front(), '{');
    EXPECT_EQ(arguments(R"({"type": ["string", "object"]})").front(), '{');
    for (const char* of : {"v", "kids"}) EXPECT_NE(arguments(kTree).find(of), std::string::npos);
  }
}

TEST(ApiToolForms, ACallThatIsCutIsPartial) {
  TestServer server;
  for (int tokens : {1, 5, 30}) {
    Json body = with_tools("required", Json::array({function_tool("weather", kPlan)}));
    body["max_tokens"] = tokens;
    Json choice = server.answer("/v1/chat/completions", body)["choices"][0];
    EXPECT_EQ(choice["finish_reason"], "length");
    EXPECT_TRUE(choice["message"]["content"].is_null());
    ASSERT_EQ(choice["message"]["tool_calls"].size(), 1u);
    EXPECT_EQ(choice["message"]["tool_calls"][0]["function"]["name"], "weather");
  }
}

TEST(ApiToolForms, AFormatAndToolsTogether) {
  ServedModel model = tiny_served_model();
  Json body = with_tools("auto", Json::array({function_tool("f", kPlan)}));
  body["response_format"] = {
      {"type", "json_schema"},
      {"json_schema", {{"name", "a"}, {"schema", {{"type", "object"}, {"required", {"ok"}}}}}}};
  auto call = read_call(body.dump(), kChat, model);
  ASSERT_TRUE(call.ok()) << call.error().message;
  ASSERT_NE(call->requests[0].constraint, nullptr);
  ConstraintState answer(call->requests[0].constraint), called = answer, text = answer;
  EXPECT_TRUE(answer.advance(R"({"ok": 1})"));
  EXPECT_TRUE(answer.may_end());
  EXPECT_TRUE(
      called.advance("<tool_call>\n{\"name\": \"f\", \"arguments\": {\"step\": \"a\"}}\n</tool_call>"));
  EXPECT_TRUE(called.must_end());
  EXPECT_FALSE(text.advance("It"));
}

TEST(ApiToolForms, AllowedToolsAreTheOnlyOnes) {
  TestServer server;
  const Json tools = Json::array({function_tool("f", kPlan), function_tool("g", "")});
  const Json name = {{"type", "function"}, {"function", {{"name", "g"}}}};
  auto choice = [&](const char* mode, const Json& named) {
    const Json allowed = {{"mode", mode}, {"tools", Json::array({named})}};
    return Json{{"type", "allowed_tools"}, {"allowed_tools", allowed}};
  };
  EXPECT_EQ(only_call(server, with_tools(choice("required", name), tools))["name"], "g");
  auto call = read_call(with_tools(choice("auto", name), tools).dump(), kChat, tiny_served_model());
  ASSERT_TRUE(call.ok()) << call.error().message;
  EXPECT_TRUE(call->prompts[0].text.starts_with("<tools> g ")) << call->prompts[0].text;
  const Json other = {{"type", "function"}, {"function", {{"name", "h"}}}};
  for (const Json& wrong :
       {choice("sometimes", name), choice("auto", other), Json{{"type", "allowed_tools"}}})
    EXPECT_EQ(server.refusal("/v1/chat/completions", with_tools(wrong, tools))["param"], "tool_choice");
}

TEST(ApiToolForms, OneCallAtMostWhereCallsAreNotParallel) {
  ServedModel model = tiny_served_model();
  Json body = with_tools("auto", Json::array({function_tool("f", "")}));
  body["parallel_tool_calls"] = false;
  auto call = read_call(body.dump(), kChat, model);
  ASSERT_TRUE(call.ok()) << call.error().message;
  EXPECT_EQ(call->requests[0].stop_strings, std::vector<std::string>{"</tool_call>"});
  const std::string one = "<tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call>";
  AnswerText text(call->make_parser);
  std::vector<AnswerPart> parts;
  for (const AnswerPiece& piece : text.push("a" + one + one + "b")) add_piece(parts, piece);
  for (const AnswerPiece& piece : text.finish()) add_piece(parts, piece);
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_EQ(std::get<std::string>(parts[0]), "a");
}

// ---- Responses ------------------------------------------------------------------------------------

Json response_tool(const char* name) {
  return {{"type", "function"}, {"name", name}, {"parameters", Json::parse(kPlan)}, {"strict", true}};
}

TEST(ApiToolForms, ResponsesCallTools) {
  TestServer server;
  Json body = {{"input", "Hi"}, {"tools", Json::array({response_tool("f")})}, {"tool_choice", "required"}};
  Json whole = server.answer("/v1/responses", body);
  EXPECT_EQ(whole["tools"], body["tools"]);
  EXPECT_EQ(whole["tool_choice"], "required");
  ASSERT_EQ(whole["output"].size(), 1u);
  const Json& call = whole["output"][0];
  EXPECT_EQ(call["type"], "function_call");
  EXPECT_EQ(call["name"], "f");
  EXPECT_EQ(call["status"], "completed");
  EXPECT_TRUE(Json::parse(call["arguments"].get<std::string>()).contains("step"));

  body["stream"] = true;
  const std::string stream = server.ask("/v1/responses", body).body;
  std::string arguments;
  Json done;
  std::size_t at = 0;
  for (const StreamEvent& event : events_of(stream)) {
    const Json data = event.json();
    if (event.name == "response.function_call_arguments.delta") arguments += data["delta"].get<std::string>();
    if (event.name == "response.output_item.done") done = data["item"];
    at = stream.find("\n\n", at) + 2;
    EXPECT_EQ(stream.substr(0, at) + server.ask("/v1/responses", body, {{"Last-Event-ID", event.id}}).body,
              stream);
  }
  EXPECT_EQ(call["arguments"], arguments);
  EXPECT_EQ(done["arguments"], call["arguments"]);

  for (const char* hosted : {"web_search", "file_search"}) {
    Json wrong = {{"input", "Hi"}, {"tools", Json::array({{{"type", hosted}}})}};
    Json error = server.refusal("/v1/responses", wrong);
    EXPECT_EQ(error["status"], 400);
    EXPECT_NE(error["message"].get<std::string>().find(hosted), std::string::npos);
  }
}

TEST(ApiToolForms, ResponsesTakeTheItemsOfATurn) {
  ServedModel model = tiny_served_model();
  const Json input = Json::parse(R"([{"role":"user","content":"Weather?"},
    {"type":"reasoning","id":"rs_1","summary":[]},
    {"type":"message","id":"msg_1","role":"assistant","status":"completed",
     "content":[{"type":"output_text","text":"Let me see.","annotations":[]}]},
    {"type":"function_call","id":"fc_1","call_id":"c1","name":"f","arguments":"{}","status":"completed"},
    {"type":"function_call_output","call_id":"c1","output":[{"type":"input_text","text":"22"}]}])");
  auto call = read_call(Json{{"input", input}}.dump(), kResponses, model);
  ASSERT_TRUE(call.ok()) << call.error().message;
  const std::string& text = call->prompts[0].text;
  EXPECT_NE(text.find("<assistant> Let me see.<tool_call>\n{\"name\": \"f\""), std::string::npos) << text;
  EXPECT_NE(text.find("<tool> 22\n"), std::string::npos) << text;
  for (const char* type : {"item_reference", "web_search_call"}) {
    const Json body = {{"input", Json::array({{{"type", type}, {"id", "x"}}})}};
    auto refused = read_call(body.dump(), kResponses, model);
    ASSERT_FALSE(refused.ok());
    EXPECT_NE(refused.error().message.find(type), std::string::npos);
  }
}

// ---- templates without tools ----------------------------------------------------------------------

TEST(ApiToolForms, ATemplateWithoutToolsLosesNoTurn) {
  TestServerOptions options;
  options.chat_template =
      "{% for m in messages %}{% if m.role != 'tool' %}<{{ m.role }}>{{ m.content or '' }}{% endif %}{% "
      "endfor %}";
  TestServer server(options);
  Json body = with_tools("auto", Json::array({function_tool("f", "")}));
  body["messages"] = Json::parse(R"([{"role":"user","content":"a"},{"role":"assistant","tool_calls":[
    {"id":"1","type":"function","function":{"name":"f","arguments":"{\"x\": 1}"}}]},
    {"role":"tool","tool_call_id":"1","content":"22"}])");
  body["max_tokens"] = 1;
  const HttpResponse response = server.ask("/v1/chat/completions", body);
  EXPECT_EQ(response.status, 200) << response.body;
  const std::string* ignored = header_of(response, "X-Verbatim-Ignored-Parameters");
  ASSERT_NE(ignored, nullptr);
  EXPECT_EQ(*ignored, "tools");
  auto call = read_call(body.dump(), kChat, tiny_served_model(options.chat_template));
  ASSERT_TRUE(call.ok()) << call.error().message;
  EXPECT_EQ(call->prompts[0].text,
            "<user>a<assistant><tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\":1}}\n</tool_call>"
            "<user><tool_response>\n22\n</tool_response>");
}

}  // namespace
}  // namespace verbatim::server
