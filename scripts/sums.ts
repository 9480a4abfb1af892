// bun scripts/sums.ts DIR
//
// Prints `<sha256>  <name>` for every ingot-* file in DIR, by name, as `sha256sum --check` reads it.
import { createHash } from "node:crypto";
import { createReadStream, readdirSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";

const [dir = ""] = process.argv.slice(2);
const names = readdirSync(dir).filter((name) => name.startsWith("ingot-"));
for (const name of names.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))) {
  const hash = createHash("sha256");
  await pipeline(createReadStream(join(dir, name)), hash);
  console.log(`${hash.digest("hex")}  ${name}`);
}
