/** What the tests share in which an export breaks off. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { Child, type Ended, pause, until } from "../process/child.ts";
import { command, ingot, plainEnvironment } from "../process/ingot.ts";

export const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** Puts bytes where a run that has let go of them would have left them for `at`. */
export function leave(at: string, bytes: Uint8Array, number = 1): string {
  const left = join(dirname(at), `.${basename(at)}.partial.free.1.1.1.1.${number}`);
  writeFileSync(left, bytes);
  return left;
}

/** The files that are half-written in a folder. */
export const halves = (folder: string): string[] =>
  readdirSync(folder).filter((name) => name.includes(".partial."));

/** The volumes of the archive `at`, in order. */
export function volumesOf(at: string): string[] {
  const start = `${basename(at)}.`;
  const names = readdirSync(dirname(at)).filter(
    (name) => name.startsWith(start) && /^[0-9]{3}$/.test(name.slice(start.length)),
  );
  return names.sort().map((name) => join(dirname(at), name));
}

/** The bytes of an archive, or of its volumes put together. */
export const bytesAt = (at: string): Buffer =>
  existsSync(at) ? readFileSync(at) : Buffer.concat(volumesOf(at).map((it) => readFileSync(it)));

/** Where there is a list of volumes, they are what it says. */
export function checkList(at: string): void {
  const list = `${at}.volumes.json`;
  if (!existsSync(list)) return;
  const { volumes } = JSON.parse(readFileSync(list, "utf8"));
  const found = volumesOf(at).map((file) => readFileSync(file));
  const said = found.map((bytes) => ({ digest: `sha256:${sha256(bytes)}`, size: bytes.length }));
  assert.deepEqual(said.slice(0, volumes.length), volumes);
}

/** A run that writes `output` into a folder where nothing else is half-written. */
export interface Breaking {
  readonly words: readonly string[];
  readonly output: string;
  readonly form?: "bun" | "deno" | "binary";
}

/** Starts it, and returns when it has begun to write, or has ended. */
export async function begun({ words, output, form }: Breaking): Promise<Child> {
  const folder = dirname(output);
  const before = new Set(halves(folder));
  const child = new Child([...(await command(form)), ...words], { env: plainEnvironment() });
  let ended = false;
  void child.ended.then(() => {
    ended = true;
  });
  await until(() => ended || halves(folder).some((name) => !before.has(name)), "it writes");
  return child;
}

/** Starts it, and returns while it writes: it stands still, and lives. {@link goOn} lets it go on. */
export async function held(breaking: Breaking): Promise<Child> {
  for (let tries = 0; tries < 20; tries++) {
    const child = await begun(breaking);
    send(child, "SIGSTOP");
    if (halves(dirname(breaking.output)).length > 0) return child;
    // It was done before.
    goOn(child);
    await child.ended;
  }
  throw new Error("held: each time it was done before");
}

export const goOn = (child: Child): void => send(child, "SIGCONT");

/** Deno's own `kill` of a child takes any signal for the last one. */
function send(child: Child, signal: NodeJS.Signals): void {
  try {
    if (child.process.pid !== undefined) process.kill(child.process.pid, signal);
  } catch {
    // It has ended.
  }
}

/** Tells what `start` starts to stop, again and again until one was not done before. @returns how that one ended */
export async function stopped(
  signal: "SIGINT" | "SIGTERM",
  start: () => Promise<Child>,
): Promise<Ended> {
  for (let tries = 1; ; tries++) {
    const child = await start();
    child.kill(signal);
    const ended = await child.ended;
    if (ended.code !== 0 || tries === 20) return ended;
  }
}

/** It ended as it was told to. (On Deno a program that was sent a signal has no code.) */
export function assertStopped(
  { code, signal }: Pick<Ended, "code" | "signal">,
  by: "SIGINT" | "SIGTERM",
): void {
  const own = by === "SIGINT" ? 130 : 143;
  assert.ok(code === own || signal === by, `it ended with ${code ?? signal}, should be ${own}`);
}

/** How long it writes. Milliseconds. */
export async function writingTime(breaking: Breaking): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 3; i++) {
    const child = await begun(breaking);
    const started = performance.now();
    const { code, stderr } = await child.ended;
    assert.equal(code, 0, stderr);
    times.push(performance.now() - started);
  }
  return Math.min(...times);
}

/** Kills it after so many milliseconds of writing, or when it has written such a share; whether it left something. */
export async function killed(
  breaking: Breaking,
  when: { readonly delay: number } | { readonly share: number },
): Promise<boolean> {
  const folder = dirname(breaking.output);
  const child = await begun(breaking);
  let ended = false;
  const end = child.ended.then(() => {
    ended = true;
  });
  if ("delay" in when) await Promise.race([pause(when.delay), end]);
  else while (!ended && writtenIn(folder) < when.share) await pause(1);
  child.kill("SIGKILL");
  const { code, signal, stderr } = await child.ended;
  assert.ok(signal === "SIGKILL" || code === 0, stderr);
  return signal === "SIGKILL" && halves(folder).length > 0;
}

/** How much is written of what is half-written: 0 to 1. */
function writtenIn(folder: string): number {
  let [size, written] = [0, 0];
  for (const name of halves(folder)) {
    const found = statSync(join(folder, name), { throwIfNoEntry: false });
    size += found?.size ?? 0;
    written += Math.min((found?.blocks ?? 0) * 512, found?.size ?? 0);
  }
  return size === 0 ? 0 : written / size;
}

/** Runs it to its end. @returns how many bytes it took over */
export async function resumed({ words, output, form }: Breaking): Promise<number> {
  const { code, stdout, stderr } = await ingot([...words, "--json"], form ? { form } : {});
  assert.equal(code, 0, stderr);
  assert.deepEqual(halves(dirname(output)), []);
  return JSON.parse(`${stdout}`).resumed;
}
