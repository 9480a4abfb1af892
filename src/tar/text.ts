import { text } from "../base/bytes.ts";

/**
 * The text that `bytes` are in UTF-8. Where they are none, each byte 0xNN that belongs to no character becomes U+DCNN, a lone
 * surrogate: no two different byte strings become one text, and none of these texts is well formed.
 */
export function bytesText(bytes: Uint8Array): string {
  return text(bytes) ?? escaped(bytes);
}

function escaped(bytes: Uint8Array): string {
  let out = "";
  for (let at = 0; at < bytes.length; ) {
    const character = characterAt(bytes, at);
    out += character ?? String.fromCharCode(0xdc00 + bytes[at]!);
    at += character === undefined ? 1 : Buffer.byteLength(character);
  }
  return out;
}

function characterAt(bytes: Uint8Array, at: number): string | undefined {
  for (let length = 1; length <= 4 && at + length <= bytes.length; length++) {
    const character = text(bytes.subarray(at, at + length));
    if (character !== undefined) return character;
  }
  return undefined;
}

/**
 * A member's path from its name: slashes in front and behind, doubled ones and `.` mean nothing; "" is the root. Undefined
 * for one that is empty or leads up: `..` is never followed, wherever it would end. Any other byte is part of a
 * name, also what looks like a mistake: systemd has names with a backslash.
 */
export function cleanPath(name: string): string | undefined {
  if (name === "") return undefined;
  if (!/(?:^|\/)(?:\.{0,2}(?:\/|$))/.test(name)) return name;
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  return parts.includes("..") ? undefined : parts.join("/");
}
