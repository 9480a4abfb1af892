/**
 * What `--chmod` says: an octal number, or changes as BSD's chmod(1) and setmode(3) have them, and with them BuildKit. GNU's differs
 * in odd ones: there `g=u` clears the set-group-id bit, and a `t` keeps the other letters.
 */
import { IngotError } from "../../base/error.ts";

/** The mode of a node after it; `mode` is the one before. */
export type Chmod = (mode: number, isDirectory: boolean) => number;

export interface ModeChange {
  readonly apply: Chmod;
  /** The number, where it is one: folders that are made on the way get it, too. */
  readonly octal: number | undefined;
}

/** What `--chmod=TEXT` does. `place` is that of the instruction. @throws usage */
export function parseMode(text: string, place: string): ModeChange {
  if (/^[0-7]+$/.test(text)) {
    const octal = Number.parseInt(text, 8);
    if (octal <= 0o7777) return { octal, apply: () => octal };
  }
  const steps = /^[0-9]/.test(text) ? undefined : parseSteps(text);
  if (steps === undefined) {
    throw new IngotError("usage", {
      message: `${place}: --chmod=${JSON.stringify(text)} is not a mode (expected an octal number up to 7777, or changes)`,
      hint: "for example 755, u=rwX,go=rX or +x",
    });
  }
  return {
    octal: undefined,
    apply: (mode, isDirectory) =>
      steps.reduce((now, step) => step(now, (mode & EXECUTE) !== 0 || isDirectory), mode),
  };
}

/** @param mayExecute whether somebody might before the first step, or it is a folder */
type Step = (now: number, mayExecute: boolean) => number;

const EXECUTE = 0o111;
const STICKY = 0o1000;
const SET_IDS = 0o6000;
/** What `=` clears where nobody is named. */
const EVERYBODY = 0o6777;
const WHO: Readonly<Record<string, number>> = { u: 0o4700, g: 0o2070, o: 0o0007, a: EVERYBODY };
const PERMISSIONS: Readonly<Record<string, number>> = { r: 0o444, w: 0o222, x: EXECUTE };
const SHIFT: Readonly<Record<string, number>> = { u: 6, g: 3, o: 0 };

/** `[ugoa]*([-+=][rwxXstugo]*)+`, several with commas between; undefined for anything else. */
function parseSteps(text: string): Step[] | undefined {
  const steps: Step[] = [];
  for (const clause of text.split(",")) {
    const [, who, changes] = /^([ugoa]*)((?:[-+=][rwxXstugo]*)+)$/.exec(clause) ?? [];
    if (who === undefined || changes === undefined) return undefined;
    const named = [...who].reduce((sum, letter) => sum | WHO[letter]!, 0);
    for (const [, sign = "", letters = ""] of changes.matchAll(/([-+=])([rwxXstugo]*)/g))
      steps.push(...stepsOf(sign, letters, named));
  }
  return steps;
}

/**
 * One sign with its letters. A letter that copies (`u`, `g`, `o`) comes after those before it and touches nothing but `rwx`.
 * @param named the bits of those who are named; 0 = nobody is, and so everybody is meant: there is no umask here
 */
function stepsOf(sign: string, letters: string, named: number): Step[] {
  const steps: Step[] = [];
  let who = named;
  let bits = 0;
  let mayX = false;
  let copied = false;
  const flush = (clears: boolean) => {
    if (bits !== 0 || clears) steps.push(change(sign, who, bits));
    if (mayX) steps.push(executeIf(who));
    bits = 0;
    mayX = false;
  };
  // Neither the set-id bits nor the sticky one are those of others.
  const isOthers = named !== 0 && (named & ~0o007) === 0;
  for (const letter of letters) {
    if (letter in SHIFT) {
      flush(false);
      steps.push(copy(sign, who, SHIFT[letter]!));
      copied = true;
    } else if (letter === "X" && sign !== "-") mayX = true;
    else if (letter === "s") bits |= isOthers ? 0 : SET_IDS;
    else if (letter === "t" && !isOthers) {
      // Where nobody is named, it is the only one that counts from now on.
      who |= STICKY;
      bits |= STICKY;
    } else bits |= PERMISSIONS[letter.toLowerCase()] ?? 0;
  }
  flush(sign === "=" && !copied);
  return steps;
}

function change(sign: string, who: number, bits: number): Step {
  const given = who === 0 ? bits : bits & who;
  if (sign === "+") return (now) => now | given;
  if (sign === "-") return (now) => now & ~given;
  return (now) => (now & ~(who || EVERYBODY)) | given;
}

function executeIf(who: number): Step {
  const given = who === 0 ? EXECUTE : EXECUTE & who;
  return (now, mayExecute) => (mayExecute ? now | given : now);
}

/** What one of them may, for those who are named. */
function copy(sign: string, who: number, shift: number): Step {
  const reach = (who === 0 ? EVERYBODY : who) & 0o777;
  return (now) => {
    const given = (((now >> shift) & 7) * EXECUTE) & reach;
    if (sign === "+") return now | given;
    if (sign === "-") return now & ~given;
    return (now & ~reach) | given;
  };
}
