// Reports in a browser, as their reader meets them: what is said, marked, filtered, reached by keys and copied.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { fitsItsWindow, launch, withPage } from "./browser.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

const text = (page, selector) => page.locator(selector).first().innerText();
const color = (page, selector, property) => page.locator(selector).first().evaluate((node, name) => getComputedStyle(node)[name], property);

describe("every page", () => {
  for (const name of ["deterministic", "divergent", "hostile", "lab", "words", "empty", "edges"]) {
    for (const [width, colorScheme] of [[1280, "light"], [390, "dark"]]) {
      test(`${name} at ${width} pixels, ${colorScheme}: silent, and no wider than its window`, async () => {
        await withPage(browser, name, { viewport: { width, height: 800 }, colorScheme }, async (page) => {
          await page.locator("h1").waitFor();
          await fitsItsWindow(page);
        });
      });
    }
  }

  test("prints without what only a screen can do", async () => {
    await withPage(browser, "divergent", {}, async (page) => {
      await page.emulateMedia({ media: "print" });
      for (const selector of ["button", ".filters", ".pager"]) assert.equal(await page.locator(selector).first().isVisible(), false, selector);
      assert.equal(await page.locator("td.parts").first().isVisible(), true);
      await fitsItsWindow(page);
      assert.ok((await page.pdf()).length > 10_000);
    });
  });

  test("says its verdict and its command where scripts are off", async () => {
    await withPage(browser, "divergent", { javaScriptEnabled: false }, async (page) => {
      assert.match(await text(page, "noscript h1"), /got different answers/);
      assert.match(await text(page, "noscript pre"), /^verbatim audit http/);
    });
  });
});

describe("the banner", () => {
  for (const [name, sign, word, headline] of [
    ["deterministic", "=", "Deterministic", /200 requests, one answer/],
    ["divergent", "≠", "Not deterministic", /got different answers/],
    ["hostile", "?", "Could not tell", /window\.injected/],
    ["words", "≠", "Different", /3 answers/],
  ]) {
    test(`of ${name} has a sign, a word and a sentence`, async () => {
      await withPage(browser, name, {}, async (page) => {
        assert.equal(await text(page, ".sign"), sign);
        assert.equal((await text(page, ".word")).toLowerCase(), word.toLowerCase());
        assert.match(await text(page, "h1"), headline);
      });
    });
  }

  test("holds the facts", async () => {
    await withPage(browser, "divergent", {}, async (page) => {
      const facts = await page.locator("header dl > div").allInnerTexts();
      assert.deepEqual(facts[1].split("\n"), ["first divergence", "token 17 of 48"]);
      assert.equal(facts.length, 4);
    });
  });
});

describe("lanes", () => {
  test("mark the first divergent token by sign, border and hatch, and are in sight", async () => {
    await withPage(browser, "divergent", {}, async (page) => {
      const marked = page.locator("td.parts");
      assert.equal(await marked.count(), 4);
      assert.equal(await marked.first().locator(".flag").innerText(), "≠");
      assert.notEqual(await color(page, "td.parts", "borderTopWidth"), await color(page, "td.same", "borderTopWidth"));
      assert.match(await color(page, "td.parts", "backgroundImage"), /repeating-linear-gradient/);
      assert.equal(await page.locator(".lanes tbody tr").nth(1).locator("td").nth(17).getAttribute("class"), "parts");
      assert.match(await text(page, ".lanes thead th.parts"), /^17 ≠\d+×$/);
      const [cell, holder] = [await marked.first().boundingBox(), await page.locator(".lanes .scroller").boundingBox()];
      assert.ok(cell.x > holder.x + 150 && cell.x + cell.width < holder.x + holder.width);
    });
  });

  test("group equal answers with counts that add up", async () => {
    await withPage(browser, "divergent", {}, async (page) => {
      const counts = (await page.locator(".times").allInnerTexts()).map((shown) => parseInt(shown, 10));
      assert.equal(counts.reduce((sum, one) => sum + one, 0), 200);
      assert.equal(counts.length, 5);
      assert.match(await text(page, ".status"), /^200 answers, 5 different; the first leaves the reference at token 17\.$/);
    });
  });

  test("show white space and ids", async () => {
    await withPage(browser, "deterministic", {}, async (page) => {
      const cells = await page.locator(".lanes tbody td").allInnerTexts();
      assert.equal(cells[0], "·there\n260");
      assert.ok(cells.includes("↵\n274"));
      assert.equal(cells.at(-1), "■ length");
      assert.match(await text(page, ".status"), /all the same/);
    });
  });

  test("of empty answers and of several endings part where one ends", async () => {
    await withPage(browser, "edges", {}, async (page) => {
      const groups = page.locator(".group");
      assert.equal(await groups.count(), 2);
      assert.equal(await page.locator("section > .quiet").first().innerText(), "No answers.");
      assert.match(await groups.nth(0).locator(".status").innerText(), /2 different; the first leaves the reference at token 0\.$/);
      await groups.nth(0).locator("td.parts").hover();
      assert.match(await text(page, "#tip"), /the reference has ended here/);
      assert.deepEqual(await groups.nth(1).locator("td.parts").allInnerTexts(), ["≠\n■ length", "≠\n·c"]);
      assert.equal(await groups.nth(1).locator(".tree li").count(), 3);
      await groups.nth(1).locator(".filters label", { hasText: "gpu" }).click();
      assert.match(await groups.nth(1).locator(".status").innerText(), /^2 of 3 answers, 2 different/);
    });
  });

  test("of words say so, and need neither ids nor conditions", async () => {
    await withPage(browser, "words", {}, async (page) => {
      assert.match(await text(page, ".status"), /at word 3\.$/);
      assert.equal(await page.locator(".filters").count(), 0);
      assert.equal(await page.locator(".id").count(), 0);
      assert.equal(await page.locator("td.parts .token").first().innerText(), "·blue.");
    });
  });
});

describe("filters", () => {
  test("by concurrency and backend change counts, lanes, tree and chart", async () => {
    await withPage(browser, "divergent", {}, async (page) => {
      const box = (name) => page.locator(".filters label", { hasText: name }).locator("input");
      for (const other of ["8", "32"]) await box(new RegExp(`^${other}$`)).uncheck();
      assert.equal(await text(page, ".status"), "40 of 200 answers, all the same.");
      assert.equal(await page.locator(".lanes tbody tr").count(), 1);
      assert.equal(await page.locator(".tree").count(), 0);
      assert.equal(await page.locator("path.mark").count(), 0);
      await box(/^8$/).check();
      await box(/^cpu$/).uncheck();
      assert.match(await text(page, ".status"), /^100 of 200 answers, \d different/);
      assert.equal(await page.locator(".tree").count(), 1);
      await box(/^cuda$/).uncheck(); // nothing is left but the reference to compare with
      assert.match(await text(page, ".status"), /^0 of 200/);
    });
  });

  test("are worked by keys", async () => {
    await withPage(browser, "divergent", {}, async (page) => {
      await page.locator(".filters input").first().focus();
      await page.keyboard.press("Space");
      assert.match(await text(page, ".status"), /^160 of 200/);
    });
  });
});

describe("the card of a token", () => {
  test("opens under the pointer, with candidates and hex floats, and can be entered", async () => {
    await withPage(browser, "divergent", {}, async (page) => {
      await page.locator("td.parts").first().hover();
      const card = page.locator("#tip");
      assert.equal(await card.isVisible(), true);
      const shown = await card.innerText();
      assert.match(shown, /first difference: the reference has ·young/);
      assert.match(shown, /position\s+17 of 48/);
      assert.match(shown, /log-probability\s+-[\d.]+ +-0x[01]\.[0-9a-f]+p[-+]\d+/);
      assert.equal(await card.locator(".candidates tbody tr").count(), 5);
      assert.equal(await card.locator(".own").count(), 1);
      const hex = await card.locator(".candidates tbody tr td:last-child").allInnerTexts();
      assert.ok(hex.every((one) => /^-0x1\.[0-9a-f]{1,6}p[-+]\d+$/.test(one)), hex.join()); // floats: 24 bits
      const box = await card.boundingBox();
      await page.mouse.move(box.x + 20, box.y + 20, { steps: 8 });
      assert.equal(await card.isVisible(), true);
      await page.mouse.move(5, 5);
      assert.equal(await card.isVisible(), false);
    });
  });

  test("tells drift to the reference from identical bits", async () => {
    await withPage(browser, "divergent", {}, async (page) => {
      await page.locator(".lanes tbody tr").nth(1).locator("td").nth(12).hover();
      assert.match(await text(page, "#tip"), /to the reference\s+(0 = identical bits|Δ -?\d\.\d+e-\d+ +-?0x1)/);
    });
  });
});

describe("keys", () => {
  test("walk the lanes, open cards and close them", async () => {
    await withPage(browser, "divergent", {}, async (page) => {
      const at = () => page.evaluate(() => [document.activeElement.parentNode.sectionRowIndex, document.activeElement.cellIndex - 1]);
      await page.locator("button", { hasText: "first divergence" }).focus();
      await page.keyboard.press("Enter");
      assert.deepEqual(await at(), [1, 17]);
      assert.equal(await page.locator("#tip").isVisible(), true);
      await page.keyboard.press("Escape");
      assert.equal(await page.locator("#tip").isVisible(), false);
      for (const [key, place] of [["ArrowRight", [1, 18]], ["ArrowDown", [2, 18]], ["d", [2, 23]], ["Home", [2, 0]], ["ArrowLeft", [2, 0]],
        ["ArrowUp", [1, 0]], ["End", [1, 48]], ["ArrowRight", [1, 48]]]) {
        await page.keyboard.press(key);
        assert.deepEqual(await at(), place, key);
      }
    });
  });

  test("reach everything: one stop for a table of lanes", async () => {
    await withPage(browser, "divergent", {}, async (page) => {
      const stops = [];
      for (let i = 0; i < 40; ++i) {
        await page.keyboard.press("Tab");
        const stop = await page.evaluate(() => document.activeElement === document.body ? null
          : `${document.activeElement.tagName} ${document.activeElement.innerText ?? ""}`.slice(0, 40));
        if (stop === null || stop === stops[0]) break;
        stops.push(stop);
      }
      assert.match(stops[0], /To the results/);
      assert.ok(stops.some((stop) => stop === "BUTTON Copy"));
      assert.equal(stops.filter((stop) => stop.startsWith("TD")).length, 1);
      assert.equal(stops.filter((stop) => stop.startsWith("INPUT")).length, 5);
    });
  });

  test("read a chart", async () => {
    await withPage(browser, "deterministic", {}, async (page) => {
      await page.locator(".chart").focus();
      await page.keyboard.press("End");
      assert.match(await text(page, ".readout"), /tokens 47 — .* 0 \(0x0p\+0\); margin.* \(0x1\./);
      await page.keyboard.press("Home");
      await page.keyboard.press("ArrowRight");
      assert.match(await text(page, ".readout"), /tokens 1 /);
    });
  });
});

describe("charts", () => {
  test("give 0 a band of its own and tell series apart by marker and dash", async () => {
    await withPage(browser, "lab", {}, async (page) => {
      const drift = page.locator("figure", { hasText: "Largest difference from the row" });
      assert.equal(await drift.locator("text.zero").textContent(), "0 = identical bits");
      const band = await drift.locator("rect.zero").boundingBox();
      const ours = await drift.locator("svg .series2 .line").last().boundingBox();
      assert.ok(ours.y > band.y && ours.y + ours.height < band.y + band.height, "a series of zeros lies in the band");
      const looks = await drift.locator(".legend svg").evaluateAll((all) => all.map((one) => [...one.children].map((path) => path.getAttribute("stroke-dasharray") + path.getAttribute("d")).join()));
      assert.equal(new Set(looks).size, 3);
    });
  });

  test("show their numbers as a table", async () => {
    await withPage(browser, "lab", {}, async (page) => {
      await page.locator("summary").first().click();
      const rows = await page.locator("details tbody tr").allInnerTexts();
      assert.equal(rows.length, 30);
      assert.equal(rows[0], "OpenBLAS, float32\t1\t1\t0x1p+0");
    });
  });

  test("mark the first divergence", async () => {
    await withPage(browser, "divergent", {}, async (page) => assert.equal(await page.locator("text.mark").textContent(), "≠ first divergence, 17"));
  });
});

describe("the completion tree", () => {
  test("has a leaf for each answer, with counts that add up", async () => {
    await withPage(browser, "divergent", {}, async (page) => {
      const leaves = await page.locator(".tree li").allInnerTexts();
      assert.equal(leaves.length, 5);
      assert.equal(leaves.reduce((sum, leaf) => sum + parseInt(leaf, 10), 0), 200);
      assert.equal(await page.locator(".streams .fork").count(), 4);
    });
  });
});

describe("the lab", () => {
  test("lists its experiments with verdicts, and leads to them", async () => {
    await withPage(browser, "lab", {}, async (page) => {
      const items = await page.locator("nav li").allInnerTexts();
      assert.equal(items.length, 5);
      assert.match(items[1], /repeated the same\?[\s\S]*= identical[\s\S]*one result/);
      assert.equal(await page.locator(".sign").count(), 0);
      await page.locator("nav a").nth(3).click();
      assert.ok((await page.locator("#section-4").boundingBox()).y < 100);
      assert.equal(await page.locator("td.number").first().innerText(), "0");
    });
  });
});

describe("copying", () => {
  test("puts the command on the clipboard", async () => {
    await withPage(browser, "hostile", { permissions: ["clipboard-read", "clipboard-write"] }, async (page) => {
      await page.locator("button", { hasText: "Copy" }).first().click();
      await page.locator("button", { hasText: "Copied" }).waitFor();
      assert.match(await page.evaluate(() => navigator.clipboard.readText()), /^curl 'http:\/\/127\.0\.0\.1\/' # <\/script><script>/);
    });
  });

  test("selects the command where the clipboard is refused", async () => {
    await withPage(browser, "divergent", {}, async (page) => {
      await page.evaluate(() => Object.defineProperty(navigator, "clipboard", { value: undefined }));
      await page.locator("button", { hasText: "Copy" }).first().click();
      assert.match(await page.evaluate(() => String(getSelection())), /^verbatim audit http.*--seed 7$/);
    });
  });
});

describe("themes", () => {
  test("follow the system, and the button turns them", async () => {
    await withPage(browser, "divergent", { colorScheme: "dark" }, async (page) => {
      const dark = await color(page, "body", "backgroundColor");
      await page.locator("button.theme").click();
      const light = await color(page, "body", "backgroundColor");
      assert.deepEqual([dark, light], ["rgb(22, 23, 27)", "rgb(247, 246, 243)"]);
      await page.emulateMedia({ colorScheme: "light" });
      await page.locator("button.theme").click();
      assert.equal(await color(page, "body", "backgroundColor"), dark);
    });
  });
});
