/** What `--chmod` says: an octal number, or changes as chmod(1) has them. */
import { Fault } from "../base/fault.ts";

/** The mode of a node after it; `mode` is the one before. */
export type Chmod = (mode: number, isDirectory: boolean) => number;

export interface ModeChange {
  readonly apply: Chmod;
  /** The number, where it is one: folders that are made on the way get it, too. */
  readonly octal: number | undefined;
}

/** What `--chmod=TEXT` does. `place` is that of the instruction. @throws usage */
export function parseMode(text: string, place: string): ModeChange {
  if (/^[0-7]{1,8}$/.test(text)) {
    const octal = Number.parseInt(text, 8);
    if (octal <= 0o7777) return { octal, apply: () => octal };
  }
  const steps = /^[0-9]/.test(text) ? undefined : parseSteps(text);
  if (steps === undefined) {
    throw new Fault("usage", {
      message: `${place}: --chmod=${JSON.stringify(text)} is no mode, should be an octal number up to 7777 or changes`,
      hint: "for example 755, u=rwX,go=rX or +x",
    });
  }
  return {
    octal: undefined,
    apply: (mode, isDirectory) =>
      steps.reduce((now, step) => step(now, (mode & 0o111) !== 0 || isDirectory), mode),
  };
}

type Step = (mode: number, mayExecute: boolean) => number;

const WHO: Readonly<Record<string, number>> = { u: 0o4700, g: 0o2070, o: 0o0007, a: 0o6777 };
const STICKY = 0o1000;
const PERMISSIONS: Readonly<Record<string, number>> = { r: 0o444, w: 0o222, x: 0o111, s: 0o6000 };
const SHIFT: Readonly<Record<string, number>> = { u: 6, g: 3, o: 0 };

/** `[ugoa]*([-+=][rwxXstugo]*)+`, several with commas between; undefined for anything else. */
function parseSteps(text: string): Step[] | undefined {
  const steps: Step[] = [];
  for (const clause of text.split(",")) {
    const [, who, changes] = /^([ugoa]*)((?:[-+=][rwxXstugo]*)+)$/.exec(clause) ?? [];
    if (who === undefined || changes === undefined) return undefined;
    for (const [, sign = "", letters = ""] of changes.matchAll(/([-+=])([rwxXstugo]*)/g))
      steps.push(step(who, sign, letters));
  }
  return steps;
}

/** With nobody named, everybody is meant: there is no umask here. */
function step(who: string, sign: string, letters: string): Step {
  const bits = [...who].reduce((sum, letter) => sum | WHO[letter]!, 0) || WHO.a!;
  // The sticky bit is nobody's; for others alone it means nothing.
  const reach = who === "o" ? bits : bits | STICKY;
  return (mode, mayExecute) => {
    let given = 0;
    for (const letter of letters) {
      if (letter === "t") given |= STICKY;
      else if (letter === "X") given |= mayExecute || sign === "-" ? 0o111 : 0;
      else if (letter in SHIFT) given |= ((mode >> SHIFT[letter]!) & 7) * 0o111;
      else given |= PERMISSIONS[letter]!;
    }
    given &= reach;
    if (sign === "+") return mode | given;
    if (sign === "-") return mode & ~given;
    return (mode & ~bits) | given;
  };
}
