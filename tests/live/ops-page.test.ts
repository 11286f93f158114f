/** The ops page in Debian's chromium. */
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, before, describe, test } from "node:test";
import type { BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import { makeLink } from "../../lib/ledger/ops-sessions.ts";
import { type OpsStage, startOpsStage } from "../support/ops/stage.ts";
import { until } from "../support/until.ts";
import { type OpenBrowser, openBrowser } from "./support/browser.ts";

const { source: axe } = createRequire(import.meta.url)("axe-core") as { source: string };

let stage: OpsStage;
let opened: OpenBrowser;
let session = "";

before(async () => {
  [stage, opened] = await Promise.all([startOpsStage(), openBrowser()]);
  session = (await stage.login()).split("=")[1] ?? "";
});
after(async () => {
  await opened?.stop();
  await stage?.stop();
});

const wide = { width: 1280, height: 900 };
const phone = { width: 390, height: 844 };
const views = (): string[] => [
  ...["/ops", "/ops/runs?denied=1", "/ops/costs?days=7", "/ops/drift?agent=ops", "/ops/agents", "/ops/login"],
  ...["/ops/nothing", `/ops/runs/${stage.runs.hostile}`],
];
/** With as many rows as they come to have. */
const longViews = ["/ops/runs", "/ops/costs?by=model&days=90", "/ops/drift"];

/** A browser of its own with what it complains of; with the session of the operator unless told otherwise. */
async function visiting(
  options: BrowserContextOptions & { readonly stranger?: true },
  visit: (page: Page, troubles: string[], context: BrowserContext) => Promise<void>,
): Promise<void> {
  const { stranger, ...settings } = options;
  const context = await opened.browser.newContext(settings);
  const troubles: string[] = [];
  try {
    if (!stranger) await context.addCookies([{ name: "openclaw_ops", value: session, url: `${stage.url}/ops` }]);
    context.setDefaultTimeout(10_000);
    const page = await context.newPage();
    page.on("console", (message) => {
      // What is refused with 401 or 404 on purpose is an "error" of the console, too.
      if (message.type() === "error" && !/status of 40[14]/.test(message.text())) troubles.push(message.text());
    });
    page.on("pageerror", (error) => troubles.push(error.message));
    // An icon is still on its way where the next page is opened.
    page.on("requestfailed", (request) => {
      if (request.failure()?.errorText !== "net::ERR_ABORTED") troubles.push(request.url());
    });
    page.on("request", (request) => {
      if (!request.url().startsWith(stage.url)) troubles.push(`asks for ${request.url()}`);
    });
    await visit(page, troubles, context);
  } finally {
    await context.close();
  }
}

const open = (page: Page, path: string) => page.goto(stage.url + path, { waitUntil: "load" });

/** How much wider the page is than its window. */
const overflow = (page: Page): Promise<number> =>
  page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");

/** What axe-core finds against WCAG A and AA, as rule and place. */
async function findings(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  return page.evaluate(`
    axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21aa"], resultTypes: ["violations"] }).then(({ violations }) =>
      violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => id + " at " + target.join(" ") + ": " + failureSummary)))`);
}

describe("every view", () => {
  for (const colorScheme of ["light", "dark"] as const)
    for (const viewport of [wide, phone])
      test(`fits and is accessible in ${colorScheme} at ${viewport.width} px, and breaks no rule of its own policy`, () =>
        visiting({ colorScheme, viewport }, async (page, troubles) => {
          // Of what axe-core looks at colours alone depend on the theme, and sizes on the width: two of the four have all.
          const whole = (colorScheme === "light") === (viewport === wide);
          for (const path of [...views(), ...longViews]) {
            const answer = await open(page, path);
            assert.ok((answer?.status() ?? 500) < 500, path);
            await page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true");
            assert.equal(await overflow(page), 0, path);
            if (whole && !longViews.includes(path)) assert.deepEqual(await findings(page), [], path);
            assert.deepEqual(troubles, [], path);
          }
        }));

  test("shows charts of its tables with a script, and all else without one", async () => {
    await visiting({ viewport: wide }, async (page) => {
      for (const path of ["/ops/costs", "/ops/drift"]) {
        await open(page, path);
        await page.waitForSelector(".chart canvas");
        assert.ok(((await page.locator(".chart canvas").boundingBox())?.width ?? 0) > 300, path);
      }
    });
    await visiting({ viewport: wide, javaScriptEnabled: false }, async (page) => {
      for (const path of views()) {
        await open(page, path);
        assert.ok((await page.locator("main").innerText()).length > 20, path);
      }
      await open(page, "/ops/costs");
      assert.equal(await page.locator(".chart").count(), 0);
      assert.ok((await page.locator("table[data-chart] tbody tr").count()) > 20);
    });
  });

  test("markup in what was said is text", () =>
    visiting({ viewport: wide }, async (page) => {
      let dialogs = 0;
      page.on("dialog", (dialog) => {
        dialogs += 1;
        void dialog.dismiss();
      });
      await open(page, `/ops/runs/${stage.runs.hostile}`);
      assert.ok((await page.locator("main").innerText()).includes("<script>alert(1)</script>"));
      assert.equal(await page.locator("main script, main img").count(), 0);
      assert.equal(dialogs, 0);
    }));

  test("is reached and worked by keyboard alone", () =>
    visiting({ viewport: wide }, async (page) => {
      await open(page, "/ops");
      await page.keyboard.press("Tab");
      assert.equal(await page.evaluate("document.activeElement.textContent"), "To the content");
      await page.keyboard.press("Enter");
      assert.equal(await page.evaluate("document.activeElement.id"), "main");
      for (const path of ["/ops", "/ops/runs", "/ops/costs", "/ops/agents"]) {
        await open(page, path);
        const wanted: number = await page.evaluate(`
          [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, summary, [tabindex='0']")]
            .filter((each) => each.checkVisibility()).map((each, at) => (each.dataset.wanted = at)).length`);
        const reached = new Set<string>();
        // A field for a time has several stops of its own.
        for (let press = 0; press < wanted + 30 && reached.size < wanted; press += 1) {
          await page.keyboard.press("Tab");
          const at: string | null = await page.evaluate("document.activeElement.dataset.wanted ?? null");
          if (at === null) continue;
          reached.add(at);
          const ring: string = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle");
          assert.notEqual(ring, "none", `${path}: no focus ring on ${at}`);
        }
        assert.equal(reached.size, wanted, path);
      }
    }));
});

describe("the way in", () => {
  for (const javaScriptEnabled of [true, false])
    test(`a link logs in by its button, once, ${javaScriptEnabled ? "with" : "without"} a script; logging out ends it`, () =>
      visiting({ stranger: true, javaScriptEnabled, viewport: phone }, async (page, _, context) => {
        const link = await makeLink(stage.gateway.sql);
        await open(page, `/ops/login?link=${link}`);
        await page.getByRole("button", { name: "Log in" }).click();
        await page.waitForURL(`${stage.url}/ops`);
        const [cookie] = await context.cookies(`${stage.url}/ops`);
        assert.deepEqual([cookie?.httpOnly, cookie?.sameSite, cookie?.path], [true, "Strict", "/ops"]);
        await page.getByRole("button", { name: "Log out" }).click();
        await page.waitForURL(`${stage.url}/ops/login`);
        assert.equal((await open(page, "/ops"))?.status(), 401);
        await open(page, `/ops/login?link=${link}`);
        await page.getByRole("button", { name: "Log in" }).click();
        assert.match(await page.getByRole("alert").innerText(), /used before/);
      }));

  test("a stranger's session sees the login alone", () =>
    visiting({ stranger: true, viewport: wide }, async (page, _, context) => {
      await context.addCookies([{ name: "openclaw_ops", value: "forged", url: `${stage.url}/ops` }]);
      for (const path of ["/ops", "/ops/runs", `/ops/runs/${stage.runs.usual}`]) {
        assert.equal((await open(page, path))?.status(), 401);
        assert.equal(await page.locator("nav").count(), 0);
      }
    }));

  test("another site's form changes nothing, though the browser is logged in", () =>
    visiting({ viewport: wide }, async (page, _, context) => {
      const [question] = await stage.gateway.sql<
        { code: string }[]
      >`select code from approvals where state = 'pending'`;
      const action = `${stage.url}/ops/approvals/${question?.code}`;
      await context.route("http://127.0.0.3/", (route) =>
        route.fulfill({
          contentType: "text/html",
          body: `<form method="post" action="${action}"><button name="answer" value="approve">x</button></form>`,
        }),
      );
      await page.goto("http://127.0.0.3/");
      const [answer] = await Promise.all([page.waitForResponse(action), page.locator("button").click()]);
      assert.ok([401, 403].includes(answer.status()), String(answer.status()));
      const [row] = await stage.gateway.sql`select state from approvals where code = ${question?.code ?? ""}`;
      assert.equal(row?.["state"], "pending");
    }));
});

describe("what is done", () => {
  test("runs are filtered by the form and read page by page", () =>
    visiting({ viewport: wide }, async (page) => {
      await open(page, "/ops/runs");
      await page.locator("select[name=agent]").selectOption("helper");
      await page.locator("select[name=state]").selectOption("done");
      await page.getByRole("button", { name: "Filter" }).click();
      await page.waitForURL(/agent=helper/);
      assert.equal(await page.locator("select[name=agent]").inputValue(), "helper");
      const agents = await page.locator("tbody td[data-head=Agent]").allInnerTexts();
      assert.deepEqual([agents.length, [...new Set(agents)]], [50, ["helper"]]);
      await page.getByRole("link", { name: "Older" }).click();
      await page.waitForURL(/after=/);
      await page.getByRole("link", { name: "Newest" }).click();
      await page.locator("tbody a").first().click();
      await page.waitForURL(/\/ops\/runs\/[\w-]{36}$/);
      assert.match(await page.locator("h1").innerText(), /^Run \w{8}$/);
    }));

  test("a question is approved and a job run again, on a phone and without a script", () =>
    visiting({ viewport: phone, javaScriptEnabled: false }, async (page) => {
      await open(page, "/ops");
      await page.getByRole("button", { name: /^Approve commitments_add/ }).click();
      await page.waitForURL(/question=/);
      assert.match(await page.getByRole("status").innerText(), /commitments_add for ops: approved by operator/);
      const { sql } = stage.gateway;
      await until(async () => (await sql`select 1 from runs where state in ('running', 'waiting')`).length === 0);
      await page.locator("summary", { hasText: "Run again" }).nth(1).click();
      await page.getByRole("button", { name: "Run the due slot once more" }).click();
      await page.waitForURL(/job=night-check/);
      assert.match(await page.getByRole("status").innerText(), /^night-check, attempt \d/);
      await until(
        async () => (await sql`select 1 from job_slots where state in ('new', 'running', 'delivering')`).length === 0,
      );
    }));
});
