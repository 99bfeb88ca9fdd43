// What is known about one token of a lane: shown while the pointer or the focus is on it. Escape hides it.

const kMostBytes = 32;
const tip = element("div", { id: "tip", role: "tooltip", hidden: true });
let tipCell = null;

function showTip(cell, content) {
  tipCell = cell;
  tip.replaceChildren(content);
  tip.hidden = false;
  placeTip();
}

// Below the cell, or above it where there is more room; always inside the window.
function placeTip() {
  if (tip.hidden) return;
  if (!tipCell.isConnected) return hideTip();
  const cell = tipCell.getBoundingClientRect(), own = tip.getBoundingClientRect();
  const below = cell.bottom + own.height < innerHeight || cell.top < innerHeight - cell.bottom;
  tip.style.left = `${Math.max(8, Math.min(cell.left, document.documentElement.clientWidth - own.width - 8))}px`;
  tip.style.top = `${Math.max(8, below ? cell.bottom : cell.top - own.height)}px`;
}

function hideTip() {
  tip.hidden = true;
  tipCell = null;
}

addEventListener("scroll", placeTip, { capture: true, passive: true });
addEventListener("keydown", (event) => event.key === "Escape" && hideTip());
tip.addEventListener("pointerleave", hideTip);

// The card of answer.tokens[at].
function tokenCard(group, answer, at) {
  const name = group.names[answer.tokens[at]];
  const reference = group.answers[0];
  const logprob = answer.logprobs[at], candidates = answer.top[at];
  const facts = [["position", `${count(at)} of ${count(answer.length)}`]];
  if (name[1] !== null) facts.push(["id", String(name[1])]);
  facts.push(["bytes", bytesOf(name[0], kMostBytes) || "none"]);
  if (typeof logprob === "number" || typeof logprob === "string") {
    facts.push(["log-probability", `${decimal(Number(logprob))}  ${hexFloat(Number(logprob))}`]);
    const other = reference.logprobs[at];
    if (answer !== reference && at < answer.agrees && other !== null && other !== undefined) {
      const apart = Number(logprob) - Number(other);
      facts.push(["to the reference", apart === 0 ? "0 = identical bits" : `Δ ${decimal(apart)}  ${hexFloat(apart)}`]);
    }
  }
  let verdict = null;
  if (answer !== reference && at === answer.agrees) {
    const instead = reference.tokens[at];
    verdict = element("p", { class: "parts" }, "≠ first difference: the reference has ",
      instead === undefined ? "ended here" : showToken(group.names[instead], 40));
  }
  const nothing = candidates ? "No candidates were recorded." : "Log-probabilities from here on are not in this page.";
  return element("div", {},
    element("p", { class: "head" }, showToken(name, 400)), verdict, factList(facts),
    candidates?.length ? candidateTable(group, answer.tokens[at], candidates) : quiet(nothing));
}

function candidateTable(group, chosen, candidates) {
  const rows = candidates.map(([index, raw]) => {
    const logprob = Number(raw), own = group.names[index][0] === group.names[chosen][0];
    return element("tr", { class: own ? "own" : null },
      element("td", {}, own ? "▸" : ""), element("td", { class: "token" }, showToken(group.names[index], 24)),
      element("td", {}, bar(Math.exp(logprob), 48)),
      element("td", { class: "number" }, decimal(logprob)), element("td", { class: "number" }, hexFloat(logprob)));
  });
  const titles = ["", "candidate", "probability", "log-prob.", "hex float"];
  return element("table", { class: "candidates" },
    element("thead", {}, element("tr", {}, titles.map((title) => element("th", { scope: "col" }, title)))),
    element("tbody", {}, rows));
}

function bar(share, width) {
  const length = Math.max(1, Math.min(1, share || 0) * width);
  return svg("svg", { class: "bar", width, height: 8, "aria-hidden": "true" },
    svg("rect", { class: "ground", width, height: 8 }), svg("rect", { width: length, height: 8 }));
}
