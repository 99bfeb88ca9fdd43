// Texts that would break out of a page, texts that nobody can see, and more of it all than a window holds.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { fitsItsWindow, launch, open, withPage } from "./browser.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

test("hostile texts become no element and run no script", async () => {
  await withPage(browser, "hostile", {}, async (page) => {
    assert.equal(await page.evaluate(() => window.injected), undefined);
    assert.equal(await page.locator("img").count(), 0);
    assert.equal(await page.locator("script").count(), 2);
    assert.equal(await page.locator("style").count(), 1);
    assert.equal(await page.locator("[style]").evaluateAll((all) => all.filter((node) => node.id !== "tip").length), 0);
    assert.match(await page.title(), /^<\/script><script>/);
    assert.match(await page.locator("h1").innerText(), /^<\/script><script>window\.injected = 1<\/script><img/);
  });
});

test("the policy of the page refuses scripts that are not its own", async () => {
  const { page, context, complaints } = await open(browser, "empty");
  const violated = await page.evaluate(() => new Promise((resolve) => {
    document.addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective));
    const script = document.createElement("script");
    script.textContent = "window.injected = 1";
    document.body.append(script);
  }));
  assert.equal(violated, "script-src-elem");
  assert.equal(await page.evaluate(() => window.injected), undefined);
  assert.equal(complaints.length, 1);
  assert.match(complaints[0], /^console: .*Content Security Policy/);
  await context.close();
});

test("what cannot be seen is shown as its code, bytes as bytes", async () => {
  await withPage(browser, "hostile", {}, async (page) => {
    const cells = await page.locator(".lanes tbody tr").first().locator("td .token").allInnerTexts();
    for (const shown of ["\\x00", "\\x01\\x1b[31m\\x7f", "\\x0d↵", "\\u{2028}", "\\u{2029}", "\\xff\\xfe", "\\xc3", "\\xe2\\x82",
      "\\xed\\xa0\\x80", "\\xed\\xb2\\x80", "\\u{202e}evil\\u{202c}", "\\u{feff}", "\\u{200b}", "\\u{e0041}", "empty", "سلام", "&lt;b&gt;",
      "{{data}}", "__proto__", "\\u003c"]) {
      assert.ok(cells.includes(shown), `${shown} among ${cells.join(" ")}`);
    }
    assert.ok(cells.some((shown) => /^a{24}… [\d,]+ more/.test(shown)));
    assert.ok(await page.evaluate(() => document.body.innerText.length) < 30_000);
    for (const cell of await page.locator(".lanes tbody tr").first().locator("td").all()) {
      await cell.hover();
      assert.equal(await page.locator("#tip").isVisible(), (await cell.locator(".ending").count()) === 0);
    }
  });
});

test("a card shows bytes in hexadecimal, and infinities", async () => {
  await withPage(browser, "hostile", {}, async (page) => {
    await page.locator(".lanes tbody tr").first().locator("td", { hasText: "\\xff\\xfe" }).hover();
    const card = await page.locator("#tip").innerText();
    assert.match(card, /bytes\s+ff fe/);
    assert.match(card, /-Infinity/);
  });
});

test("an id beyond the exact integers of JavaScript keeps its digits", async () => {
  await withPage(browser, "hostile", {}, async (page) => {
    assert.equal(await page.locator("td.parts .id").innerText(), "9007199254740993");
  });
});

test("1,000 lanes of 1,000 tokens: bounded, walkable, and honest about what is left out", async () => {
  await withPage(browser, "huge", {}, async (page) => {
    const nodes = () => page.evaluate(() => document.querySelectorAll("*").length);
    assert.ok(await nodes() < 25_000, `${await nodes()} elements`);
    await fitsItsWindow(page);
    assert.match(await page.locator(".status").innerText(), /^1,000 answers, \d+ different; the first leaves the reference at token 200\.$/);
    assert.match(await page.locator(".lanes").innerText(), /\d+ different answers not shown here/);
    assert.match(await page.locator(".tree").innerText(), /24 most frequent answers; \d+ rarer ones left out/);

    const rows = page.locator(".lanes tbody tr");
    assert.equal(await rows.count(), 40);
    await page.locator("button", { hasText: "Show 40 more" }).click();
    assert.equal(await rows.count(), 80);

    const at = () => page.evaluate(() => Number([...document.activeElement.closest("table").tHead.rows[0].cells][document.activeElement.cellIndex].firstChild.textContent.replace(",", "")));
    await page.locator("button", { hasText: "first divergence" }).click();
    assert.equal(await at(), 200);
    await page.keyboard.press("End");
    assert.equal(await at(), 1000);
    await page.keyboard.press("Home");
    assert.equal(await at(), 0);
    for (let i = 0; i < 3; ++i) await page.locator("button", { hasText: "later" }).click();
    assert.match(await page.locator(".pager").innerText(), /tokens 324 to 443 of 1,000/);
    assert.ok(await nodes() < 50_000, `${await nodes()} elements`);

    // Filters keep working on all of it.
    await page.locator(".filters label", { hasText: "cpu" }).locator("input").uncheck();
    assert.match(await page.locator(".status").innerText(), /^500 of 1,000 answers/);
  });
});
