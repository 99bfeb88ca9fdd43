// A `verbatim serve` of the embedded model, for the tests of this folder.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const program = process.env.VERBATIM ?? fileURLToPath(new URL("../../build/verbatim", import.meta.url));
const template = fileURLToPath(new URL("chat.jinja", import.meta.url));

export class Server {
  // Resolves when the server says that it listens. `flags` come after those of every test.
  static async start(...flags) {
    const arguments_ = ["serve", "--port", "0", "--threads", "2", "--chat-template", template, ...flags];
    const child = spawn(program, arguments_, { stdio: ["ignore", "pipe", "pipe"] });
    const server = new Server(child);
    const url = new Promise((resolve, reject) => {
      for (const stream of [child.stdout, child.stderr]) {
        createInterface({ input: stream }).on("line", (line) => {
          server.log.push(line);
          const found = /https?:\/\/[0-9a-z.:[\]]+/.exec(line);
          if (found) resolve(found[0]);
        });
      }
      child.once("exit", (code) => reject(new Error(`serve ended with ${code}:\n${server.log.join("\n")}`)));
      child.once("error", reject);
    });
    server.url = await url;
    return server;
  }

  constructor(child) {
    this.child = child;
    this.log = [];
  }

  get program() {
    return program;
  }

  get pid() {
    return this.child.pid;
  }

  async stop(signal = "SIGTERM") {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, "exit");
    this.child.kill(signal);
    await ended;
  }

  // A metric's value, summed over its labels.
  async metric(name) {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    const values = [...text.matchAll(new RegExp(`^verbatim:${name}(?:{[^}]*})? ([0-9.e+-]+)$`, "gm"))];
    if (values.length === 0) throw new Error(`no metric verbatim:${name}`);
    return values.reduce((sum, match) => sum + Number(match[1]), 0);
  }
}

// Runs the tasks, at most `width` at a time; the results in the tasks' order.
export async function inParallel(tasks, width) {
  const results = new Array(tasks.length);
  let next = 0;
  const worker = async () => {
    while (next < tasks.length) {
      const mine = next++;
      results[mine] = await tasks[mine]();
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
  return results;
}
