/** Bech32 (BIP 173) as age writes recipients: a checksum over prefix and data finds a mistyped or missing character. */
const alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const generator = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];

/** "age" as the checksum counts a prefix: the high bits of its letters, a zero, the low bits. */
const prefix = [3, 3, 3, 0, 1, 7, 5];

/** 32 bytes in groups of 5 bits, and six groups of checksum. */
const dataLength = 52 + 6;

/** Whether a text is a whole X25519 recipient, `age1...`. */
export function isAgeRecipient(text: string): boolean {
  const data = [...text.slice("age1".length)].map((letter) => alphabet.indexOf(letter));
  if (!text.startsWith("age1") || data.length !== dataLength || data.includes(-1)) return false;
  let sum = 1;
  for (const value of [...prefix, ...data]) {
    const top = sum >> 25;
    sum = ((sum & 0x1ffffff) << 5) ^ value;
    generator.forEach((term, bit) => (sum ^= (top >> bit) & 1 ? term : 0));
  }
  return sum === 1;
}
