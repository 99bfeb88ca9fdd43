// A server is killed in mid-stream; the client goes on where it was, at another one, with Last-Event-ID. The joined stream is the
// uninterrupted one, byte for byte.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Server } from "./server.mjs";

// Reads events until the stream ends, breaks, or `enough` of them have come. Gives the bytes of the whole events.
async function read(url, body, { lastEventId, enough = Infinity } = {}) {
  const headers = { "Content-Type": "application/json" };
  if (lastEventId) headers["Last-Event-ID"] = lastEventId;
  const response = await fetch(`${url}/v1/chat/completions`, { method: "POST", headers, body: JSON.stringify(body) });
  assert.equal(response.status, 200);
  const events = [];
  let rest = "";
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + piece).split("\n\n");
    rest = parts.pop();
    for (const part of parts) if (!part.startsWith(":")) events.push(`${part}\n\n`);
    if (events.length >= enough) break;
  }
  return events.slice(0, enough);
}

const idOf = (event) => /^id: ?(.*)$/m.exec(event)[1];

test("a stream that a kill -9 broke is resumed to the byte", async () => {
  let server = await Server.start();
  const { data } = await (await fetch(`${server.url}/v1/models`)).json();
  const body = {
    model: data[0].id,
    messages: [{ role: "user", content: "Tell me of the old king and his three sons." }],
    max_tokens: 60, temperature: 1, seed: 4, stream: true, stream_options: { include_usage: true },
  };
  const whole = await read(server.url, body);
  assert.ok(whole.length > 20);
  assert.equal(whole.at(-1).trim().split("\n").at(-1), "data: [DONE]");

  const first = await read(server.url, body, { enough: 17 });
  await server.stop("SIGKILL");
  server = await Server.start();
  try {
    const second = await read(server.url, body, { lastEventId: idOf(first.at(-1)) });
    // What it has, told as a prediction, makes the rest come sooner, and the same.
    const had = first.map((event) => JSON.parse(event.match(/^data: (.*)$/m)[1]).choices[0]?.delta.content ?? "").join("");
    const prediction = { type: "content", content: had };
    const accepted = async () =>
      Number(/^verbatim:spec_decode_num_accepted_tokens_total\S* (\d+)/m.exec(await (await fetch(`${server.url}/metrics`)).text())[1]);
    assert.equal(await accepted(), 0);
    const sooner = await read(server.url, { ...body, prediction }, { lastEventId: idOf(first.at(-1)) });
    assert.equal(sooner.join(""), second.join(""));
    assert.ok((await accepted()) >= 10, "the prediction was not used");
    // `created` and ids come from the first event's id, so the two halves are those of one response.
    const joined = first.concat(second).join("");
    const again = await read(server.url, body, { lastEventId: idOf(first[0]) });
    assert.equal(joined, first[0] + again.join(""));
    assert.equal(joined.replace(/"created":\d+/g, "").replace(/^id:.*$/gm, "").replace(/"id":"[^"]*"/g, ""),
      whole.join("").replace(/"created":\d+/g, "").replace(/^id:.*$/gm, "").replace(/"id":"[^"]*"/g, ""));
  } finally {
    await server.stop();
  }
});
