/** Pixels of an image. */
export interface ImageSize {
  readonly width: number;
  readonly height: number;
}

/** The size of a PNG or GIF, which stand at a fixed place; undefined for the others, whose headers would have to be walked. */
export function imageSize(bytes: Uint8Array, mime: string): ImageSize | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let size: ImageSize | undefined;
  // PNG (third edition), 11.2.1: IHDR is the first chunk.
  if (mime === "image/png" && bytes.length >= 24) size = { width: view.getUint32(16), height: view.getUint32(20) };
  // GIF89a, section 18: the logical screen's size follows the signature.
  if (mime === "image/gif" && bytes.length >= 10)
    size = { width: view.getUint16(6, true), height: view.getUint16(8, true) };
  return size && size.width > 0 && size.height > 0 ? size : undefined;
}
