import { html } from "hono/html";
import { type Markup } from "../html.ts";
import { renderPage } from "../layout.ts";

/** The field of the form that carries the link's secret. */
export const linkField = "link";

/** Where a stranger is led, with what is wrong where something is; with a link it is used by the button alone, as previews open links too. */
export const loginPage = (link: string | undefined, problem?: string): Markup =>
  renderPage({
    title: "Log in",
    view: undefined,
    visitor: undefined,
    body: html`<div class="login">
      ${problem === undefined ? "" : html`<p class="problem" role="alert">${problem}</p>`}
      ${
        link === undefined
          ? html`<p>Run this where the gateway runs, and open the link it prints:</p>
              <pre tabindex="0" aria-label="Command">claw ops link</pre>
              <p class="hint">A link is good once, for ten minutes.</p>`
          : html`<p>This link logs this browser in, once.</p>
              <form method="post" action="/ops/login">
                <input type="hidden" name="${linkField}" value="${link}" />
                <button>Log in</button>
              </form>`
      }
    </div>`,
  });
