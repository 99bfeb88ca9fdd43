// The official OpenAI client: chat, completions, streams, usage, logprobs, errors, abort, models.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import OpenAI from "openai";
import { Server } from "./server.mjs";

let server, client, model;
before(async () => {
  server = await Server.start("--api-key", "a-key");
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "a-key", maxRetries: 0 });
  model = (await client.models.list()).data[0].id;
});
after(() => server.stop());

const messages = [{ role: "user", content: "Tell me of the old king and his three sons." }];
const chat = (more) => client.chat.completions.create({ model, messages, max_tokens: 24, ...more });
const complete = (more) =>
  client.completions.create({ model, prompt: "Once upon a time there was", max_tokens: 24, temperature: 0, ...more });

test("a chat completion has text, usage and a fingerprint, and is the same again", async () => {
  const [first, second] = [await chat(), await chat()];
  assert.equal(first.object, "chat.completion");
  assert.equal(first.choices[0].message.role, "assistant");
  assert.ok(first.choices[0].message.content.length > 0);
  assert.equal(first.choices[0].message.content, second.choices[0].message.content);
  assert.equal(first.usage.completion_tokens, 24);
  assert.equal(first.usage.total_tokens, first.usage.prompt_tokens + 24);
  assert.match(first.system_fingerprint, /[0-9a-f]{8}/);
  assert.equal(first.choices[0].finish_reason, "length");
});

test("a stream adds up to the whole answer, and ends with usage when asked", async () => {
  const whole = await chat();
  const chunks = [];
  for await (const chunk of await chat({ stream: true, stream_options: { include_usage: true } })) chunks.push(chunk);
  const text = chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("");
  assert.equal(text, whole.choices[0].message.content);
  assert.equal(chunks[0].choices[0].delta.role, "assistant");
  assert.deepEqual(chunks.at(-1).choices, []);
  assert.equal(chunks.at(-1).usage.completion_tokens, 24);
  assert.equal(chunks.at(-2).choices[0].finish_reason, "length");
});

test("the client's own stream helper assembles the same message", async () => {
  const whole = await chat();
  const final = await client.chat.completions.stream({ model, messages, max_tokens: 24 }).finalChatCompletion();
  assert.equal(final.choices[0].message.content, whole.choices[0].message.content);
});

test("logprobs: of each token, with the most likely ones first", async () => {
  const { choices } = await chat({ logprobs: true, top_logprobs: 3, temperature: 0 });
  const { content } = choices[0].logprobs;
  assert.equal(content.length, 24);
  for (const token of content) {
    assert.equal(token.top_logprobs.length, 3);
    assert.equal(token.top_logprobs[0].token, token.token); // greedy takes the most likely
    assert.equal(token.top_logprobs[0].logprob, token.logprob);
    assert.ok(token.top_logprobs[1].logprob <= token.logprob);
    assert.deepEqual(Buffer.from(token.bytes).toString(), token.token);
  }
  assert.equal(content.map((token) => token.token).join(""), choices[0].message.content);
});

test("n choices differ from one another and not from one request to the next", async () => {
  const ask = async () => (await chat({ n: 4, temperature: 1, seed: 7 })).choices.map((c) => c.message.content);
  const [first, second] = [await ask(), await ask()];
  assert.deepEqual(first, second);
  assert.equal(new Set(first).size, 4);
});

test("completions: echo with max_tokens 0 scores a text, as evaluation harnesses ask", async () => {
  const { choices, usage } = await complete({ max_tokens: 0, echo: true, logprobs: 1 });
  const { tokens, token_logprobs, top_logprobs, text_offset } = choices[0].logprobs;
  assert.equal(choices[0].text, "Once upon a time there was");
  assert.equal(tokens.slice(1).join(""), choices[0].text); // the first begins every story, and is not of the text
  assert.equal(tokens.length, token_logprobs.length);
  assert.equal(token_logprobs[0], null);
  assert.ok(token_logprobs.slice(1).every((logprob) => logprob <= 0));
  assert.equal(top_logprobs.length, tokens.length);
  assert.ok(tokens.slice(1).every((token, i) => choices[0].text.startsWith(token, text_offset[i + 1])));
  assert.equal(usage.completion_tokens, 0);
});

test("decoded logprobs are the scored logprobs, to the last bit", async () => {
  const drawn = (await complete({ logprobs: 1 })).choices[0];
  const prompt = "Once upon a time there was";
  const scored = (await complete({ prompt: prompt + drawn.text, max_tokens: 0, echo: true, logprobs: 1 })).choices[0];
  const tail = scored.logprobs.tokens.slice(-drawn.logprobs.tokens.length);
  assert.deepEqual(tail, drawn.logprobs.tokens);
  assert.deepEqual(scored.logprobs.token_logprobs.slice(-tail.length), drawn.logprobs.token_logprobs);
});

test("stop strings end the text before them", async () => {
  const whole = (await complete()).choices[0].text;
  const stop = whole.trim().split(" ")[3];
  const cut = (await complete({ stop: [stop] })).choices[0];
  assert.equal(cut.text, whole.slice(0, whole.indexOf(stop)));
  assert.equal(cut.finish_reason, "stop");
});

test("json_object gives JSON", async () => {
  const { choices } = await chat({ max_tokens: 200, response_format: { type: "json_object" }, temperature: 1, seed: 3 });
  if (choices[0].finish_reason === "stop") JSON.parse(choices[0].message.content);
  else assert.match(choices[0].message.content, /^\s*\{/);
});

test("json_schema gives what the schema says", async () => {
  const schema = {
    type: "object",
    properties: { hero: { enum: ["king", "fox"] }, sons: { type: "integer", minimum: 0, maximum: 9 }, old: { type: "boolean" } },
    required: ["hero", "sons", "old"],
    additionalProperties: false,
  };
  const { choices } = await chat({
    max_tokens: 100,
    response_format: { type: "json_schema", json_schema: { name: "tale", strict: true, schema } },
  });
  assert.equal(choices[0].finish_reason, "stop");
  const tale = JSON.parse(choices[0].message.content);
  assert.deepEqual(Object.keys(tale), ["hero", "sons", "old"]);
  assert.ok(["king", "fox"].includes(tale.hero));
  assert.ok(Number.isInteger(tale.sons) && tale.sons >= 0 && tale.sons <= 9);
  assert.equal(typeof tale.old, "boolean");
});

test("errors are the client's own classes and say what to change", async () => {
  const stranger = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "another", maxRetries: 0 });
  await assert.rejects(stranger.models.list(), OpenAI.AuthenticationError);
  await assert.rejects(client.chat.completions.create({ model: "gpt-0", messages }), OpenAI.NotFoundError);
  await assert.rejects(chat({ temperature: -1 }), (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.equal(error.param, "temperature");
    assert.equal(error.type, "invalid_request_error");
    return true;
  });
  await assert.rejects(chat({ max_tokens: 1_000_000 }), OpenAI.BadRequestError);
});

test("an aborted stream frees its place", async () => {
  const stream = await chat({ stream: true, max_tokens: 400, ignore_eos: true });
  for await (const chunk of stream) {
    assert.equal(chunk.object, "chat.completion.chunk");
    break; // leaves the loop, which aborts the request
  }
  // The server notices when it next reads or writes; the metric says when it has.
  const deadline = Date.now() + 10_000;
  while ((await server.metric("num_requests_running")) > 0) assert.ok(Date.now() < deadline, "still running");
});

test("the responses endpoint gives text", async () => {
  const response = await client.responses.create({ model, input: "Tell me of the fox.", max_output_tokens: 24 });
  assert.ok(response.output_text.length > 0);
});
