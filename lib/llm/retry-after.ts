/** How long a server asks to wait, in ms: `retry-after-ms`, or Retry-After as seconds or a date (RFC 9110, 10.2.3). */
export function retryAfterMs(headers: Headers, now: number = Date.now()): number | undefined {
  const milliseconds = asNumber(headers.get("retry-after-ms"));
  if (milliseconds !== undefined) return milliseconds;
  const value = headers.get("retry-after");
  if (value === null) return undefined;
  const seconds = asNumber(value);
  if (seconds !== undefined) return seconds * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

function asNumber(value: string | null): number | undefined {
  return value !== null && /^\d+(\.\d+)?$/.test(value.trim()) ? Number(value) : undefined;
}
