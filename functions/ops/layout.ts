import { html } from "hono/html";
import type { Markup } from "./html.ts";
import { formField, type Visitor } from "./visitor.ts";

/** The views, in the order of the menu. */
const views = [
  ["/ops", "Overview"],
  ["/ops/runs", "Runs"],
  ["/ops/costs", "Costs"],
  ["/ops/drift", "Drift"],
  ["/ops/agents", "Agents"],
] as const;

export interface Page {
  readonly title: string;
  /** The path of the view it belongs to. */
  readonly view: (typeof views)[number][0] | undefined;
  /** Undefined: a stranger, who is shown no menu. */
  readonly visitor: Visitor | undefined;
  /** Whether it has charts: a page without needs no script. */
  readonly charts?: true;
  readonly body: Markup;
}

/** A whole page. */
export const renderPage = ({ title, view, visitor, charts, body }: Page): Markup =>
  html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title} · OpenClaw</title>
        <link rel="icon" href="/ops/assets/icon.svg" type="image/svg+xml" />
        <link rel="stylesheet" href="/ops/assets/ops.css" />
        ${
          charts
            ? html`<link rel="stylesheet" href="/ops/assets/uplot.css" />
                <script src="/ops/assets/uplot.js" defer></script>
                <script src="/ops/assets/charts.js" defer></script>`
            : ""
        }
      </head>
      <body>
        <a class="skip" href="#main">To the content</a>
        <header>
          <p class="brand">OpenClaw</p>
          ${visitor && menu(view)} ${visitor?.by === "session" ? logout(visitor) : ""}
        </header>
        <main id="main" tabindex="-1">
          <h1>${title}</h1>
          ${body}
        </main>
      </body>
    </html>`;

const menu = (view: Page["view"]): Markup =>
  html`<nav aria-label="Views">
    <ul>
      ${views.map(
        ([path, name]) =>
          html`<li><a href="${path}" ${path === view ? html`aria-current="page"` : ""}>${name}</a></li>`,
      )}
    </ul>
  </nav>`;

const logout = (visitor: Visitor): Markup =>
  html`<form class="logout" method="post" action="/ops/logout">
    ${tokenField(visitor)}<button class="quiet">Log out</button>
  </form>`;

/** What each form that changes something must carry. */
export const tokenField = (visitor: Visitor): Markup =>
  visitor.by === "session" ? html`<input type="hidden" name="${formField}" value="${visitor.formToken}" />` : html``;
