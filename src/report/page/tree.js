// The completion tree: answers as one prefix tree. Streams part where answers do, as wide as they are frequent.

const kMostLeaves = 24;
const kRowHeight = 34;
const kWidest = 24; // pixels, of the stream of all answers

// entries: [{answer, count}] that share the first `from` tokens. A node spans tokens from..to of all below it.
function treeOf(entries, from) {
  const [head] = entries;
  let to = from;
  while (entries.every(({ answer }) => to < answer.tokens.length && answer.tokens[to] === head.answer.tokens[to])) ++to;
  const branches = new Map();
  for (const entry of entries) {
    const next = entry.answer.tokens[to]; // undefined: it ends here
    branches.set(next, [...(branches.get(next) ?? []), entry]);
  }
  const total = entries.reduce((sum, entry) => sum + entry.count, 0);
  const children = entries.length === 1 ? [] : branches.size === 1 ? entries.map((entry) => leaf(entry, to)) // one text, several endings
    : [...branches.values()].map((below) => treeOf(below, to));
  return { from, to, count: total, children: children.sort((a, b) => b.count - a.count), answer: head.answer };
}

const leaf = (entry, at) => ({ from: at, to: at, count: entry.count, children: [], answer: entry.answer });

function treeView(group, selection) {
  const entries = selection.filter((entry) => entry.count > 0); // the reference first, then by frequency
  const kept = entries.slice(0, kMostLeaves);
  const root = treeOf(kept, 0);
  const leaves = [];
  const place = (node) => {
    if (node.children.length === 0) node.y = leaves.push(node) - 1;
    else {
      node.children.forEach(place);
      node.y = node.children.reduce((sum, child) => sum + child.y * child.count, 0) / node.count;
    }
  };
  place(root);
  const streams = element("div", { class: "streams", "aria-hidden": "true" });
  drawToWidth(streams, (width) => drawStreams(root, leaves, group.answers[0], width));
  const labels = element("ol", {}, leaves.map((node) => leafLabel(group, node)));
  const rest = entries.length - kept.length;
  return element("figure", { class: "tree" }, element("figcaption", {}, "Completion tree"),
    element("div", { class: "columns" }, streams, labels),
    rest > 0 && element("p", { class: "quiet" }, `The ${kMostLeaves} most frequent answers; ${plural(rest, "rarer one")} left out of the tree.`));
}

function leafLabel(group, node) {
  const { answer } = node, reference = answer === group.answers[0];
  const from = reference ? node.from : answer.agrees;
  const tokens = answer.tokens.slice(from, from + 14).map((index) => showToken(group.names[index], 24));
  return element("li", {},
    element("b", {}, `${count(node.count)}×`),
    element("span", { class: reference ? "where" : "where parts" }, reference ? "reference" : `≠ ${count(answer.agrees)}`),
    element("span", { class: "text" }, tokens.length ? tokens : element("span", { class: "ending" }, "■ ", show(answer.ending || "end", { limit: 24 })), from + 14 < answer.tokens.length && "…"));
}

function drawStreams(root, leaves, reference, width) {
  const node = svg("svg", { width, height: leaves.length * kRowHeight, viewBox: `0 0 ${width} ${leaves.length * kRowHeight}` });
  const longest = Math.max(1, ...leaves.map((one) => one.answer.tokens.length));
  const x = (position) => 8 + (position / longest) * (width - 16);
  const y = (slot) => (slot + 0.5) * kRowHeight;
  const names = [];
  let lastName = -Infinity; // labels of forks do not overlap
  const draw = (one, trunk) => {
    const wide = Math.max(1.5, (kWidest * one.count) / root.count);
    const stream = (d, thick, ours) => node.append(svg("path", { class: ours ? "trunk" : "branch", d, "stroke-width": thick.toFixed(1) }));
    stream(`M${x(one.from)},${y(one.y)}H${Math.max(x(one.to), x(one.from) + 1)}`, wide, trunk);
    if (one.children.length > 1) {
      names.push(svg("path", { class: "fork", d: "M0,-6L6,0L0,6L-6,0Z", transform: `translate(${x(one.to)},${y(one.y)})` }));
      if (x(one.to) - lastName > 34) names.push(svg("text", { x: x(one.to) - 9, y: y(one.y) + 4, "text-anchor": "end" }, count(one.to)));
      lastName = x(one.to);
    }
    for (const child of one.children) {
      const ours = trunk && child.answer.agrees > one.to || child.answer === reference;
      const from = x(one.to), bend = Math.max(child.children.length ? 3 : 14, Math.min(28, x(child.to) - from)), thick = Math.max(1.5, (kWidest * child.count) / root.count);
      stream(`M${from},${y(one.y)}C${from + bend / 2},${y(one.y)} ${from + bend / 2},${y(child.y)} ${from + bend},${y(child.y)}H${Math.max(from + bend, x(child.to))}`, thick, ours);
      draw({ ...child, from: child.to }, ours);
    }
  };
  draw(root, true);
  node.append(...names);
  return node;
}
