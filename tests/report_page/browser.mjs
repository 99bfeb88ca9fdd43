// Pages of build/report_page in Debian's Chromium. Every page must stay silent: an error on the console, an exception
// or a request for anything but the file itself fails the test that opened it.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

export const pages = fileURLToPath(new URL("../../build/report_page/", import.meta.url));

export async function launch() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
}

// open(browser, "lab", {colorScheme: "dark"}): the page, and `complaints`, which must be empty at the end.
export async function open(browser, name, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  context.setDefaultTimeout(10_000);
  const page = await context.newPage();
  const complaints = [], url = `file://${pages}${name}.html`;
  page.on("console", (message) => complaints.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => complaints.push(`exception: ${error.stack}`));
  page.on("request", (request) => request.url() === url || complaints.push(`request: ${request.url()}`));
  page.on("dialog", (dialog) => complaints.push(`dialog: ${dialog.message()}`));
  await page.goto(url);
  return { page, context, complaints };
}

// Runs `check` on a fresh page of this name and closes it.
export async function withPage(browser, name, options, check) {
  const { page, context, complaints } = await open(browser, name, options);
  try {
    await check(page);
    assert.deepEqual(complaints, []);
  } finally {
    await context.close();
  }
}

// No page is wider than its window, on a phone or on a desk.
export async function fitsItsWindow(page) {
  const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(content <= window, `the page is ${content} pixels wide in a window of ${window}`);
}
