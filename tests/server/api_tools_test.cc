// Tools: what is refused, what the template sees, and calls that decoding was made to spell.
#include "server/api_fixture.h"
#include "server/call.h"

namespace verbatim::server {
namespace {

const Json kWeatherQuestion = Json::array({{{"role", "user"}, {"content", "Weather?"}}});

Json weather_tool() {
  return {{"type", "function"},
          {"function",
           {{"name", "weather"},
            {"parameters",
             {{"type", "object"},
              {"properties",
               {{"city", {{"enum", {"Oslo", "Rome"}}}},
                {"days", {{"type", "integer"}, {"minimum", 1}, {"maximum", 9}}}}},
              {"required", {"city", "days"}},
              {"additionalProperties", false}}}}}};
}
Json clock_tool() {
  Json tool = weather_tool();
  tool["function"] = {
      {"name", "clock"},
      {"parameters", {{"type", "object"}, {"properties", Json::object()}, {"additionalProperties", false}}}};
  return tool;
}

Json asked(const Json& choice, const Json& tools) {
  return {{"messages", kWeatherQuestion},
          {"tools", tools},
          {"tool_choice", choice},
          {"max_tokens", 200},
          {"n", 3}};
}

// What a client joins from the deltas of a stream: of each choice the calls, and the finish reason.
Json joined_calls(const std::vector<StreamEvent>& events, int choices) {
  Json all = Json::array();
  for (int i = 0; i < choices; ++i) all.push_back({{"calls", Json::array()}, {"finish", nullptr}});
  for (const StreamEvent& event : events) {
    if (event.data == "[DONE]") continue;
    Json chunk = event.json();
    for (const Json& choice : chunk["choices"]) {
      Json& entry = all[choice["index"].get<std::size_t>()];
      if (choice["finish_reason"].is_string()) entry["finish"] = choice["finish_reason"];
      for (const Json& delta : choice["delta"].value("tool_calls", Json::array())) {
        auto index = delta["index"].get<std::size_t>();
        if (delta.contains("id")) {
          EXPECT_EQ(entry["calls"].size(), index);
          Json call = delta;
          call.erase("index");
          entry["calls"].push_back(call);
        } else {
          Json& arguments = entry["calls"][index]["function"]["arguments"];
          arguments = arguments.get<std::string>() + delta["function"]["arguments"].get<std::string>();
        }
      }
    }
  }
  return all;
}

void expect_weather(const Json& call) {
  EXPECT_EQ(call["type"], "function");
  EXPECT_EQ(call["function"]["name"], "weather");
  Json arguments = Json::parse(call["function"]["arguments"].get<std::string>());
  EXPECT_TRUE(arguments["city"] == "Oslo" || arguments["city"] == "Rome");
  EXPECT_TRUE(arguments["days"].is_number_integer());
}

TEST(ApiTools, ANamedFunctionIsCalled) {
  TestServer server;
  Json body =
      asked({{"type", "function"}, {"function", {{"name", "weather"}}}}, {weather_tool(), clock_tool()});
  Json answer = server.answer("/v1/chat/completions", body);
  for (const Json& choice : answer["choices"]) {
    EXPECT_EQ(choice["finish_reason"], "tool_calls");
    EXPECT_TRUE(choice["message"]["content"].is_null());
    ASSERT_EQ(choice["message"]["tool_calls"].size(), 1u);
    expect_weather(choice["message"]["tool_calls"][0]);
  }
}

TEST(ApiTools, RequiredCallsOneOfThem) {
  TestServer server;
  for (const Json& tools : {Json::array({weather_tool()}), Json::array({weather_tool(), clock_tool()})}) {
    Json answer = server.answer("/v1/chat/completions", asked("required", tools));
    for (const Json& choice : answer["choices"]) {
      EXPECT_EQ(choice["finish_reason"], "tool_calls");
      const Json& call = choice["message"]["tool_calls"][0];
      if (call["function"]["name"] == "clock") {
        EXPECT_EQ(Json::parse(call["function"]["arguments"].get<std::string>()), Json::object());
      } else {
        expect_weather(call);
      }
    }
  }
}

TEST(ApiTools, StreamsSayWhatBodiesSay) {
  TestServer server;
  for (const Json& choice :
       {Json("required"), Json{{"type", "function"}, {"function", {{"name", "weather"}}}}}) {
    Json body = asked(choice, {weather_tool(), clock_tool()});
    Json whole = server.answer("/v1/chat/completions", body);
    body["stream"] = true;
    HttpResponse response = server.ask("/v1/chat/completions", body);
    Json joined = joined_calls(events_of(response.body), 3);
    for (std::size_t i = 0; i < 3; ++i) {
      const Json& message = whole["choices"][i]["message"];
      EXPECT_EQ(joined[i]["finish"], whole["choices"][i]["finish_reason"]);
      ASSERT_EQ(joined[i]["calls"].size(), message["tool_calls"].size());
      EXPECT_EQ(joined[i]["calls"][0]["function"], message["tool_calls"][0]["function"]);
    }
  }
}

// With auto the template sees the tools, and calls are found as it writes them.
TEST(ApiTools, AutoFindsWhatTheTemplateWrites) {
  ServedModel model = tiny_served_model();
  auto call = read_call(asked("auto", Json::array({weather_tool()})).dump(), kChat, model);
  ASSERT_TRUE(call.ok()) << call.error().message;
  EXPECT_TRUE(call->prompts[0].text.starts_with("<tools> weather ")) << call->prompts[0].text;
  EXPECT_EQ(call->requests[0].constraint, nullptr);
  ASSERT_TRUE(call->make_parser);
  auto parser = call->make_parser();
  std::string text =
      "Let me see.<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Oslo\"}}\n</tool_call>";
  std::vector<AnswerPiece> pieces;
  for (char c : text)
    for (AnswerPiece& piece : parser->push(std::string_view(&c, 1))) pieces.push_back(std::move(piece));
  for (AnswerPiece& piece : parser->finish()) pieces.push_back(std::move(piece));
  std::vector<AnswerPart> parts;
  for (const AnswerPiece& piece : pieces) add_piece(parts, piece);
  ASSERT_EQ(parts.size(), 2u);
  const auto* found = std::get_if<ToolCall>(&parts.back());
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->name, "weather");
  EXPECT_EQ(Json::parse(found->arguments), (Json{{"city", "Oslo"}}));
  call = read_call(asked("none", Json::array({weather_tool()})).dump(), kChat, model);
  ASSERT_TRUE(call.ok());
  EXPECT_FALSE(call->make_parser);
  EXPECT_EQ(call->prompts[0].text.find("<tools>"), std::string::npos);
}

TEST(ApiTools, WrongToolsAreRefused) {
  TestServer server;
  auto refused = [&](const Json& choice, const Json& tools) {
    Json error = server.refusal("/v1/chat/completions", asked(choice, tools));
    EXPECT_EQ(error["status"], 400) << error;
    return error["param"].get<std::string>();
  };
  EXPECT_EQ(refused("auto", Json::array({5})), "tools");
  EXPECT_EQ(refused("auto", Json::array({{{"type", "retrieval"}}})), "tools");
  EXPECT_EQ(refused("auto", Json::array({{{"type", "function"}, {"function", {{"name", "a b"}}}}})), "tools");
  EXPECT_EQ(refused("auto",
                    Json::array({{{"type", "function"}, {"function", {{"name", "f"}, {"parameters", 5}}}}})),
            "tools");
  EXPECT_EQ(refused("required", Json::array()), "tool_choice");
  EXPECT_EQ(refused("sometimes", Json::array({weather_tool()})), "tool_choice");
  EXPECT_EQ(refused({{"type", "function"}, {"function", {{"name", "other"}}}}, Json::array({weather_tool()})),
            "tool_choice");
  Json broken = weather_tool();
  broken["function"]["parameters"]["type"] = "nothing";
  EXPECT_EQ(refused("required", Json::array({broken})), "tools");
}

}  // namespace
}  // namespace verbatim::server
