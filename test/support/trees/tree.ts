import { mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** Writes `files`, contents by name, below `folder`, and returns `folder`. */
export function writeTree(folder: string, files: Readonly<Record<string, string>>): string {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}

/** Every name below `folder` with its size and the times of its last changes: equal as long as nobody wrote there. */
export function snapshot(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => {
    const { mtimeMs, ctimeMs, size } = statSync(join(folder, name));
    return `${name} ${size} ${mtimeMs} ${ctimeMs}`;
  });
}
