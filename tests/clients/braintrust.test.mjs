// An evaluation harness: every case many times over, at the same time. Scores of a model that is the same each time.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Eval } from "braintrust";
import OpenAI from "openai";
import { Server } from "./server.mjs";

let server, client, model;
before(async () => {
  server = await Server.start();
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", maxRetries: 0 });
  model = (await client.models.list()).data[0].id;
});
after(() => server.stop());

test("an evaluation with repeats and concurrency sees one answer a case", async () => {
  const questions = ["Who is the fox?", "Where does the king live?", "What did the youngest son find?"];
  const { results } = await Eval(
    "verbatim",
    {
      data: () => questions.map((input) => ({ input })),
      task: async (input) => {
        const { choices } = await client.chat.completions.create({
          model, messages: [{ role: "user", content: input }], max_tokens: 24, temperature: 1, seed: 1,
        });
        return choices[0].message.content;
      },
      scores: [({ output }) => ({ name: "has_text", score: output.length > 0 ? 1 : 0 })],
      trialCount: 16,
      maxConcurrency: 16,
    },
    { noSendLogs: true },
  );
  assert.equal(results.length, 48);
  for (const question of questions) {
    const answers = results.filter((result) => result.input === question).map((result) => result.output);
    assert.equal(answers.length, 16);
    assert.equal(new Set(answers).size, 1);
  }
  assert.ok(results.every((result) => result.scores.has_text === 1));
});
