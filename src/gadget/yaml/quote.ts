const LENGTH = 60;

/** `text` in quotes, fit for one line of a message: cut when long, what would steer a terminal escaped. */
export function quoteForeign(text: string): string {
  const shown = text.length > LENGTH ? `${text.slice(0, LENGTH)}…` : text;
  return escapeOdd(JSON.stringify(shown));
}

/** `sentence` of which a part is foreign text, made fit in the same way. */
export function tame(sentence: string): string {
  const limit = 3 * LENGTH;
  const shown = sentence.length > limit ? `${sentence.slice(0, limit)}…` : sentence;
  return escapeOdd(shown.toWellFormed());
}

/** Control characters, and those that turn the direction of writing, as escapes. */
function escapeOdd(text: string): string {
  const odd = /[\p{Cc}\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;
  return text.replace(odd, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
