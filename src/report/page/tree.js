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
  let children = [];
  if (branches.size > 1) children = [...branches.values()].map((below) => treeOf(below, to));
  else if (entries.length > 1) children = entries.map((entry) => leaf(entry, to)); // one text, several endings
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
    rest > 0 && quiet(`The ${kMostLeaves} most frequent answers; ${plural(rest, "rarer one")} left out of the tree.`));
}

function leafLabel(group, node) {
  const { answer } = node, reference = answer === group.answers[0];
  const { from } = node; // what sets this leaf apart from its neighbours
  const tokens = answer.tokens.slice(from, from + 14).map((index) => showToken(group.names[index], 24));
  return element("li", {},
    element("b", {}, `${count(node.count)}×`),
    reference ? span("where", "reference") : span("where parts", `≠ ${count(from)}`),
    span("text", tokens.length ? tokens : endMark(answer), from + 14 < answer.tokens.length && "…"));
}

function drawStreams(root, leaves, reference, width) {
  const height = leaves.length * kRowHeight;
  const node = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}` });
  const longest = Math.max(1, ...leaves.map((one) => one.answer.tokens.length));
  const x = (position) => 8 + (position / longest) * (width - 16);
  const y = (slot) => (slot + 0.5) * kRowHeight;
  const names = [];
  let lastName = -Infinity; // labels of forks do not overlap
  const thickness = (one) => Math.max(1.5, (kWidest * one.count) / root.count);
  const stream = (d, one, trunk) =>
    node.append(svg("path", { class: trunk ? "trunk" : "branch", d, "stroke-width": thickness(one).toFixed(1) }));
  // Draws what parts from `one`, whose own stream is there. trunk: the reference runs in it.
  const draw = (one, trunk) => {
    const from = x(one.to), level = y(one.y);
    if (one.children.length > 1) {
      names.push(svg("path", { class: "fork", d: "M0,-6L6,0L0,6L-6,0Z", transform: `translate(${from},${level})` }));
      if (from - lastName > 34) names.push(svg("text", { x: from - 9, y: level + 4, "text-anchor": "end" }, count(one.to)));
      lastName = from;
    }
    for (const child of one.children) {
      const ours = child.answer === reference || (trunk && child.answer.agrees > one.to);
      const end = x(child.to), bend = Math.max(child.children.length ? 3 : 14, Math.min(28, end - from));
      const middle = from + bend / 2, childLevel = y(child.y);
      stream(`M${from},${level}C${middle},${level} ${middle},${childLevel} ${from + bend},${childLevel}`
        + `H${Math.max(from + bend, end)}`, child, ours);
      draw(child, ours);
    }
  };
  stream(`M${x(0)},${y(root.y)}H${Math.max(x(root.to), x(0) + 1)}`, root, true);
  draw(root, true);
  node.append(...names);
  return node;
}
