/** Reads a request's body as text, at most `limit` bytes of it; undefined past that, whatever the headers claim. */
export async function readBody(request: Request, limit: number): Promise<string | undefined> {
  const { headers } = request;
  const claimed = headers.get("content-length");
  if (Number(claimed) > limit) return undefined;
  if (claimed !== null && !headers.has("transfer-encoding")) {
    // The server holds the sender to the length it claimed, and reads such a body without making a stream of it.
    const text = await request.text();
    return Buffer.byteLength(text) > limit ? undefined : text;
  }
  if (!request.body) return "";
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body as unknown as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    // Leaving the loop cancels the stream.
    if (size > limit) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
