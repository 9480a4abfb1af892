/** Where the password of a private key comes from. */
import { isatty } from "node:tty";
import { text } from "../../base/bytes.ts";
import { IngotError } from "../../base/error.ts";
import { readFile } from "../../base/fs/file.ts";
import type { Context } from "../args/define-command.ts";
import { quote } from "../output/text.ts";

export const PASSWORD_FILE = {
  type: "string",
  valueHint: "FILE",
  description: "the password of the private key; else COSIGN_PASSWORD, else asked at the terminal",
} as const;

/** A password is shorter. Bytes. */
const LIMIT = 64 * 1024;

/**
 * How to learn the password of a key: from the file, from COSIGN_PASSWORD (which may be empty), or at the terminal.
 * @param isNew whether it is for a new key: then it is asked for twice @throws usage where nothing says it
 */
export function passwordFor(
  key: string,
  file: string | undefined,
  { settings }: Context,
  isNew = false,
): () => Promise<string> {
  return async () => {
    if (file !== undefined) return fromFile(file);
    const { COSIGN_PASSWORD: given } = settings.environment;
    if (given !== undefined) return given;
    if (!isatty(0) || !isatty(2))
      throw new IngotError("usage", {
        message: `the password of ${quote(key)} is not given`,
        hint: "set COSIGN_PASSWORD (it may be empty), or name a file: --password-file FILE",
      });
    const password = await ask(`password of ${quote(key)}: `);
    if (isNew && (await ask("the same again: ")) !== password)
      throw new IngotError("usage", { message: "the two passwords differ, should be the same" });
    return password;
  };
}

function fromFile(file: string): string {
  const found = text(readFile(file, LIMIT))?.replace(/\r?\n$/, "");
  if (found === undefined || /[\r\n\0]/.test(found))
    throw new IngotError("usage", {
      message: `${quote(file)} is not a password (expected one line of text)`,
    });
  return found;
}

const [ENTER, LINE, INTERRUPT, END, ERASE, BACKSPACE] = [13, 10, 3, 4, 127, 8];

/** Asks at the terminal, which shows nothing of the answer. */
async function ask(question: string): Promise<string> {
  const { stdin, stderr } = process;
  stderr.write(question);
  const typed: number[] = [];
  stdin.setRawMode(true);
  try {
    for await (const piece of stdin.iterator({ destroyOnReturn: false }))
      for (const byte of piece as Uint8Array) {
        if (byte === ENTER || byte === LINE) return Buffer.from(typed).toString();
        if (byte === INTERRUPT || byte === END)
          throw new IngotError("usage", { message: "no password was typed" });
        if (byte !== ERASE && byte !== BACKSPACE) typed.push(byte);
        else if (typed.length > 0) typed.pop();
      }
    throw new IngotError("usage", { message: "no password was typed" });
  } finally {
    stdin.setRawMode(false);
    stdin.pause();
    stderr.write("\n");
  }
}
