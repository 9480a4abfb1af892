/** How many equal lines stand around what differs. */
const AROUND = 3;

interface Line {
  readonly sign: " " | "+" | "-";
  readonly text: string;
}

/**
 * The unified diff from `before` to `after`, whose lines are those of `before` with others between them, and few that are gone; empty where
 * they are the same. Line for line it is right for any two texts, though not always the shortest.
 */
export function unifiedDiff(before: string, after: string, name: string): string[] {
  if (before === after) return [];
  const lines = compared(before, after);
  const isNear = lines.map(() => false);
  for (const [i, { sign }] of lines.entries()) {
    if (sign === " ") continue;
    for (let j = Math.max(0, i - AROUND); j <= Math.min(lines.length - 1, i + AROUND); j++)
      isNear[j] = true;
  }
  const out = [`--- ${before === "" ? "/dev/null" : name}`, `+++ ${name}`];
  let [old, now] = [1, 1];
  for (let i = 0; i < lines.length; ) {
    let end = i;
    while (end < lines.length && isNear[end] === isNear[i]) end++;
    const hunk = lines.slice(i, end);
    const count = (sign: string) => hunk.filter((line) => line.sign !== sign).length;
    const [removed, added] = [count("+"), count("-")];
    if (isNear[i]) {
      out.push(`@@ -${removed === 0 ? old - 1 : old},${removed} +${now},${added} @@`);
      out.push(...hunk.map(({ sign, text }) => `${sign}${text}`));
    }
    old += removed;
    now += added;
    i = end;
  }
  return out;
}

function compared(before: string, after: string): Line[] {
  const split = (text: string) => (text === "" ? [] : text.replace(/\n$/, "").split("\n"));
  const [old, now] = [split(before), split(after)];
  const lines: Line[] = [];
  let j = 0;
  for (const text of old) {
    const at = now.indexOf(text, j);
    if (at < 0) {
      lines.push({ sign: "-", text });
      continue;
    }
    for (; j < at; j++) lines.push({ sign: "+", text: now[j]! });
    lines.push({ sign: " ", text });
    j++;
  }
  for (; j < now.length; j++) lines.push({ sign: "+", text: now[j]! });
  return lines;
}
