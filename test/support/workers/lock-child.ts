/**
 * lock-child.ts count LOCK FILE TIMES    adds 1 to the number in FILE so often, each time alone
 * lock-child.ts hold LOCK FILE           takes the lock, creates FILE, and never lets go
 * lock-child.ts aside FILE               begins to write FILE, creates FILE.begun, and never ends
 */
import { readFileSync, writeFileSync } from "node:fs";
import { AtomicFile } from "../../../src/base/fs/atomic-file.ts";
import { withLock } from "../../../src/base/fs/lock.ts";

const [mode = "", at = "", file = "", times = "0"] = process.argv.slice(2);
const forever = () => new Promise<never>(() => setInterval(() => {}, 1000));

if (mode === "count") {
  for (let i = 0; i < Number(times); i++) {
    await withLock(at, async () => {
      const before = Number(readFileSync(file, "utf8"));
      await new Promise((next) => setTimeout(next, 0));
      writeFileSync(file, String(before + 1));
    });
  }
} else if (mode === "hold") {
  await withLock(at, () => {
    writeFileSync(file, "");
    return forever();
  });
} else {
  const aside = new AtomicFile(at);
  aside.file.write(Buffer.from("half"), 0);
  writeFileSync(`${at}.begun`, "");
  await forever();
}
