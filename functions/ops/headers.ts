import type { MiddlewareHandler } from "hono";

const policy = [
  "default-src 'none'",
  ...["script-src", "style-src", "img-src", "connect-src", "form-action"].map((directive) => `${directive} 'self'`),
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** What every answer of the page tells the browser: nothing from elsewhere, nowhere else, kept by nobody. */
export const securityHeaders: MiddlewareHandler = async (context, next) => {
  context.header("content-security-policy", policy);
  context.header("x-content-type-options", "nosniff");
  // "no-referrer" would have browsers send our own forms with `Origin: null`, and nothing tell them from a stranger's.
  context.header("referrer-policy", "same-origin");
  context.header("cross-origin-opener-policy", "same-origin");
  context.header("cross-origin-resource-policy", "same-origin");
  context.header("x-frame-options", "DENY");
  context.header("permissions-policy", "camera=(), geolocation=(), microphone=()");
  await next();
  if (!context.res.headers.has("cache-control")) context.header("cache-control", "no-store");
};
