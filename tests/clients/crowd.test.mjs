// The 1,000-answer experiment: 1,000 copies of one request among 1,000 others of random lengths, at random moments, streamed
// and not, some of whose clients leave; in a cache too small for them. One answer, and it is that of `verbatim run`.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { Server, inParallel } from "./server.mjs";

const prompt = "Once upon a time there was a king who had three sons";
const tokens = 24;
const copies = 500; // of each temperature

// A small generator with a seed (Marsaglia's xorshift32), so that a failure can be repeated.
function generator(seed) {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

async function complete(url, body, { leaveAfter } = {}) {
  const leaving = new AbortController();
  const response = await fetch(`${url}/v1/completions`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    signal: leaving.signal,
  });
  assert.equal(response.status, 200, await (response.ok ? "" : response.text()));
  if (!body.stream) {
    const { choices } = await response.json();
    return { text: choices[0].text, logprobs: choices[0].logprobs?.token_logprobs };
  }
  const answer = { text: "", logprobs: [] };
  let rest = "", events = 0;
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + piece).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      if (!line.startsWith("data: ") || line === "data: [DONE]") continue;
      const { choices } = JSON.parse(line.slice(6));
      answer.text += choices[0]?.text ?? "";
      answer.logprobs.push(...(choices[0]?.logprobs?.token_logprobs ?? []));
      if (++events === leaveAfter) {
        leaving.abort();
        return null;
      }
    }
  }
  return answer;
}

test("1,000 copies among 1,000 others have one answer a temperature", { timeout: 600_000 }, async (t) => {
  const server = await Server.start("--max-num-seqs", "128", "--max-step-tokens", "256", "--kv-cache-bytes", "48MiB",
    "--max-queue", "4000");
  try {
    const { data } = await (await fetch(`${server.url}/v1/models`)).json();
    const common = { model: data[0].id, prompt, max_tokens: tokens, logprobs: 1, seed: 11 };
    const random = generator(2026);
    const words = prompt.split(" ");
    const tasks = [];
    for (let i = 0; i < copies; ++i)
      for (const temperature of [0, 1])
        tasks.push(async () => ({
          temperature,
          answer: await complete(server.url, { ...common, temperature, stream: random(2) === 0 }),
        }));
    for (let i = 0; i < 2 * copies; ++i)
      tasks.push(async () => {
        const length = 1 + random(110);
        const text = Array.from({ length }, () => words[random(words.length)]).join(" ");
        const body = { model: common.model, prompt: text, max_tokens: 1 + random(60), temperature: 1, seed: i, stream: true };
        await complete(server.url, body, random(10) === 0 ? { leaveAfter: 1 } : {});
        return {};
      });
    for (let i = tasks.length - 1; i > 0; --i) {
      const j = random(i + 1);
      [tasks[i], tasks[j]] = [tasks[j], tasks[i]];
    }
    const results = await inParallel(tasks, 300);

    for (const temperature of [0, 1]) {
      const answers = results.filter((result) => result.temperature === temperature).map((result) => result.answer);
      assert.equal(answers.length, copies);
      assert.equal(new Set(answers.map((answer) => JSON.stringify(answer))).size, 1);
      assert.equal(answers[0].logprobs.length, tokens);
      const alone = execFileSync(server.program, ["run", "-p", prompt, "-n", `${tokens}`, "--temperature", `${temperature}`,
        "--seed", "11", "--quiet", "--json"]);
      assert.equal(answers[0].text, JSON.parse(alone).choices[0].text);
    }
    const witness = {
      largestStep: await server.metric("most_sequences_in_a_step"),
      preemptions: await server.metric("num_preemptions_total"),
      evictions: await server.metric("prefix_cache_evictions_total"),
    };
    t.diagnostic(JSON.stringify(witness));
    assert.ok(witness.largestStep >= 64 && witness.preemptions > 0 && witness.evictions > 0, JSON.stringify(witness));
  } finally {
    await server.stop();
  }
});
