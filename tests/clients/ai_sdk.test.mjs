// Vercel's AI SDK by its provider for OpenAI-compatible servers.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, streamText } from "ai";
import { Server } from "./server.mjs";

let server, model;
before(async () => {
  server = await Server.start();
  const { data } = await (await fetch(`${server.url}/v1/models`)).json();
  model = createOpenAICompatible({ name: "verbatim", baseURL: `${server.url}/v1`, includeUsage: true })(data[0].id);
});
after(() => server.stop());

const asked = { prompt: "Tell me of the old king and his three sons.", maxOutputTokens: 24, seed: 5, maxRetries: 0 };

test("generateText and streamText give one text", async () => {
  const whole = await generateText({ model, ...asked });
  const stream = streamText({ model, ...asked });
  let text = "";
  for await (const part of stream.textStream) text += part;
  assert.ok(text.length > 0);
  assert.equal(text, whole.text);
  assert.equal(whole.usage.outputTokens, 24);
  assert.equal((await stream.usage).outputTokens, 24);
  assert.equal(await stream.finishReason, "length");
});
