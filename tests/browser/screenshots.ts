/** `npm run screenshots`: the pictures of docs/ops-page.md, of a gateway with made-up runs. */
import "../../lib/boot.ts";
import { join } from "node:path";

const { globalSetup, globalTeardown } = await import("../support/global-setup.ts");
const { openBrowser } = await import("../live/support/browser.ts");
const { startOpsStage } = await import("../support/ops/stage.ts");

const folder = join(import.meta.dirname, "../../docs/images");

await globalSetup();
const stage = await startOpsStage();
const opened = await openBrowser();

const pictures = [
  { name: "overview", path: "/ops", theme: "light", width: 1280, height: 900 },
  { name: "run", path: `/ops/runs/${stage.runs.usual}`, theme: "light", width: 1280, height: 1100 },
  { name: "costs", path: "/ops/costs", theme: "dark", width: 1280, height: 800 },
  { name: "drift", path: "/ops/drift", theme: "light", width: 1280, height: 900 },
  { name: "agents", path: "/ops/agents", theme: "light", width: 1280, height: 800 },
  { name: "phone", path: "/ops", theme: "light", width: 390, height: 844 },
] as const;

try {
  const [name = "", value = ""] = (await stage.login()).split("=");
  for (const picture of pictures) {
    const context = await opened.browser.newContext({
      viewport: { width: picture.width, height: picture.height },
      colorScheme: picture.theme,
    });
    await context.addCookies([{ name, value, url: `${stage.url}/ops` }]);
    const page = await context.newPage();
    await page.goto(stage.url + picture.path, { waitUntil: "networkidle" });
    await page.screenshot({ path: join(folder, `ops-${picture.name}.png`) });
    await context.close();
  }
} finally {
  await opened.stop();
  await stage.stop();
  await globalTeardown();
}
