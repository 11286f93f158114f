/** Whether a host is the one that a pattern names, or one below it: `wiki.example` is that host alone, `*.example` every host below. */
export const coversHost = (pattern: string, host: string): boolean =>
  pattern.startsWith("*.") ? host.endsWith(pattern.slice(1)) : host === pattern;
