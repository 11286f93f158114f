/** The bytes of a request's body, or undefined where there are more than `limit`. Stops reading there. */
export async function readLimited(message: Request, limit: number): Promise<Uint8Array | undefined> {
  const declared = message.headers.get("content-length");
  if (declared !== null && Number(declared) > limit) return undefined;
  if (declared !== null && !message.headers.has("content-encoding")) {
    // The HTTP parser never hands over more than was declared: the quick way is safe. Checked all the same.
    const whole = new Uint8Array(await message.arrayBuffer());
    return whole.length <= limit ? whole : undefined;
  }
  if (!message.body) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader: ReadableStreamDefaultReader<Uint8Array> = message.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return Buffer.concat(chunks);
    size += value.length;
    if (size > limit) {
      await reader.cancel();
      return undefined;
    }
    chunks.push(value);
  }
}
