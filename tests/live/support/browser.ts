/** Debian's chromium, driven by playwright-core: this machine's own, or one in the chroot of the live tests. */
import { access } from "node:fs/promises";
import { type Browser, chromium } from "playwright-core";
import { startInChroot } from "./chroot-process.ts";
import { makePeerFolder } from "./peer-folder.ts";
import { until } from "../../support/until.ts";
import { ensureChroot } from "./sid.ts";

export interface OpenBrowser {
  readonly browser: Browser;
  stop(): Promise<void>;
}

const own = "/usr/bin/chromium";
const startMs = 30_000;
/** Nothing that asks other machines, or that a container lacks. */
const quiet = [
  ...["--disable-dev-shm-usage", "--disable-gpu", "--disable-background-networking", "--no-first-run"],
  // Chromium started by playwright-core has none either: pictures are the same.
  "--hide-scrollbars",
];

/** Opens it without a window; throws `PeersUnavailable` where there is none and none can be had. */
export async function openBrowser(): Promise<OpenBrowser> {
  const found = await access(own).then(
    () => true,
    () => false,
  );
  return found ? launchOwn() : startInside();
}

async function launchOwn(): Promise<OpenBrowser> {
  // Its sandbox refuses root, and needs none for pages of ours.
  const asRoot = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  const browser = await chromium.launch({ executablePath: own, args: [...quiet, ...asRoot], timeout: startMs });
  return { browser, stop: () => browser.close() };
}

async function startInside(): Promise<OpenBrowser> {
  const { dir } = await ensureChroot(["chromium"]);
  const folder = await makePeerFolder(dir, "chromium");
  const running = startInChroot(dir, [
    ...["chromium", "--headless", "--no-sandbox", ...quiet],
    ...["--remote-debugging-port=0", `--user-data-dir=${folder.inside("profile")}`, "about:blank"],
  ]);
  const stop = async (): Promise<void> => {
    await running.stop();
    await folder.remove();
  };
  try {
    const address = await until(
      async () => /DevTools listening on (ws:\/\/127\.0\.0\.1:\S+)/.exec(running.logs())?.[1] ?? "",
      (found) => found !== "" || running.hasEnded(),
      startMs,
    );
    if (address === "") throw new Error(`chromium ended while starting:\n${running.logs().slice(-2_000)}`);
    const browser = await chromium.connectOverCDP(address, { timeout: startMs });
    return {
      browser,
      async stop() {
        await browser.close();
        await stop();
      },
    };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}
